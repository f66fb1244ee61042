"""Images that Python's functions take: files and what is in memory, mixed, in the order given."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import striate


@pytest.mark.parametrize("file", ["", "lenet.onnx"])
def test_what_is_given_is_answered_in_its_order(
    numbers: Path, number_pictures: Path, file: str
) -> None:
    one, two = number_pictures / "<i>one.png", number_pictures / "two 玫瑰.png"
    pixels = np.array(Image.open(one))
    tensor = torch.from_numpy(pixels).permute(2, 0, 1)
    mixed = [one, two, Image.open(one), pixels, tensor, tensor / 255, pixels / 255, str(two), one]
    found = striate.predict(numbers / file, [*mixed, "nowhere.png"])
    values = [each.values for each in found[:-1]]  # type: ignore[attr-defined]
    assert values[1] == values[7] != values[0]
    np.testing.assert_allclose([values[n] for n in (2, 3, 4, 5, 6, 8)], [values[0]] * 6, rtol=1e-4)
    assert found[-1].error
    assert [each.file for each in found[:5]] == [
        str(one),
        str(two),
        str(one),
        "images[3]",
        "images[4]",
    ]
    with striate.open_regressor(numbers / file) as regressor:
        np.testing.assert_allclose(regressor.values(mixed), values, rtol=1e-4)
    batch = striate.predict(numbers / file, torch.stack([tensor, tensor]))
    assert [each.file for each in batch] == ["images[0]", "images[1]"]


def test_a_run_s_pre_processing_makes_the_same_tensor_of_a_file_and_of_what_is_in_memory(
    numbers: Path, number_pictures: Path
) -> None:
    preprocessing = striate.open_run(numbers).preprocessing
    path = number_pictures / "z.png"
    pixels = np.array(Image.open(path))
    expected = preprocessing(path)
    assert (expected.dtype, expected.shape) == (torch.float32, (1, 32, 32))
    for same in (Image.open(path), pixels, torch.from_numpy(pixels).permute(2, 0, 1)):
        torch.testing.assert_close(preprocessing(same), expected)
