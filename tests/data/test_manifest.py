"""A run's list of its images finds them again, whatever they are called and wherever they lie."""

from __future__ import annotations

import hashlib
import json
import shutil
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from striate.data.manifest import Manifest
from striate.data.sources import Data, open_data
from striate.data.targets import Answers
from striate.errors import RunError


def fill(folder: Path, count: int = 5, start: int = 0, side: int = 20) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(start, start + count):
        pixels = np.random.default_rng(number).integers(0, 256, (side, side, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:03}.png")


def seen(data: Data) -> dict[str, list[tuple[str, str]]]:
    """Content and class of every image, by split, in order."""
    return {
        split: [
            (digest, images.classes[label])
            for digest, label in zip(images.digests, images.labels.tolist(), strict=True)
        ]
        for split, images in data.splits.items()
    }


@pytest.fixture(params=["classes", "splits"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Class folders, with a split of their own or without."""
    root = tmp_path / "photos"
    for place, part in enumerate(("",) if request.param == "classes" else ("train", "val", "test")):
        fill(root / part / "ant", 8, 100 * place)
        fill(root / part / "bee", 6, 100 * place + 20)
    return root


def rename_all(root: Path) -> None:
    """Other names, in the opposite order."""
    for path in sorted(root.rglob("*.png")):
        path.rename(path.with_name(f"{999 - int(path.stem)}.PNG"))


def add_some(root: Path) -> None:
    fill(next(root.rglob("ant")), 3, 500)
    fill(next(root.rglob("bee")).parent / "cow", 3, 600, side=80)


def move_under_train(root: Path) -> None:
    names = ("ant", "bee")
    aside = root.with_name("aside")
    for part in [root, *root.iterdir()]:
        for name in names:
            if (part / name).is_dir():
                shutil.copytree(part / name, aside / "train" / name, dirs_exist_ok=True)
    shutil.rmtree(root)
    aside.rename(root)


@pytest.mark.parametrize("change", [lambda root: None, rename_all, add_some, move_under_train])
def test_images_are_found_again_in_their_order(
    folder: Path, change: Callable[[Path], None]
) -> None:
    before = open_data(folder)
    kept = Manifest.from_bytes(before.manifest.to_bytes(), "images", before.fingerprint)
    change(folder)
    after = open_data(folder, manifest=kept)
    assert seen(after) == seen(before)
    assert after.fingerprint == before.fingerprint
    assert after.is_of(before.fingerprint)
    assert (after.held_out_name, after.classes) == (before.held_out_name, before.classes)
    for one, other in zip(before.splits.values(), after.splits.values(), strict=True):
        assert all((one.read(i) == other.read(i)).all() for i in range(len(one)))
    added = [note for note in after.notes if "came after the run began" in note]
    assert added == (["6 images came after the run began: not used"] if change is add_some else [])


def test_an_image_that_is_gone_is_told(folder: Path) -> None:
    kept = open_data(folder).manifest
    total = sum(map(len, kept.digests.values()))
    next(folder.rglob("ant/*.png")).unlink()
    with pytest.raises(RunError, match=f"holds other images .*: 1 of {total} are not there"):
        open_data(folder, manifest=kept)
    next(folder.rglob("ant/*.png")).write_bytes(b"")
    with pytest.raises(RunError, match=r"2 of .* not there, .*\.png is empty"):
        open_data(folder, manifest=kept)


def test_the_fingerprint_is_the_hash_of_split_class_and_content(folder: Path) -> None:
    data = open_data(folder)
    lines = sorted(
        f"{split}\0{name}\0{digest}\n"
        for split, rows in seen(data).items()
        for digest, name in rows
    )
    told = "content:" + hashlib.sha256("".join(lines).encode()).hexdigest()
    assert data.fingerprint == told


def test_fingerprints_of_old_runs_hold_names_as_they_did(folder: Path) -> None:
    data = open_data(folder)
    # As the versions before there was a list wrote it.
    lines = sorted(
        f"{split}\0{images.classes[images.labels[i]]}\0{images.names[i]}\0{images.digests[i]}\n"
        for split, images in data.splits.items()
        for i in range(len(images))
    )
    old = hashlib.sha256("".join(lines).encode()).hexdigest()
    assert data.is_of(old)
    rename_all(folder)
    assert not open_data(folder).is_of(old)
    assert not data.is_of("0" * 64)


def test_an_image_of_the_training_part_is_known_by_its_content(folder: Path) -> None:
    data = open_data(folder)
    digests = [*data.train.digests, *data.val.digests, "0" * 32]
    known = data.manifest.trained_on(digests)
    assert known.tolist() == [True] * len(data.train) + [False] * (len(data.val) + 1)


def damaged(content: bytes) -> dict[str, bytes]:
    """Files that are no list of these images."""
    size = struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8 : 8 + size])
    other = {**header, "train.labels": {**header["train.labels"], "dtype": "F32"}}
    bare = {name: value for name, value in header.items() if name != "__metadata__"}

    def with_header(changed: dict[str, object]) -> bytes:
        text = json.dumps(changed).encode()
        return struct.pack("<Q", len(text)) + text + content[8 + size :]

    flipped = bytearray(content)
    flipped[-40] ^= 1
    return {
        "empty": b"",
        "cut": content[: len(content) // 2],
        "text": b"not a list of images, but long enough",
        "other numbers": with_header(other),
        "no words": with_header(bare),
        "flipped": bytes(flipped),
    }


def test_a_damaged_list_is_refused_in_one_line(folder: Path) -> None:
    data = open_data(folder)
    for what, content in damaged(data.manifest.to_bytes()).items():
        with pytest.raises(RunError, match="is damaged; restore it") as caught:
            Manifest.from_bytes(content, "images.safetensors", data.fingerprint)
        assert "\n" not in str(caught.value), what
    with pytest.raises(RunError, match="that of other images"):
        Manifest.from_bytes(data.manifest.to_bytes(), "images.safetensors", "0" * 64)
    older = replace(data, fingerprint="0" * 64).manifest.to_bytes()
    assert Manifest.from_bytes(older, "images.safetensors", "0" * 64).classes == data.classes


# --- numbers instead of classes ---------------------------------------------------------------


@pytest.fixture
def aged(tmp_path: Path) -> Path:
    """A table with two numbers for each of 20 pictures."""
    fill(tmp_path / "photos", 20)
    lines = [f"photos/{number:03}.png,{number},{number % 5 - 0.5}" for number in range(20)]
    (tmp_path / "t.csv").write_text("file,age (years),tilt\n" + "\n".join(lines) + "\n")
    return tmp_path / "t.csv"


def test_numbers_are_stored_and_found_again_without_naming_them(aged: Path) -> None:
    data = open_data(aged, answers=Answers.of(["age", "tilt"]), seed=1)
    content = data.manifest.to_bytes()
    manifest = Manifest.from_bytes(content, "images", data.fingerprint)
    assert manifest.targets == data.targets
    assert manifest.to_bytes() == content
    fill(aged.parent / "photos", 3, 50)
    with aged.open("a") as file:
        file.writelines(f"photos/05{number}.png,1,2\n" for number in range(3))
    again = open_data(aged, manifest=manifest, seed=1)
    assert again.is_of(data.fingerprint)
    assert again.targets == data.targets
    for split, images in data.splits.items():
        assert list(again.splits[split].digests) == list(images.digests)
        assert np.array_equal(again.splits[split].values, images.values)
    assert any("3 images came after the run began" in note for note in again.notes)


def test_another_number_is_another_image(aged: Path) -> None:
    answers = Answers.of(["age", "tilt"])
    data = open_data(aged, answers=answers, seed=1)
    content = aged.read_text()
    aged.write_text(content.replace("005.png,5,", "005.png,6,"))
    assert open_data(aged, answers=answers, seed=1).fingerprint != data.fingerprint
    with pytest.raises(RunError, match="1 of 20 are not there"):
        open_data(aged, manifest=data.manifest, seed=1)
    aged.write_text(content.replace("age (years)", "size"))
    assert open_data(aged, answers=Answers.of(["size", "tilt"]), seed=1).fingerprint != (
        data.fingerprint
    )
    aged.write_text(content.replace("(years)", "(months)"))  # for people alone
    assert open_data(aged, answers=answers, seed=1).fingerprint == data.fingerprint


def test_a_damaged_list_of_numbers_is_refused(aged: Path) -> None:
    data = open_data(aged, answers=Answers.of("age"), seed=1)
    whole = data.manifest
    for harmed in (
        replace(whole, values={"train": whole.values["train"]}),
        replace(whole, values={split: each + 1 for split, each in whole.values.items()}),
        replace(
            whole,
            values={split: np.full_like(each, np.inf) for split, each in whole.values.items()},
        ),
        replace(whole, targets=()),
    ):
        with pytest.raises(RunError, match="is damaged"):
            Manifest.from_bytes(harmed.to_bytes(), "images", data.fingerprint)
