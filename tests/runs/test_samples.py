"""What an export is proved on is pictures, or one line that says what it is instead."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import save

from striate.errors import RunError
from striate.runs.layout import SAMPLES
from striate.runs.samples import LARGEST_SAMPLE, keep_samples, read_samples, sample_names


def test_pictures_are_kept_small_and_read_in_order(tmp_path: Path) -> None:
    run = SimpleNamespace(path=tmp_path, preprocessing=SimpleNamespace(channels=1))
    sizes = [(40, 30), (2000, 1000), (10, 700)]
    keep_samples(tmp_path, [Image.new("RGB", size, (9, 9, 9)) for size in sizes])
    assert [each.shape for each in read_samples(run)] == [(30, 40, 1), (256, 512, 1), (512, 7, 1)]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "is missing; make it anew: striate evaluate"),
        (b"", "is damaged"),
        (b"{}", "is damaged"),
        (b"\xff" * 999, "is damaged"),
        (save({}), "holds something else than pictures"),
        (save({"00": np.zeros((4, 4, 3), np.float32)}), "holds something else than pictures"),
        (save({"00": np.zeros((4, 4), np.uint8)}), "holds something else than pictures"),
        (save({"00": np.zeros((4, 4, 2), np.uint8)}), "holds something else than pictures"),
        (save({"00": np.zeros((0, 4, 3), np.uint8)}), "holds something else than pictures"),
        (save({"00": np.zeros((LARGEST_SAMPLE + 1, 1, 3), np.uint8)}), "something else"),
    ],
)
def test_what_are_no_pictures(tmp_path: Path, content: bytes | None, why: str) -> None:
    run = SimpleNamespace(path=tmp_path, preprocessing=SimpleNamespace(channels=3))
    if content is not None:
        (tmp_path / SAMPLES).write_bytes(content)
    with pytest.raises(RunError, match=why):
        read_samples(run)


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["a.jpg", "b\x1b[2J.jpg"], ["a.jpg", "b\\x1b[2J.jpg"]),
        (["a.jpg"], ["picture 1 of samples.safetensors", "picture 2 of samples.safetensors"]),
        ([], ["picture 1 of samples.safetensors", "picture 2 of samples.safetensors"]),
    ],
)
def test_pictures_have_the_names_of_their_images(
    tmp_path: Path, names: list[str], found: list[str]
) -> None:
    run = SimpleNamespace(path=tmp_path, preprocessing=SimpleNamespace(channels=3))
    keep_samples(tmp_path, [Image.new("RGB", (4, 4)) for _ in range(2)], names)
    assert sample_names(run) == found


def test_pictures_that_were_kept_before_there_were_names(tmp_path: Path) -> None:
    run = SimpleNamespace(path=tmp_path, preprocessing=SimpleNamespace(channels=3))
    (tmp_path / SAMPLES).write_bytes(save({"00": np.zeros((4, 4, 3), np.uint8)}))
    assert sample_names(run) == ["picture 1 of samples.safetensors"]
