from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from striate.data.contents import read_contents
from striate.data.reading import ReadSettings
from striate.data.sources import data_from, open_data
from striate.data.split_by_draw import held_out_by_draw
from striate.errors import DataError

ODD_NAMES = ["white cat", "'single' \"double\"", "<b>bold & [red]", "中文 花", "ünï"]


def picture(number: int, side: int = 20) -> Image.Image:
    pixels = np.random.default_rng(number).integers(0, 256, (side, side, 3), np.uint8)
    return Image.fromarray(pixels)


def fill(folder: Path, count: int = 5, start: int = 0) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(start, start + count):
        picture(number).save(folder / f"{number:03}.png")


def names(images) -> list[str]:
    return sorted(images.names)


def test_a_folder_of_class_folders_is_split(tmp_path):
    for place, name in enumerate(ODD_NAMES):
        fill(tmp_path / name, 10, 100 * place)
    data = open_data(tmp_path)
    assert data.classes == tuple(sorted(ODD_NAMES))
    assert data.held_out_name == "split"
    assert data.test is None
    assert len(data.train) + len(data.val) == 50
    assert data.val.counts.tolist() == [2] * len(ODD_NAMES)
    assert not set(data.train.digests) & set(data.val.digests)
    assert data.origin == str(tmp_path.resolve())
    for images in (data.train, data.val):
        for index, name in enumerate(images.names):
            assert name.split("/")[0] == data.classes[images.labels[index]]
            assert images.path(index) == tmp_path.resolve() / name


@pytest.mark.parametrize("val", ["val", "valid", "validation", "Val"])
def test_train_and_val_folders(tmp_path, val):
    for split, start in (("train", 0), (val, 50), ("test", 80)):
        fill(tmp_path / split / "a", 3, start)
        fill(tmp_path / split / "b", 2, start + 10)
    data = open_data(tmp_path)
    assert data.test is not None
    assert [len(images) for images in data.splits.values()] == [5, 5, 5]
    assert data.held_out_name == "val"
    assert names(data.val)[0] == f"{val}/a/050.png"


def test_a_test_folder_alone_is_what_training_is_judged_by(tmp_path):
    for split in ("train", "test"):
        fill(tmp_path / split / "a")
        fill(tmp_path / split / "b", start=10)
    data = open_data(tmp_path)
    assert (data.held_out_name, data.test, len(data.val)) == ("test", None, 10)


def test_a_train_folder_alone_is_split(tmp_path):
    fill(tmp_path / "train" / "a")
    fill(tmp_path / "train" / "b", start=10)
    data = open_data(tmp_path)
    assert data.held_out_name == "split"
    assert data.classes == ("a", "b")


def test_a_class_may_be_called_train(tmp_path):
    fill(tmp_path / "train")
    fill(tmp_path / "plane", start=10)
    assert open_data(tmp_path).classes == ("plane", "train")


def test_unlabelled_test_images_are_not_used_and_noted(tmp_path):
    for name, start in (("train/a", 0), ("train/b", 10), ("val/a", 20), ("val/b", 30)):
        fill(tmp_path / name, start=start)
    fill(tmp_path / "test", start=50)
    data = open_data(tmp_path)
    assert data.test is None
    assert any("test/ has no class folders" in note for note in data.notes)


def test_a_class_missing_in_train_is_refused_and_in_val_is_noted(tmp_path):
    fill(tmp_path / "train" / "rose")
    fill(tmp_path / "train" / "tulip", start=10)
    fill(tmp_path / "val" / "tulip", start=20)
    data = open_data(tmp_path)
    assert data.val.counts.tolist() == [0, 5]
    assert data.notes == ("no image is held out of: rose",)
    fill(tmp_path / "val" / "tulips", start=30)
    with pytest.raises(DataError, match=r"class 'tulips' is not in train; did you mean 'tulip'\?"):
        open_data(tmp_path)


def test_what_is_hidden_or_no_image_is_passed_over(tmp_path):
    fill(tmp_path / "a")
    fill(tmp_path / "b", start=10)
    fill(tmp_path / "__MACOSX" / "a")
    fill(tmp_path / ".cache" / "a")
    for name in (".DS_Store", "Thumbs.db", "notes.txt", "._001.png"):
        (tmp_path / "a" / name).write_bytes(b"no image")
    data = open_data(tmp_path)
    assert data.classes == ("a", "b")
    assert len(data.train) + len(data.val) == 10


def test_folders_in_a_class_and_links_are_followed_once(tmp_path):
    fill(tmp_path / "a" / "deep" / "deeper")
    fill(tmp_path / "b", start=10)
    fill(tmp_path.parent / f"{tmp_path.name}-elsewhere", 1, start=20)
    (tmp_path / "b" / "link.png").symlink_to(
        tmp_path.parent / f"{tmp_path.name}-elsewhere" / "020.png"
    )
    (tmp_path / "a" / "deep" / "loop").symlink_to(tmp_path / "a")
    data = open_data(tmp_path)
    assert data.train.counts.sum() + data.val.counts.sum() == 11


@pytest.mark.parametrize("number", [0, 3])
def test_the_result_does_not_depend_on_threads(tmp_path, number):
    fill(tmp_path / "a", 80)
    fill(tmp_path / "b", 80, start=100)
    one, other = open_data(tmp_path, workers=1), open_data(tmp_path, workers=number)
    assert one.fingerprint == other.fingerprint
    assert one.train.names == other.train.names


def test_the_fingerprint_is_of_contents_classes_and_splits(tmp_path):
    fill(tmp_path / "a")
    fill(tmp_path / "b", start=10)
    before = open_data(tmp_path).fingerprint
    assert open_data(tmp_path).fingerprint == before
    (tmp_path / "a" / "000.png").rename(tmp_path / "a" / "renamed.png")
    assert open_data(tmp_path).fingerprint == before
    (tmp_path / "a" / "renamed.png").rename(tmp_path / "b" / "renamed.png")
    moved = open_data(tmp_path).fingerprint
    picture(99).save(tmp_path / "b" / "renamed.png")
    assert len({before, moved, open_data(tmp_path).fingerprint}) == 3


def test_bad_files_are_all_named_and_skipped_only_on_request(tmp_path):
    fill(tmp_path / "a")
    fill(tmp_path / "b", start=10)
    whole = (tmp_path / "a" / "000.png").read_bytes()
    bad = {
        "a/empty.jpg": b"",
        "a/page.jpg": b"<html></html>",
        "b/cut.png": whole[:100],
        "b/中文.png": bytes(50),
    }
    for name, content in bad.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "b" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    with pytest.raises(DataError, match="5 files cannot be used") as caught:
        open_data(tmp_path)
    assert all(name in str(caught.value) for name in [*bad, "b/gone.png"])
    assert "`skip_bad=True`" in str(caught.value)
    assert "\n" not in str(caught.value)
    data = open_data(tmp_path, skip_bad=True)
    assert sorted(problem.name for problem in data.skipped) == sorted([*bad, "b/gone.png"])
    assert {problem.kind for problem in data.skipped} >= {"empty", "unreadable", "truncated"}
    assert len(data.train) + len(data.val) == 10


def test_a_class_left_without_images_is_refused(tmp_path):
    fill(tmp_path / "a")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "x.png").write_bytes(b"")
    with pytest.raises(DataError, match="no image to train on in class 'b'"):
        open_data(tmp_path, skip_bad=True)


def test_a_class_with_one_image_trains_and_is_noted(tmp_path):
    fill(tmp_path / "a", 20)
    fill(tmp_path / "b", 1, start=50)
    data = open_data(tmp_path)
    assert data.train.counts[1] == 1
    assert data.val.counts[1] == 0
    assert data.notes == ("no image is held out of: b",)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda root: fill(root / "flowers" / "a"), r"one class only \('flowers'\); did you mean"),
        (lambda root: fill(root / "only"), "one class only .*; give each class a folder"),
        (fill, "its images lie in no class folder"),
        (lambda root: None, "holds no class folders and no images"),
        (lambda root: (fill(root / "a", 1), fill(root / "b", 1, 5)), "none can be held out"),
        (
            lambda root: [fill(root / s / "a") for s in ("train", "val", "valid")],
            "both val/ and valid/",
        ),
    ],
)
def test_what_cannot_be_trained_on_is_said_in_one_line(tmp_path, make, message):
    make(tmp_path)
    with pytest.raises(DataError, match=message) as caught:
        open_data(tmp_path)
    assert str(caught.value).startswith(str(tmp_path.resolve()))
    assert "\n" not in str(caught.value)


def test_a_wrong_path_names_the_nearest(tmp_path):
    fill(tmp_path / "flowers" / "a")
    with pytest.raises(DataError, match="did you mean 'flowers'"):
        open_data(tmp_path / "flower")
    with pytest.raises(DataError, match="did you mean 'mnist'"):
        open_data("mnits")
    (tmp_path / "archive.7z").write_bytes(b"7z")
    with pytest.raises(DataError, match=r"is a file; .*unpack"):
        open_data(tmp_path / "archive.7z")


def test_small_images_are_held_decoded_and_large_are_not(tmp_path):
    fill(tmp_path / "a")
    fill(tmp_path / "b", start=10)
    small = open_data(tmp_path)
    assert small.train.pixels is not None
    assert (small.train.in_memory(3)[0] == small.train.read(0, 3)).all()
    picture(50, side=65).save(tmp_path / "a" / "large.png")
    large = open_data(tmp_path)
    assert large.train.pixels is None
    assert max(large.train.largest_side, large.val.largest_side) == 65


def test_grey_is_known_by_the_pixels(tmp_path):
    for place, name in enumerate("ab"):
        (tmp_path / name).mkdir()
        for number in range(4):
            picture(10 * place + number).convert("L").convert("RGB").save(
                tmp_path / name / f"{number}.png"
            )
    data = open_data(tmp_path)
    assert data.train.is_grey
    assert data.train.read(0, None).shape == (20, 20, 1)
    fill(tmp_path / "a", start=70)
    assert not open_data(tmp_path).train.is_grey


def test_names_can_be_written_as_json(tmp_path):
    fill(tmp_path / "a")
    fill(tmp_path / "b\nc", start=10)
    data = open_data(tmp_path)
    assert data.classes == ("a", "b\\nc")
    json.dumps(list(data.train.names)).encode()


def test_classes_and_images_are_told_in_one_line(tmp_path):
    for place, name in enumerate("abcdefgh"):
        fill(tmp_path / name, 4, 100 * place)
    (tmp_path / "a" / "notes.txt").write_text("no image")
    data = open_data(tmp_path)
    told = f"{len(data.train)} images to train on, {len(data.val)} held out"
    expected = f"8 classes (a, b, c, d, e, f, …): {told}, 1 other file passed over"
    assert data.described == expected
    for split in ("train", "val", "test"):
        for place, name in enumerate(("x", "y\x1b")):
            fill(tmp_path / "parts" / split / name, 2, 100 * place)
    assert open_data(tmp_path / "parts").described == (
        "2 classes (x, y\\x1b): 4 images to train on, 4 held out, 4 to test on"
    )


def test_images_without_the_ending_of_one_are_read(tmp_path):
    fill(tmp_path / "a", 4)
    fill(tmp_path / "b", 4, start=10)
    for name in ("no ending", "x.jpg_large", "y.jpg?w=600"):
        (tmp_path / "a" / name).write_bytes((tmp_path / "a" / "000.png").read_bytes())
    (tmp_path / "b" / "IMG.foo").write_bytes(b"\0\0\0\x18ftypcrx " + bytes(40))
    with pytest.raises(DataError, match=r"b/IMG\.foo \(is camera raw"):
        open_data(tmp_path)
    (tmp_path / "b" / "IMG.foo").unlink()
    data = open_data(tmp_path)
    assert (data.train.counts + data.val.counts).tolist() == [7, 4]
    assert data.others == 0


def test_a_folder_called_as_a_known_set_is_noted(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert open_data("digits").notes == ()
    (tmp_path / "digits").mkdir()
    assert open_data("digits").notes[0] == (
        "'digits' is the known data set; ./digits would be the folder here"
    )


def test_a_set_without_images_to_train_on_is_refused(tmp_path):
    fill(tmp_path / "test" / "a")
    fill(tmp_path / "test" / "b", start=10)
    with pytest.raises(
        DataError, match="has test/ and no images to train on; put them into train/"
    ):
        open_data(tmp_path)


def test_a_link_to_itself_is_one_bad_file(tmp_path):
    fill(tmp_path / "a", 4)
    fill(tmp_path / "b", 4, start=10)
    (tmp_path / "a" / "loop.png").symlink_to("loop.png")
    with pytest.raises(DataError, match=r"1 file cannot be used: a/loop\.png .*links form a loop"):
        open_data(tmp_path)


def test_a_run_without_a_list_is_split_as_it_was(tmp_path: Path) -> None:
    for number, name in enumerate(("ant", "bee")):
        fill(tmp_path / name, 30, 100 * number)
    new = open_data(tmp_path)
    assert [int(count) for count in new.val.counts] == [6, 6]
    contents = read_contents(tmp_path, ReadSettings())
    old = data_from(contents, rule=held_out_by_draw)
    assert [int(count) for count in old.val.counts] != [6, 6]
    for data in (old, new):
        again = open_data(tmp_path, fingerprint=data.fingerprint)
        assert (again.fingerprint, list(again.val.names)) == (data.fingerprint, [*data.val.names])
    assert open_data(tmp_path, fingerprint="content:other").fingerprint == new.fingerprint
