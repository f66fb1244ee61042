"""MNIST's own files, and the data sets that are known by name."""

from __future__ import annotations

import gzip
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest

from striate.data import named
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
    assert data.train.in_memory(1).shape == (50, 28, 28, 1)
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


def test_digits_work_at_once():
    data = open_data("digits")
    assert len(data.train) + len(data.val) == 1797
    assert data.origin == "digits"
    assert data.train.is_grey
    assert data.train.read(0, 1).shape == (8, 8, 1)
    assert data.train.in_memory(3).shape == (len(data.train), 8, 8, 3)
    assert int(data.train.in_memory(1).max()) == 255
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
