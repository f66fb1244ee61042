from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from torchvision import transforms

from striate.data.preprocessing import Preprocessing
from striate.errors import StriateError
from striate.inference.views.views import LONGEST, Views

RNG = np.random.default_rng(0)


def preprocessing(side: int = 28, resize: int = 32, **more: object) -> Preprocessing:
    given = {"resize": resize, "height": side, "width": side, "mean": (0,) * 3, "std": (1,) * 3}
    return Preprocessing(**{**given, **more})  # type: ignore[arg-type]


def picture(height: int, width: int) -> np.ndarray:
    return RNG.integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize(("height", "width"), [(60, 75), (75, 60), (33, 47), (41, 41)])
def test_ten_crops_are_those_of_torchvision_to_the_pixel(height: int, width: int) -> None:
    image = picture(height, width)
    fit = preprocessing()
    theirs = transforms.Compose([transforms.Resize(fit.resize), transforms.TenCrop(28)])
    ours = Views("10").cut(image, fit)
    expected = theirs(Image.fromarray(image))
    assert len(ours) == 10
    for own, other in zip(ours, expected, strict=True):
        np.testing.assert_array_equal(own, np.asarray(other))


@pytest.mark.parametrize("upright", [False, True])
def test_the_144_views_are_placed_as_in_the_paper(upright: bool) -> None:
    fit = preprocessing(224, 256)
    size = (640, 480) if upright else (480, 640)
    found = Views("144").places(*size, fit)
    assert len(found) == len(set(found)) == Views("144").count(fit) == 144
    assert [min(view.resized) for view in found[::36]] == [256, 288, 320, 352]
    for view in found:
        assert view.resized[0 if upright else 1] == min(view.resized) * 4 // 3
        assert view.size == (224, 224)
        assert 0 <= view.top <= view.resized[0] - view.height
        assert 0 <= view.left <= view.resized[1] - view.width
    # By hand, for the first scale: 256 × 341 has squares at 0, 42 and 85, whose crops of 224 begin
    # at 0 and 32, and in the middle at 16.
    first = found[:36]
    assert {view.height for view in first} == {224, 256}
    squares = {(view.left, view.top)[upright] for view in first if view.height == 256}
    assert squares == {0, 42, 85}
    crops = {(view.top, view.left)[:: -1 if upright else 1] for view in first if view.height == 224}
    expected = {(y, x + at) for at in squares for y in (0, 32) for x in (0, 32)}
    assert crops == expected | {(16, at + 16) for at in squares}
    assert sum(view.flipped for view in found) == 72


def test_the_144_views_hold_the_pixels_of_their_places() -> None:
    image, fit = picture(70, 60), preprocessing()
    views = Views("144")
    for view, pixels in list(zip(views.places(70, 60, fit), views.cut(image, fit), strict=True))[
        ::7
    ]:
        whole = Image.fromarray(image).resize(view.resized[::-1], Image.Resampling.BILINEAR)
        corner = view.left + view.width, view.top + view.height
        part = whole.crop((view.left, view.top, *corner)).resize(
            (28, 28), Image.Resampling.BILINEAR
        )
        expected = np.asarray(part)[:, ::-1] if view.flipped else np.asarray(part)
        np.testing.assert_array_equal(pixels, expected)


@pytest.mark.parametrize("size", [(40, 60), (28, 28), (900, 31), (5, 3)])
def test_one_view_at_the_networks_own_size_is_that_of_validation(size: tuple[int, int]) -> None:
    image, fit = picture(*size), preprocessing(28, 36)
    (found,) = Views("center", (288,)).cut(image, fit)  # 288 : 224 = 36 : 28
    difference = np.abs(found.astype(int) - fit.fit_image(image))
    assert difference.max() <= (2 if max(size) > LONGEST * min(size) else 0)


def test_scales_are_in_proportion_to_the_networks_size() -> None:
    assert Views("144").short_sides(preprocessing(224, 256)) == (256, 288, 320, 352)
    assert Views("144").short_sides(preprocessing(112, 128)) == (128, 144, 160, 176)
    assert Views("10", (224, 448)).short_sides(preprocessing(299, 342)) == (299, 598)
    assert Views("10").short_sides(preprocessing(28, 36)) == (36,)
    assert Views("10").short_sides(preprocessing(28, 28)) == (32,)  # else all crops were one
    assert Views("center").short_sides(preprocessing(28, 28)) == (28,)


def test_dense_views_are_the_whole_image_and_its_flip() -> None:
    image, fit = picture(64, 96), preprocessing()
    small, flipped, *rest = Views("dense", (256, 512)).cut(image, fit)
    assert small.shape == (32, 48, 3)
    assert [each.shape for each in rest] == [(64, 96, 3)] * 2
    np.testing.assert_array_equal(flipped, small[:, ::-1])
    np.testing.assert_array_equal(rest[0], image)


@pytest.mark.parametrize("crops", ["10", "144", "dense"])
def test_strips_do_not_become_huge(crops: str) -> None:
    for size in ((1, 4000), (4000, 1)):
        fit = preprocessing()
        found = Views(crops).cut(picture(*size), fit)  # type: ignore[arg-type]
        assert len(found) == Views(crops).count(fit)  # type: ignore[arg-type]
        assert max(each.size for each in found) <= 3 * LONGEST * 44**2


def test_grey_images_stay_grey() -> None:
    fit = preprocessing(channels=1, mean=(0,), std=(1,))
    assert {each.shape for each in Views("10").cut(picture(40, 50), fit)} == {(28, 28, 1)}


@pytest.mark.parametrize(
    ("crops", "scales", "more", "said"),
    [
        ("11", (), {}, "there are no such views"),
        ("10", (0,), {}, "scales=0.: must lie between 1"),
        ("10", (200,), {}, "least"),
        ("center", (100,), {}, "scales=100"),
        ("10", (), {"fit": "pad", "resize": 20}, "padded"),
        (
            "center",
            (256,),
            {"fit": "pad", "resize": 20},
            "scales.: is for networks that see a crop",
        ),
    ],
)
def test_what_there_is_not(
    crops: str, scales: tuple[int, ...], more: dict[str, object], said: str
) -> None:
    with pytest.raises(StriateError, match=said):
        Views(crops, scales).check(preprocessing(**more))  # type: ignore[arg-type]
