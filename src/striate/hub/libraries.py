"""What torchvision and timm say of their weights: where they are, what goes in, what comes out."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from striate.errors import WeightsError
from striate.hub.conversion import Origin, Source
from striate.hub.state_dicts import read_state_dict
from striate.hub.weight_files import refuse_unsound
from striate.support.download import DownloadError
from striate.support.download import fetch as download
from striate.support.paths import exists, resolved, shown


def has_timm() -> bool:
    """Whether timm is installed."""
    import importlib.util

    return importlib.util.find_spec("timm") is not None


def fetch(origin: Origin, source: Source) -> tuple[Path, str]:
    """The file with the library's weights, downloaded if need be, and what to call them."""
    if source == "torchvision":
        weights = _torchvision(origin)
        url, label = weights.url, f"torchvision {origin.name} {weights.name}"
        return _download(url, url.rpartition("/")[2], label), label
    config, label = _timm(origin), f"timm {origin.name}"
    if not config.hf_hub_id:
        return _download(config.url, config.url.rpartition("/")[2], label), label
    from huggingface_hub import hf_hub_url, try_to_load_from_cache

    file = config.hf_hub_filename or "model.safetensors"
    cached = try_to_load_from_cache(config.hf_hub_id, file)
    if isinstance(cached, str):
        return Path(cached), label
    # In one place with the others and under a name of its own: somebody may have to bring it.
    return _download(hf_hub_url(config.hf_hub_id, file), f"{origin.name}.safetensors", label), label


def fetched_state(origin: Origin, source: Source) -> tuple[Path, str, dict[str, Tensor]]:
    """The library's weights under its own names, with their file and what to call them.

    Raises:
        WeightsError: they cannot be had, or the file that lies in the cache is damaged.
    """
    file, label = fetch(origin, source)
    try:
        return file, label, read_state_dict(file).state
    except WeightsError as error:
        remedy = f"delete {shown(file)} to have it fetched anew"
        raise WeightsError(error.what, error.why, remedy) from None


def _download(url: str, name: str, label: str) -> Path:
    """`url` as the file `name` in PyTorch's own cache; WeightsError where it cannot be had."""
    target = resolved(torch.hub.get_dir(), kind=WeightsError) / "checkpoints" / name
    if exists(target, kind=WeightsError):
        return target
    # torchvision's and timm's file names end in the beginning of their SHA-256.
    stamp = re.search(r"-([0-9a-f]{8,})\.pth$", name)
    try:
        download(url, target, sound=refuse_unsound, digest=stamp[1] if stamp else "")
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


def _torchvision(origin: Origin) -> Any:
    from torchvision.models import get_model_weights

    return get_model_weights(origin.name)["DEFAULT"]


def _timm(origin: Origin) -> Any:
    import timm

    return timm.get_pretrained_cfg(origin.name)


def imagenet_classes() -> tuple[str, ...]:
    """The thousand classes of ILSVRC in their order, which all these weights share."""
    from torchvision.models import ResNet18_Weights

    return tuple(ResNet18_Weights.IMAGENET1K_V1.meta["categories"])


def preprocessing_of(origin: Origin, source: Source) -> dict[str, Any] | None:
    """What the library does to an image before this network; None if timm is not installed."""
    if source == "torchvision":
        preset = _torchvision(origin).transforms()
        side, resize = preset.crop_size[0], preset.resize_size[0]
        interpolation, mean, std = preset.interpolation.value, preset.mean, preset.std
    elif has_timm():
        config = _timm(origin)
        side, resize = config.input_size[1], math.floor(config.input_size[1] / config.crop_pct)
        interpolation, mean, std = config.interpolation, config.mean, config.std
    else:
        return None
    if origin.transform_input:
        mean = std = (0.5, 0.5, 0.5)
    return {
        "fit": "crop",
        "resize": resize,
        "height": side,
        "width": side,
        "channels": 3,
        "fill": 0,
        "interpolation": interpolation,
        "mean": list(mean),
        "std": list(std),
    }
