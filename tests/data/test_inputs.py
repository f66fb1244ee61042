"""What a person names for prediction, one item for each, in order."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from striate.data.decoding.decode import decode
from striate.data.finding.inputs import Item, is_single, items
from striate.errors import DataError


def fill(folder: Path, count: int = 5, start: int = 0) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(start, start + count):
        pixels = np.random.default_rng(number).integers(0, 256, (20, 20, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:03}.png")


def read(item: Item, channels: int = 3) -> np.ndarray:
    with item.opened(channels) as image:
        return image


def files_of(sources: object) -> list[Path]:
    return [item.content for item in items(sources)]


def errors(found: list[Item]) -> list[str]:
    return [str(item.content) for item in found if isinstance(item.content, DataError)]


def test_folders_and_globs_are_expanded(tmp_path, monkeypatch):
    fill(tmp_path / "a" / "deep", 2)
    fill(tmp_path / "b", 2, start=10)
    (tmp_path / "b" / "notes.txt").write_text("no image")
    (tmp_path / "odd").write_bytes(b"")
    assert len(files_of(tmp_path / "a")) == 2
    assert len(files_of(str(tmp_path / "*" / "*.png"))) == 2
    assert len(files_of(str(tmp_path / "**" / "*.png"))) == 4
    monkeypatch.chdir(tmp_path)
    assert files_of("b/010.png") == [Path("b/010.png")]


def test_order_and_copies_are_kept(tmp_path):
    fill(tmp_path / "a", 2)
    first, second = sorted((tmp_path / "a").iterdir())
    named = [second, first, second, tmp_path / "a", tmp_path / "a" / "*.png"]
    assert files_of(named) == [second, first, second, first, second, first, second]


def test_an_image_is_known_by_its_content_where_its_name_does_not_tell(tmp_path):
    fill(tmp_path, 1)
    for name in ("no suffix", "a.jpg_large", "b.jpg?w=600", "c.data"):
        (tmp_path / name).write_bytes((tmp_path / "000.png").read_bytes())
    (tmp_path / "labels.json").write_text("{}")
    (tmp_path / "README").write_text("not an image")
    assert len(files_of(tmp_path)) == 5


def test_what_names_nothing_is_an_item_that_says_so(tmp_path):
    fill(tmp_path / "a", 2)
    (tmp_path / "empty").mkdir()
    for source, message in (
        ("a/00.png", "no such file or folder; did you mean"),
        ("nowhere/x.png", f"nor the folder {tmp_path}/nowhere"),
        ("a/*.gif", "matches no image"),
        ("empty", "holds no images"),
    ):
        found = list(items([tmp_path / "a", str(tmp_path / source), tmp_path / "a"]))
        assert [isinstance(item.content, DataError) for item in found] == [0, 0, 1, 0, 0]
        assert message in str(found[2].content)
    assert files_of([]) == []


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("https://example.org/x.jpg", "is an address, and nothing is fetched"),
        ("s3://bucket/x.jpg", "is an address, and nothing is fetched"),
        (Path("http://example.org/x.jpg"), "is an address"),
        (
            "file:///tmp/x.jpg",
            "file:///tmp/x.jpg: is an address, not a path; give the path: /tmp/x",
        ),
        (
            Path("file:///tmp/x.jpg"),
            "file:///tmp/x.jpg: is an address, not a path; give the path: /tmp/x",
        ),
        (Path("https://example.org/x.jpg"), "https://example.org/x.jpg: is an address"),
        ("nothing at all", "there is no such file or folder; check the path"),
        ("-", "standard input is not read"),
        ("x" * 300 + ".jpg", "File name too long"),
        ("a\0b.jpg", "null character"),
        ("~nobody-of-that-name/x.jpg", "home folder of nobody"),
        ("loop.jpg", "links form a loop"),
    ],
)
def test_odd_paths_are_told_in_one_line(tmp_path, monkeypatch, source, message):
    monkeypatch.chdir(tmp_path)
    Path("loop.jpg").symlink_to("loop.jpg")
    (found,) = errors(list(items([source])))
    assert message in found
    assert "\n" not in found


def test_a_link_to_itself_among_images_costs_only_itself(tmp_path):
    fill(tmp_path, 2)
    (tmp_path / "loop.png").symlink_to("loop.png")
    for source in (tmp_path, str(tmp_path / "*.png")):
        found = list(items(source))
        assert len(found) == 3
        with pytest.raises(DataError):
            read(found[2])


def test_a_folder_that_cannot_be_listed_costs_only_itself(tmp_path, monkeypatch):
    fill(tmp_path / "a", 2)
    (tmp_path / "b").mkdir()
    scandir = os.scandir

    def refused(path):
        if Path(path) == tmp_path / "b":  # the tests may run as root, who may list everything
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refused)
    found = list(items(tmp_path))
    assert len(found) == 3
    assert "cannot be listed (Permission denied)" in errors(found)[0]


MODES = ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("channels", [1, 3])
def test_an_image_of_pillows_is_what_its_file_is(tmp_path, mode, channels):
    pixels = np.random.default_rng(0).integers(0, 256, (9, 7, 4), np.uint8)
    if mode == "I;16":
        image = Image.fromarray(pixels[:, :, 0].astype(np.uint16) * 200)
    else:
        image = Image.fromarray(pixels).convert(mode)
    path = tmp_path / ("a.tif" if mode == "CMYK" else "a.png")
    image.save(path)
    (item,) = items(image)
    assert item.name == "images[0]"
    assert (read(item, channels) == decode(path, channels)).all()
    (opened,) = items(Image.open(path))
    assert opened.name == str(path)
    assert (read(opened, channels) == decode(path, channels)).all()


def test_orientation_is_that_of_the_file_and_not_of_what_was_made_of_it(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (8, 6, 3), np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    (item,) = items(Image.open(tmp_path / "a.png"))
    assert (read(item) == np.rot90(pixels, -1)).all()
    upright = Image.open(tmp_path / "a.png").transpose(Image.Transpose.ROTATE_270)
    (item,) = items(upright)
    assert (read(item) == np.rot90(pixels, -1)).all()


def test_arrays_are_images_of_their_pixels():
    pixels = np.random.default_rng(0).integers(0, 256, (5, 9, 4), np.uint8)
    grey = pixels[:, :, 0]
    for array, expected in (
        (grey, np.repeat(grey[:, :, None], 3, axis=2)),
        (grey[:, :, None], np.repeat(grey[:, :, None], 3, axis=2)),
        (pixels[:, :, :3], pixels[:, :, :3]),
        (pixels[:, ::-1, :3], pixels[:, ::-1, :3]),
    ):
        (item,) = items(array)
        assert (read(item) == expected).all()
    # Transparent pixels lie on white, as in a file.
    clear = pixels.copy()
    clear[:, :, 3] = 0
    assert (read(next(items(clear))) == 255).all()
    assert [item.name for item in items(np.stack([pixels, pixels]))] == ["images[0]", "images[1]"]


def test_tensors_and_numbers_of_other_types_are_the_same_images():
    pixels = np.random.default_rng(0).integers(0, 256, (5, 9, 3), np.uint8)
    tensor = torch.from_numpy(pixels).permute(2, 0, 1)
    same = (pixels.astype(np.int64), pixels / 255, tensor, tensor / 255, tensor.double() / 255)
    for image in same:
        (item,) = items(image)
        assert (read(item) == pixels).all()
    ink = pixels[:, :, 0] > 127
    for image in (ink, torch.from_numpy(ink), torch.from_numpy(ink)[None].bfloat16()):
        assert (read(next(items(image)))[:, :, 0] == 255 * ink).all()
    mixed = [tensor, "nowhere.png", pixels, torch.stack([tensor] * 2), Image.fromarray(pixels)]
    assert [len(list(items(each))) for each in mixed] == [1, 1, 1, 2, 1]
    assert is_single(tensor)
    assert not is_single(tensor[None])


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.full((4, 4, 3), 2.5, np.float32), "holds float32 numbers from 2.5 to 2.5; give whole"),
        (np.full((4, 4), 300), "holds int64 numbers from 300 to 300"),
        (np.full((4, 4), np.nan), "numbers from nan to nan"),
        (np.full((4, 4), "a"), "holds <U1 numbers; give uint8"),
        (torch.zeros(8, 8, 3), "has the shape (8, 8, 3); give (height, width) or (1, 3 or 4, "),
        (np.zeros((3, 8, 8), np.uint8), "has the shape (3, 8, 8)"),
        (np.zeros((0, 4, 3), np.uint8), "no pixels"),
        (np.zeros(4, np.uint8), "has the shape (4,)"),
        (12, "is of type int, not an image"),
        (None, "is of type NoneType, not an image"),
    ],
)
def test_what_is_no_image_is_told(array, message):
    (item,) = items([array])
    with pytest.raises(DataError) as caught:
        read(item)
    assert message in str(caught.value)


def test_a_single_image_is_told_from_several(tmp_path):
    fill(tmp_path, 1)
    image = Image.new("RGB", (4, 4))
    for single in (tmp_path / "000.png", "nowhere.png", image, np.zeros((4, 4), np.uint8)):
        assert is_single(single)
    for several in (tmp_path, "*.png", [image], (), np.zeros((2, 4, 4, 3), np.uint8)):
        assert not is_single(several)
    (tmp_path / "a[1].png").write_bytes(b"")
    assert is_single(tmp_path / "a[1].png")
    with pytest.raises(DataError, match="int: is no image"):
        list(items(12))
