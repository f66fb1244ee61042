"""Which folder a new run gets: the one that was asked for, or one that is called after it."""

from __future__ import annotations

import re
from itertools import chain, count
from pathlib import Path

from striate.data.archives.members import is_archive, suffix_of
from striate.data.tables.find import is_table
from striate.errors import DataError, RunError
from striate.runs.claim import Held, claim, claim_first
from striate.support.paths import is_folder, resolved, shown


def claim_out(data: str | Path, wanted: str | Path | None, network: str, *, otherwise: str) -> Held:
    """Claim the folder for a new run: an empty or a new one, and none among the images.

    Where none is `wanted` it is called after `network` and `data`; `otherwise` as for `claim`.
    """
    images = resolved(data, kind=DataError)
    if wanted is not None:
        out = resolved(wanted, kind=RunError)
        _refuse_among_images(out, images)
        return claim(out, otherwise=otherwise)
    name = images.stem if is_table(images) else images.name
    if is_archive(images):
        name = name.removesuffix(suffix_of(images))
    stem = re.sub(r"[^\w.-]+", "-", name).strip("-") or "data"
    # A legal name with something before and behind it would exceed what a name may have.
    base = Path("runs").resolve() / f"{network}-{stem[:100]}"
    _refuse_among_images(base, images)
    numbered = (base.with_name(f"{base.name}-{number}") for number in count(2))
    return claim_first(chain([base], numbered))


def _refuse_among_images(out: Path, images: Path) -> None:
    if is_folder(images, kind=DataError) and out.is_relative_to(images):
        raise RunError(
            shown(out), "lies in the folder of the images", "choose a folder outside it for the run"
        )
