"""Files of weights fetched once, into PyTorch's cache."""

from __future__ import annotations

import re
from pathlib import Path

import torch

from striate.errors import WeightsError
from striate.hub.weight_files import refuse_unsound
from striate.support.download import DownloadError, fetch
from striate.support.paths import exists, resolved, shown


def download(url: str, name: str, label: str) -> Path:
    """`url` as the file `name` in PyTorch's cache, where it is not downloaded twice.

    Args:
        url: where it is published.
        name: of the file; its end is checked against the beginning of the file's SHA-256 where it
            is that, as torchvision's and timm's file names have it.
        label: what to call the weights, for the error.

    Raises:
        WeightsError: it cannot be had, or what came is no weights.
    """
    target = resolved(torch.hub.get_dir(), kind=WeightsError) / "checkpoints" / name
    if exists(target, kind=WeightsError):
        return target
    stamp = re.search(r"-([0-9a-f]{8,})\.pth$", name)
    try:
        fetch(url, target, sound=refuse_unsound, digest=stamp[1] if stamp else "")
    except WeightsError as error:
        why = f"what came {error.why}"
    except DownloadError as error:
        why = str(error)
    else:
        return target
    raise WeightsError(
        label,
        f"cannot be fetched ({why})",
        f"put {url} at {shown(target)}, or give its path as the weights",
    )
