"""What features are computed of is taken while images are checked, and is the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from striate.data.contents import ReadSettings, read_contents
from striate.data.images import ImageSet
from striate.data.scan import Visitor
from striate.data.working_copies.fitted import FittedImages
from striate.data.working_copies.made import Made
from striate.errors import DataError
from striate.transfer_learning.backbone import Backbone
from striate.transfer_learning.features import features
from striate.transfer_learning.views import DrawnViews


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Photographs that are large for a network of 32 pixels, one of them grey, and a small one."""
    random = np.random.default_rng(0)
    for number in range(6):
        where = tmp_path / "photos" / "ab"[number % 2]
        where.mkdir(parents=True, exist_ok=True)
        sides = (90, 100) if number == 5 else (200 + number, 180)
        pixels = random.integers(0, 256, (*sides, 3), np.uint8)
        picture = Image.fromarray(pixels)
        (picture.convert("L") if number == 4 else picture).save(where / f"{number}.png")
    return tmp_path / "photos"


def opened(folder: Path, *visitors: Visitor) -> ImageSet:
    return read_contents(folder, ReadSettings(workers=2, visitors=visitors)).sets["train"]


def test_features_need_no_second_decoding(folder: Path, backbone: Backbone, tmp_path: Path) -> None:
    def computed(images: ImageSet, cache: str, drawn: DrawnViews | None = None) -> bytes:
        found = features(
            backbone,
            images,
            views=3,
            seed=7,
            engine="torch float32",
            cache_dir=tmp_path / cache,
            workers=2,
            drawn=drawn,
        )
        return found.values.tobytes()

    wanted = computed(opened(folder), "one")
    fitted, drawn = FittedImages(backbone.preprocessing), DrawnViews(backbone.preprocessing, 3, 7)
    images = replace(opened(folder, fitted, drawn), made=Made(fitted=fitted))
    for path in images.paths or ():
        if path.name != "5.png":
            path.unlink()
    assert computed(images, "two", drawn) == wanted
    # The small one was not held.
    (folder / "b" / "5.png").unlink()
    with pytest.raises(DataError, match=r"5\.png"):
        computed(images, "three", drawn)


def test_what_has_no_room_is_drawn_again(
    folder: Path, backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = DrawnViews(backbone.preprocessing, 3, 0)
    images = opened(folder)
    wanted = [plain.read(images, index, 2) for index in range(len(images))]
    monkeypatch.setattr("striate.transfer_learning.views.MOST_HELD", 30_000)
    short = DrawnViews(backbone.preprocessing, 3, 0)
    opened(folder, short)
    found = [short.read(images, index, 2) for index in range(len(images))]
    assert all((one == other).all() for one, other in zip(found, wanted, strict=True))
