from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from striate.data.preprocessing import Preprocessing, resize, with_channels
from striate.errors import DataError, RecipeError, RunError

GREY = {"channels": 1, "mean": (0.5,), "std": (0.25,)}
COLOUR = {"mean": (0.5, 0.4, 0.3), "std": (0.2, 0.3, 0.4)}


def noise(height: int, width: int, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(height).integers(0, 256, (height, width, channels), np.uint8)


@settings(max_examples=40, deadline=None)
@given(st.integers(20, 90), st.integers(20, 90))
def test_crop_equals_torchvision(height, width):
    from torchvision.transforms import functional

    image = noise(height, width)
    chosen = Preprocessing(resize=40, height=32, width=24, **COLOUR)
    resized = functional.resize(Image.fromarray(image), 40)
    assert (resized.height, resized.width) == chosen.resized(height, width)
    top, left = (resized.height - 32) // 2, (resized.width - 24) // 2
    expected = np.asarray(resized)[top : top + 32, left : left + 24]
    assert (chosen.fit_image(image) == expected).all()


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 90), st.integers(1, 90))
def test_pad_keeps_the_whole_image_on_its_ground(height, width):
    chosen = Preprocessing(fit="pad", resize=30, height=32, width=40, fill=7, **COLOUR)
    image = np.full((height, width, 3), 200, np.uint8)
    fitted = chosen.fit_image(image)
    assert fitted.shape == (32, 40, 3)
    inner_height, inner_width = chosen.resized(height, width)
    assert max(inner_height, inner_width) == 30
    assert (fitted == 200).all(axis=2).sum() == inner_height * inner_width
    assert (fitted == 7).all(axis=2).sum() == 32 * 40 - inner_height * inner_width
    assert (fitted[(32 - inner_height) // 2, (40 - inner_width) // 2] == 200).all()


def test_an_extreme_shape_needs_no_extreme_memory():
    chosen = Preprocessing(resize=256, height=224, width=224, **COLOUR)
    strip = np.full((1, 60_000, 3), 99, np.uint8)
    assert (chosen.fit_image(strip) == 99).all()


def test_the_crop_alone_equals_the_crop_of_the_whole():
    image = noise(20, 900)
    chosen = Preprocessing(resize=32, height=32, width=32, **COLOUR)
    whole = resize(image, 32, 1440)[:, 704:736]
    assert np.abs(chosen.fit_image(image).astype(int) - whole).max() <= 1


@pytest.mark.parametrize("channels", [1, 3])
def test_an_image_becomes_what_torchvisions_transform_makes_of_it(tmp_path, channels):
    from torchvision import datasets, transforms

    chosen = Preprocessing(resize=40, height=32, width=24, **(GREY if channels == 1 else COLOUR))
    image = Image.fromarray(noise(70, 51))
    theirs = transforms.Compose(
        [
            *([transforms.Grayscale()] if channels == 1 else []),
            transforms.Resize(40),
            transforms.CenterCrop((32, 24)),
            transforms.ToTensor(),
            transforms.Normalize(chosen.mean, chosen.std),
        ]
    )(image)
    (tmp_path / "a").mkdir()
    image.save(tmp_path / "a" / "a.png")
    (ours, _) = datasets.ImageFolder(str(tmp_path), transform=chosen)[0]
    for found in (ours, chosen(image), chosen(np.asarray(image)), chosen(tmp_path / "a" / "a.png")):
        assert found.dtype == torch.float32
        assert found.shape == (channels, 32, 24)
    torch.testing.assert_close(chosen(image), theirs, atol=1e-5, rtol=0)
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)
    with pytest.raises(DataError, match="holds float64 numbers from 0 to 7"):
        chosen(np.diag([7.0, 7, 7, 7]))


def test_normalise_is_channels_last_and_exact():
    chosen = Preprocessing(resize=8, height=8, width=8, **COLOUR)
    images = torch.from_numpy(np.stack([noise(8, 8), noise(9, 9)[:8, :8]]))
    found = chosen.normalise(images)
    expected = (images.permute(0, 3, 1, 2) / 255 - torch.tensor(COLOUR["mean"]).view(3, 1, 1)) / (
        torch.tensor(COLOUR["std"]).view(3, 1, 1)
    )
    assert found.dtype == torch.float32
    assert found.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(found, expected)


def test_channels_are_adapted():
    grey = Preprocessing(resize=8, height=8, width=8, **GREY)
    colour = Preprocessing(resize=8, height=8, width=8, **COLOUR)
    luma = np.asarray(Image.fromarray(noise(8, 8)).convert("L"))
    assert (grey.fit_image(noise(8, 8))[:, :, 0] == luma).all()
    assert (colour.fit_image(noise(8, 8, 1)) == noise(8, 8, 1)).all()
    assert with_channels(noise(8, 8), 3) is not None


@pytest.mark.parametrize("fit", ["crop", "pad"])
def test_it_travels_through_plain_values(fit):
    chosen = Preprocessing(fit=fit, resize=8, height=8, width=8, fill=3, **COLOUR)
    assert Preprocessing.from_dict(chosen.to_dict()) == chosen
    assert chosen.input_size == (3, 8, 8)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fit": "stretch"}, "must be 'crop' or 'pad'"),
        ({"resize": 4}, "is less than the crop"),
        ({"fit": "pad", "resize": 9}, "does not fit"),
        ({"channels": 4}, "must be 1 or 3"),
        ({"fill": 256}, "between 0 and 255"),
        ({"std": (1.0, 0.0, 1.0)}, "positive"),
        ({"mean": (0.5,)}, "3 numbers each"),
        ({"height": 0, "width": 0, "resize": 0}, "must be positive"),
    ],
)
def test_contradictions_are_refused(changes, message):
    values = {"fit": "crop", "resize": 8, "height": 8, "width": 8, **COLOUR, **changes}
    with pytest.raises(RecipeError, match=message):
        Preprocessing(**values)
    with pytest.raises(RunError, match=message):
        Preprocessing.from_dict(values)


def test_unknown_and_missing_keys_are_named():
    values = Preprocessing(resize=8, height=8, width=8, **COLOUR).to_dict()
    with pytest.raises(RunError, match="did you mean 'resize'"):
        Preprocessing.from_dict({**values, "resise": 8})
    del values["resize"]
    with pytest.raises(RunError, match="resize is missing"):
        Preprocessing.from_dict(values)
    with pytest.raises(RunError, match="preprocessing"):
        Preprocessing.from_dict({**values, "resize": "big"})
