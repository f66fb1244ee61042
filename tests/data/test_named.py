"""MNIST's own files, and the data sets that are known by name."""

from __future__ import annotations

import gzip
import os
import shutil
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from striate.data.finding import named
from striate.data.sources import open_data
from striate.errors import DataError


def write_idx(folder: Path, prefix: str, count: int, packed: bool, dot: str = "-") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(count).integers(0, 256, (count, 28, 28), np.uint8)
    labels = np.arange(count, dtype=np.uint8) % 10
    for stem, array in ((f"{prefix}-images", pixels), (f"{prefix}-labels", labels)):
        data = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
        name = f"{stem}{dot}idx{array.ndim}-ubyte" + (".gz" if packed else "")
        content = data + array.tobytes()
        (folder / name).write_bytes(gzip.compress(content) if packed else content)


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("place", ["", "MNIST/raw"])
def test_idx_files(tmp_path, packed, place):
    write_idx(tmp_path / place, "train", 50, packed)
    write_idx(tmp_path / place, "t10k", 20, packed, dot=".")
    data = open_data(tmp_path)
    assert data.classes == tuple("0123456789")
    assert data.held_out_name == "test"
    held = data.train.in_memory(1)
    assert (len(held), held.size, held.channels) == (50, (28, 28), 1)
    assert data.val.labels.tolist() == [*range(10)] * 2
    assert data.train.names[17] == "train[17]"
    assert data.train.path(17) is None


def test_idx_training_files_alone_are_split(tmp_path):
    write_idx(tmp_path, "train", 200, packed=True)
    data = open_data(tmp_path)
    assert data.held_out_name == "split"
    assert len(data.train) + len(data.val) == 200


def test_damaged_idx_files_are_named(tmp_path):
    write_idx(tmp_path, "train", 50, packed=True)
    images = tmp_path / "train-images-idx3-ubyte.gz"
    whole = images.read_bytes()
    images.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte\.gz: is truncated"):
        open_data(tmp_path)
    images.write_bytes(gzip.compress(gzip.decompress(whole)[:-1]))
    with pytest.raises(DataError, match="header promises"):
        open_data(tmp_path)
    images.write_bytes(b"<html>")
    with pytest.raises(DataError, match="cannot be read"):
        open_data(tmp_path)
    images.unlink()
    with pytest.raises(DataError, match="train-images is not beside it"):
        open_data(tmp_path)


def test_no_more_of_an_idx_file_is_unpacked_than_its_header_promises(tmp_path, monkeypatch):
    write_idx(tmp_path, "train", 50, packed=True)
    images = tmp_path / "train-images-idx3-ubyte.gz"
    whole = gzip.decompress(images.read_bytes())
    images.write_bytes(gzip.compress(whole + bytes(200_000_000), 1))
    tracemalloc.start()
    with pytest.raises(DataError, match="holds more bytes than the 39,200 that its header"):
        open_data(tmp_path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20_000_000
    # What no file of this length can hold is not asked for either.
    images.write_bytes(gzip.compress(whole[:4] + struct.pack(">3I", 2000, 2000, 2000)))
    with pytest.raises(DataError, match="where its header promises 8,000,000,000; get it again"):
        open_data(tmp_path)
    images.write_bytes(gzip.compress(whole)[:-8] + bytes(8))
    with pytest.raises(DataError, match="cannot be read"):
        open_data(tmp_path)


def test_a_pipe_among_idx_files_is_none_of_them(tmp_path):
    write_idx(tmp_path, "train", 50, packed=False)
    (tmp_path / "train-labels-idx1-ubyte").unlink()
    os.mkfifo(tmp_path / "train-labels-idx1-ubyte")
    with pytest.raises(DataError, match="train-labels is not beside it"):
        open_data(tmp_path)


def test_the_cache_is_that_of_all_rooms(tmp_path, monkeypatch):
    monkeypatch.delenv("STRIATE_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert named.cache() == tmp_path / "striate"
    monkeypatch.setenv("STRIATE_CACHE", "~nobody-of-that-name/x")
    with pytest.raises(DataError, match="home folder of nobody"):
        open_data("mnist", download=False)


def test_flowers_that_were_unpacked_in_part_are_told(tmp_path, monkeypatch):
    from scipy.io import savemat
    from torchvision import datasets

    monkeypatch.setenv("STRIATE_CACHE", str(tmp_path))
    monkeypatch.setattr(named, "_FLOWERS", 6)
    monkeypatch.setattr(datasets.Flowers102, "__init__", lambda *_, **__: None)
    folder = tmp_path / "flowers-102"
    (folder / "jpg").mkdir(parents=True)
    for number in range(1, 6):
        (folder / "jpg" / f"image_{number:05}.jpg").touch()
    savemat(folder / "imagelabels.mat", {"labels": [1, 1, 2, 2, 3, 3]})
    savemat(folder / "setid.mat", {"trnid": [1, 3], "valid": [2, 5], "tstid": [4, 6]})
    with pytest.raises(DataError, match=r"is not whole \(5 of 6 photographs\); remove .*jpg"):
        named.load("flowers102")
    (folder / "jpg" / "image_00006.jpg").touch()
    parts = named.load("flowers102").parts
    assert [part.labels.tolist() for part in parts.values()] == [[0, 1], [0, 2], [1, 2]]
    assert [path.name for path in parts["test"].paths] == ["image_00004.jpg", "image_00006.jpg"]
    (folder / "setid.mat").write_bytes(b"MATLAB? no")
    with pytest.raises(DataError, match=r"setid\.mat: cannot be read .*remove it"):
        named.load("flowers102")


def test_digits_work_at_once():
    data = open_data("digits")
    assert len(data.train) + len(data.val) == 1797
    assert data.origin == "digits"
    assert data.train.is_grey
    assert data.train.read(0, 1).shape == (8, 8, 1)
    held = data.train.in_memory(3)
    assert (len(held), held.size, held.channels) == (len(data.train), (8, 8), 3)
    assert max(int(image.max()) for image in data.train.in_memory(1)) == 255
    assert open_data("digits").fingerprint == data.fingerprint


def test_a_folder_named_as_a_data_set_is_meant_by_a_path(tmp_path, monkeypatch, photographs):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(photographs, "digits")
    assert open_data(Path("digits")).classes == ("blue", "green", "red")
    assert open_data("./digits").classes == ("blue", "green", "red")
    assert len(open_data("digits").classes) == 10


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("mnist", "train-images-idx3-ubyte.gz"),
        ("fashion_mnist", "t10k-labels-idx1-ubyte.gz"),
        ("cifar10", "cifar-10-python.tar.gz"),
        ("cifar100", "cifar-100-python.tar.gz"),
        ("flowers102", "102flowers.tgz"),
    ],
)
def test_a_missing_download_names_the_file_the_place_and_the_address(
    tmp_path, monkeypatch, name, file
):
    monkeypatch.setenv("STRIATE_CACHE", str(tmp_path / "cache"))
    with pytest.raises(DataError) as caught:
        open_data(name, download=False)
    assert file in str(caught.value)
    assert str(tmp_path / "cache") in str(caught.value)
    assert "http" in str(caught.value)


def test_a_failed_download_is_explained(tmp_path, monkeypatch):
    from torchvision import datasets

    def fail(*_, **__):
        raise OSError("no route to host")

    monkeypatch.setenv("STRIATE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(datasets, "MNIST", type("MNIST", (datasets.MNIST,), {"__init__": fail}))
    with pytest.raises(DataError, match=r"no route to host.*put train-images"):
        open_data("mnist")


def test_mnist_is_read_from_the_cache_without_torchvision(tmp_path, monkeypatch):
    monkeypatch.setenv("STRIATE_CACHE", str(tmp_path))
    write_idx(tmp_path / "MNIST" / "raw", "train", 30, packed=True)
    write_idx(tmp_path / "MNIST" / "raw", "t10k", 10, packed=True)
    assert [len(part.labels) for part in named.load("mnist").parts.values()] == [30, 10]
