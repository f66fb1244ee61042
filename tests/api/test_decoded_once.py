"""Every command decodes a large photograph once, whatever it needs of it.

What people look at is excepted: the validation images that a run keeps and the pictures of a
report, which are decoded in full when they are made.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import striate
from striate.data import known, scan
from striate.data.decoding import decode
from striate.data.sources import open_data
from striate.support.folders import cache_folder

IMAGES, HELD_OUT, CLASSES = 16, 4, 2
RECIPE = """
name = "crops"
epochs = 1
batch_size = 4
[optimiser]
rate = 0.02
[augmentation]
crop = "resized"
"""
Decoded = Callable[[], Counter[str]]


def photographs(folder: Path, seed: int, *, split: bool) -> Path:
    """Two classes of eight pictures that no one takes for each other, two of each in ``val``."""
    random = np.random.default_rng(seed)
    for name in ("calm", "wild <b>"):
        for index in range(IMAGES // CLASSES):
            part = ("val" if index < HELD_OUT // CLASSES else "train") if split else ""
            blobs = random.integers(0, 256, (6, 7, 3), dtype=np.uint8)
            size = (160 + index, 130)
            (folder / part / name).mkdir(parents=True, exist_ok=True)
            picture = Image.fromarray(blobs).resize(size, Image.Resampling.BICUBIC)
            picture.save(folder / part / name / f"{index}.jpg", quality=95)
    return folder


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return photographs(tmp_path / "photos", 0, split=True)


def train_on(data: Path, out: Path, **more: Any) -> None:
    recipe = out.with_name("crops.toml")
    recipe.write_text(RECIPE)
    given = {"net": "resnet20", "recipe": str(recipe), "size": 16, "workers": 2}
    striate.train(data, out=out, **(given | more))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was trained on such photographs, in a folder beside them."""
    root = tmp_path_factory.mktemp("trained")
    train_on(photographs(root / "photos", 0, split=True), root / "run")
    return root / "run"


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> Decoded:
    """Gives how often each file was decoded since it was last called, by content hash."""
    monkeypatch.setattr(known, "_GRANULE", -1_000_000_000)  # no file is too new to be relied on
    monkeypatch.setattr("striate.data.statistics._LARGE", 1)
    seen = list[str]()
    original = decode.decoded

    def counted(data: bytes, *given: Any, **more: Any) -> Any:
        seen.append(decode.digest_of(data))
        return original(data, *given, **more)

    monkeypatch.setattr(decode, "decoded", counted)
    monkeypatch.setattr(scan, "decoded", counted)

    def since() -> Counter[str]:
        found = Counter(seen)
        seen.clear()
        return found

    return since


def digests(folder: Path) -> set[str]:
    return {decode.digest_of(file.read_bytes()) for file in folder.rglob("*.jpg")}


def assert_once(
    found: Counter[str], wanted: set[str], *, pictures: int = 0, neighbours: int = 0
) -> None:
    """All of `wanted` were decoded once, and beside that so many to be looked at, if any.

    Of the training images that a report shows beside mistakes there may be up to `neighbours`.
    """
    extra = found - Counter(wanted)
    assert wanted <= found.keys()
    assert pictures <= extra.total() <= pictures + neighbours
    assert max(extra.values(), default=1) == 1


def test_check(photos: Path, decoded: Decoded) -> None:
    first = striate.check(photos)
    assert_once(decoded(), digests(photos))
    assert not any(group.kind == "near" for group in first.duplicates)
    assert striate.check(photos) == first
    assert not decoded()


def test_check_of_photographs_that_were_seen_before(photos: Path, decoded: Decoded) -> None:
    open_data(photos, cache=cache_folder())
    assert_once(decoded(), digests(photos))
    found = striate.check(photos)
    assert_once(decoded(), digests(photos))
    assert striate.check(photos, recheck=True) == found


@pytest.mark.parametrize("split", [False, True], ids=["held out as guessed", "as the folders say"])
def test_train(decoded: Decoded, tmp_path: Path, split: bool) -> None:
    photos = photographs(tmp_path / "photos", 4, split=split)
    train_on(photos, tmp_path / "first")
    held = striate.open_run(tmp_path / "first").config.data.val_images
    others = IMAGES - held - CLASSES
    assert_once(decoded(), digests(photos), pictures=held + CLASSES, neighbours=others)
    train_on(photos, tmp_path / "second")
    # Those of the report are kept; another network has its mistakes elsewhere.
    assert_once(decoded(), set(), pictures=held, neighbours=others)


def test_evaluate(run: Path, decoded: Decoded, tmp_path: Path) -> None:
    photos = run.with_name("photos")
    own = striate.evaluate(run)
    given = {"pictures": HELD_OUT + CLASSES, "neighbours": IMAGES - HELD_OUT - CLASSES}
    assert_once(decoded(), digests(photos / "val"), **given)
    # Elsewhere, and so not known by their files, but by what the run lists.
    moved = Path(shutil.copytree(photos, tmp_path / "moved"))
    again = striate.evaluate(run, moved)
    assert_once(decoded(), digests(photos / "val"))
    assert (again.images, again.loss) == (own.images, own.loss)


@pytest.mark.parametrize("split", [False, True], ids=["all", "val alone"])
@pytest.mark.parametrize("everything", [False, True])
def test_evaluate_elsewhere(
    run: Path, decoded: Decoded, tmp_path: Path, split: bool, everything: bool
) -> None:
    others = photographs(tmp_path / "others", 1, split=split)
    found = striate.evaluate(run, others, all_images=everything)
    assert_once(decoded(), digests(others))
    assert found.images == (HELD_OUT if split and not everything else IMAGES)
    again = striate.evaluate(run, others, all_images=everything)
    assert decoded().total() == again.images
    assert (again.loss, again.top1) == (found.loss, found.top1)
    assert (again.confusion == found.confusion).all()


def test_predict(run: Path, decoded: Decoded) -> None:
    photos = run.with_name("photos")
    assert len(striate.predict(run, photos)) == IMAGES
    assert_once(decoded(), digests(photos))


@pytest.mark.parametrize("views", [1, 2])
def test_transfer(run: Path, decoded: Decoded, tmp_path: Path, views: int) -> None:
    photos = photographs(tmp_path / "photos", 1, split=True)
    given: dict[str, Any] = {"backbone": run, "views": views, "export": False}
    given |= {"engine": "torch float32", "workers": 2}
    striate.transfer(photos, out=tmp_path / "head", **given)
    assert_once(decoded(), digests(photos), pictures=HELD_OUT)
    striate.transfer(photos, out=tmp_path / "again", **given)
    shown = decoded().total() - (HELD_OUT + HELD_OUT + CLASSES)
    assert 0 <= shown <= IMAGES - HELD_OUT - CLASSES, "kept, and shown in the report"
    others = photographs(tmp_path / "others", 2, split=False)
    striate.evaluate(tmp_path / "head", others)
    assert_once(decoded(), digests(others))
