"""Images to measure on are asked one by one whether the network was trained on them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from striate.data.contents import read_contents
from striate.data.labelled import Training, open_labelled
from striate.data.manifest import fingerprint_with_names
from striate.data.reading import ReadSettings
from striate.data.sources import Data, data_from, open_data
from striate.data.split import draw
from striate.data.split_by_draw import held_out_by_draw
from striate.errors import DataError

CLASSES = ("ant", "bee", "cow")


def fill(folder: Path, count: int = 5, start: int = 0) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(start, start + count):
        pixels = np.random.default_rng(number).integers(0, 256, (20, 20, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:03}.png")


def training(data: Data, *, old: bool = False, seed: int = 0) -> Training:
    """What a run says of its images; `old`: from before there was a list of them."""
    return Training(
        manifest=None if old else data.manifest,
        fingerprint=fingerprint_with_names(data.splits) if old else data.fingerprint,
        seed=seed,
        val_fraction=0.2,
        held_out=data.held_out_name,
    )


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for place, name in enumerate(CLASSES):
        fill(tmp_path / "photos" / name, 20, 100 * place)
    return tmp_path / "photos"


def as_it_is(root: Path) -> Path:
    return root


def one_more(root: Path) -> Path:
    fill(root / "ant", 1, 900)
    return root


def all_renamed(root: Path) -> Path:
    for path in list(root.rglob("*.png")):
        path.rename(path.with_name(f"x{path.stem}.jpeg"))
    return root


def one_class_fewer(root: Path) -> Path:
    shutil.rmtree(root / "cow")
    return root


def moved_under_train(root: Path) -> Path:
    root.rename(root.parent / "train")
    return root.parent


def called_test(root: Path) -> Path:
    root.rename(root.parent / "test")
    return root.parent


def trained_ones_added_elsewhere(root: Path) -> Path:
    other = root.parent / "others"
    fill(other / "bee", 4, 700)
    for path in list((root / "bee").iterdir()):
        shutil.copy(path, other / "bee" / f"copy {path.name}")
    return other


@pytest.mark.parametrize(
    "change",
    [
        as_it_is,
        one_more,
        all_renamed,
        one_class_fewer,
        moved_under_train,
        called_test,
        trained_ones_added_elsewhere,
    ],
)
def test_what_was_trained_on_is_left_out_and_counted(
    root: Path, change: Callable[[Path], Path]
) -> None:
    data = open_data(root)
    known = training(data)
    place = change(root)
    found = open_labelled(place, CLASSES, training=known)
    everything = open_labelled(place, CLASSES, training=known, all_images=True)
    trained = set(data.train.digests)
    there = list(everything.images.digests)
    assert sorted(found.images.digests) == sorted(set(there) - trained)
    assert found.left_out == sum(digest in trained for digest in there) > 0
    assert everything.left_out == 0
    for digest, label in zip(found.images.digests, found.images.labels, strict=True):
        place_of = everything.images.digests.index(digest)
        assert label == everything.images.labels[place_of]


def test_the_runs_own_folder_gives_its_held_out_images(root: Path) -> None:
    data = open_data(root)
    contents = read_contents(root, ReadSettings())
    before = data_from(contents, rule=held_out_by_draw)
    assert list(before.val.names) != list(data.val.names)
    for own, old in ((data, False), (data, True), (before, True)):
        found = open_labelled(root, data.classes, training=training(own, old=old))
        assert list(found.images.names) == list(own.val.names)
        assert found.left_out == len(own.train)


def test_images_of_a_given_split_that_were_trained_on_are_left_out(tmp_path: Path) -> None:
    for split, start in (("train", 0), ("val", 50)):
        fill(tmp_path / split / "ant", 6, start)
        fill(tmp_path / split / "bee", 6, start + 20)
    data = open_data(tmp_path)
    # One of the training images is among the validation images, too.
    shutil.copy(tmp_path / "train/ant/000.png", tmp_path / "val/ant/copy.png")
    found = open_labelled(tmp_path, ("ant", "bee"), training=training(data))
    assert (len(found.images), found.left_out) == (12, 1)
    assert found.notes[0] == "measured on the val images"
    everything = open_labelled(tmp_path, ("ant", "bee"), training=training(data), all_images=True)
    assert len(everything.images) == 25


def test_a_run_without_a_list_leaves_out_what_its_draws_would_train_on(root: Path) -> None:
    data = open_data(root, seed=3)
    known = training(data, old=True, seed=3)
    one_more(root)
    found = open_labelled(root, CLASSES, training=known)
    assert all(draw(digest, 3) < 0.2 for digest in found.images.digests)
    assert not set(found.images.digests) & set(data.train.digests)
    assert any("from before runs kept a list" in note for note in found.notes)
    # What was given as it is cannot be told by draws.
    given = replace(known, held_out="val")
    found = open_labelled(root, CLASSES, training=given)
    assert (len(found.images), found.left_out) == (61, 0)
    assert any("cannot be known" in note for note in found.notes)


def test_nothing_left_to_measure_on_is_told(root: Path) -> None:
    data = open_data(root)
    for name, digest in zip(data.val.names, data.val.digests, strict=True):
        assert digest
        (root / name).unlink()
    with pytest.raises(
        DataError, match=r"trained on every one of its \d+ images; .*`all_images=True`"
    ):
        open_labelled(root, CLASSES, training=training(data))


@pytest.mark.parametrize("folders", [["a", "b"], ["train/a", "val/a"], ["test/a"]])
def test_folders_without_images_are_told(tmp_path: Path, folders: list[str]) -> None:
    for folder in folders:
        (tmp_path / folder).mkdir(parents=True)
    with pytest.raises(DataError, match="holds no images to measure on"):
        open_labelled(tmp_path, ("a", "b"))


def test_labelled_images_take_the_networks_labels(tmp_path: Path) -> None:
    fill(tmp_path / "tulip", 3)
    images = open_labelled(tmp_path, ("daisy", "rose", "tulip")).images
    assert images.labels.tolist() == [2, 2, 2]
    assert images.classes == ("daisy", "rose", "tulip")
    with pytest.raises(DataError, match="'tulip' is not in the network's classes"):
        open_labelled(tmp_path, ("daisy", "rose"))
    for split, start in (("train", 0), ("val", 20), ("test", 40)):
        fill(tmp_path / "parts" / split / "rose", 2, start)
    assert open_labelled(tmp_path / "parts", ("rose",)).images.names[0] == "test/rose/040.png"


def test_bad_files_are_named_and_left_out_on_request(root: Path) -> None:
    (root / "ant" / "bad.jpg").write_bytes(b"")
    with pytest.raises(DataError, match=r"1 file cannot be used: ant/bad\.jpg .*skip_bad"):
        open_labelled(root, CLASSES)
    found = open_labelled(root, CLASSES, skip_bad=True)
    assert [problem.name for problem in found.skipped] == ["ant/bad.jpg"]
    assert len(found.images) == 60
