"""Each augmentation does what its paper or torchvision says, and says no to nonsense."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torchvision.transforms import functional as reference

from striate.data.augmentation import crops
from striate.data.augmentation.colour import draw_colours
from striate.data.augmentation.mixing import draw_erasing, draw_mixing, erase
from striate.data.augmentation.settings import NOTHING, Augmentation
from striate.data.preprocessing import Preprocessing, resize
from striate.data.random import Key, uniforms
from striate.errors import RecipeError
from striate.support.tables import from_table

MANY = Key(5, 6, np.arange(4000))


class Principal:
    """Two channels that vary together, and one that hardly does."""

    eigenvalues = np.array([0.01, 0.05, 0.2])
    eigenvectors = np.linalg.qr(np.array([[1.0, 2, 3], [3, 1, 0], [1, 1, 1]]))[0]


def picture(height: int = 40, width: int = 50, channels: int = 3, seed: int = 0) -> np.ndarray:
    """A smooth image, since resizing noise shows nothing."""
    small = np.random.default_rng(seed).integers(0, 256, (6, 6, channels), dtype=np.uint8)
    return resize(small, height, width)


# --- the recipe's table --------------------------------------------------------------------------


def test_a_recipes_table_becomes_an_augmentation() -> None:
    table = {"crop": "corner", "sizes": [256, 480], "scale": [0.5, 1], "pca": 0.1}
    augmentation = from_table(Augmentation, table, "augmentation")
    assert augmentation == Augmentation(crop="corner", sizes=(256, 480), scale=(0.5, 1), pca=0.1)
    assert from_table(Augmentation, {}, "augmentation") == Augmentation()
    # What runs and the first recipes call it.
    assert not from_table(Augmentation, {"mirror": False}, "augmentation").horizontal_flip


@pytest.mark.parametrize(
    "values",
    [
        {"crop": "centre"},
        {"horizontal_flip": 1},
        {"padding": -1},
        {"border": "mirror"},
        {"padding": 2.5},
        {"scale": [0, 1]},
        {"scale": [0.5, 1.5]},
        {"scale": [0.9, 0.5]},
        {"ratio": [2]},
        {"ratio": 1.5},
        {"sizes": [256.5, 300]},
        {"sizes": "256"},
        {"brightness": -0.1},
        {"pca": float("nan")},
        {"contrast": True},
        {"saturation": "much"},
        {"erasing": 1.1},
        {"mixup": -1},
        {"cutmix": float("inf")},
    ],
)
def test_values_outside_their_range_are_refused_by_name(values: dict[str, Any]) -> None:
    given = {key: tuple(each) if isinstance(each, list) else each for key, each in values.items()}
    with pytest.raises(RecipeError) as caught:
        Augmentation(**given)
    assert caught.value.what.startswith(f"[augmentation] {next(iter(values))} = ")
    assert "\n" not in str(caught.value)


def test_an_unknown_key_is_answered_with_the_nearest() -> None:
    with pytest.raises(
        RecipeError, match=r"augmentation: horizontl_flip: is not a key.*'horizontal_flip'"
    ):
        from_table(Augmentation, {"horizontl_flip": True}, "augmentation")
    with pytest.raises(RecipeError, match="did you mean 'padded'"):
        Augmentation(crop="paded")


def test_auto_pads_small_inputs_and_resizes_large_ones() -> None:
    assert Augmentation().crop_for(32, 64) == "padded"
    assert Augmentation().crop_for(65, 65) == "resized"
    assert Augmentation(crop="none").crop_for(224, 224) == "none"


def test_describe_names_what_is_on_and_nothing_else() -> None:
    assert NOTHING.describe(28, 28) == "centre crop of 28 × 28"
    text = Augmentation(
        crop="corner", sizes=(256, 480), brightness=0.4, pca=0.1, erasing=0.25, mixup=0.2
    ).describe(224, 224)
    assert text == (
        "short side to 256 to 480 pixels, random crop of 224 × 224, horizontal flip, "
        "brightness ± 0.4, PCA colour shift 0.1, erasing in 25 %, mixup α = 0.2"
    )
    assert "cutmix α = 1" in Augmentation(cutmix=1).describe(32, 32)


# --- geometry ------------------------------------------------------------------------------------


@settings(max_examples=60)
@given(
    height=st.integers(1, 200),
    width=st.integers(1, 200),
    index=st.integers(0, 10**6),
    channels=st.sampled_from([1, 3]),
)
def test_crops_have_the_networks_size_whatever_the_image(
    height: int, width: int, index: int, channels: int
) -> None:
    image = picture(height, width, channels)
    draws = uniforms(0, 0, [index], crops.RESIZED_DRAWS)[0].tolist()
    part = crops.resized_crop(image, (24, 20), draws, (0.08, 1.0), (3 / 4, 4 / 3))
    assert part.size == (20, 24)
    corner = crops.corner_crop(image, (24, 20), draws[:3], (24, 30))
    assert corner.size == (20, 24)


def _boxes(height: int, width: int, n: int = 4000) -> np.ndarray:
    draws = uniforms(0, 0, np.arange(n), crops.RESIZED_DRAWS).tolist()
    scale, ratio = (0.08, 1.0), (3 / 4, 4 / 3)
    return np.array([crops._random_box(height, width, row, scale, ratio) for row in draws])


def test_resized_crops_are_spread_as_torchvisions() -> None:
    from torchvision.transforms import RandomResizedCrop

    top, left, height, width = _boxes(375, 500).T
    assert (top >= 0).all()
    assert (left >= 0).all()
    assert (top + height <= 375).all()
    assert (left + width <= 500).all()
    torch.manual_seed(0)
    image = torch.empty(3, 375, 500, device="meta")
    theirs = np.array(
        [RandomResizedCrop.get_params(image, [0.08, 1], [3 / 4, 4 / 3]) for _ in range(4000)]
    )
    for ours, other in zip((top, left, height, width), theirs.T, strict=True):
        for share in (0.1, 0.25, 0.5, 0.75, 0.9):
            assert abs(np.quantile(ours, share) - np.quantile(other, share)) < 0.03 * 500


def test_resized_crops_of_narrow_images_fall_back_to_the_centre() -> None:
    boxes = _boxes(10, 1000, 500)
    assert (boxes == _boxes(10, 1000, 500)).all()
    middle = boxes[(boxes[:, 2] == 10) & (boxes[:, 3] == 13)]
    assert len(middle)
    assert (middle[:, 1] == (1000 - 13) // 2).any()
    assert crops._random_box(1000, 10, [0.5] * 22, (1.0, 1.0), (3 / 4, 4 / 3)) == (
        (1000 - 13) // 2,
        0,
        13,
        10,
    )


def test_a_resized_crop_is_torchvisions_of_the_same_box() -> None:
    image = picture(90, 120)
    draws = uniforms(0, 0, [3], crops.RESIZED_DRAWS)[0].tolist()
    top, left, height, width = crops._random_box(90, 120, draws, (0.2, 1), (3 / 4, 4 / 3))
    ours = crops.resized_crop(image, (32, 32), draws, (0.2, 1), (3 / 4, 4 / 3))
    theirs = reference.resized_crop(
        Image.fromarray(image), top, left, height, width, [32, 32], antialias=True
    )
    assert (np.asarray(ours) == np.asarray(theirs)).all()


@pytest.mark.parametrize("draws", [(0.0, 0.0, 0.0), (0.99, 0.99, 0.99), (0.3, 0.8, 0.1)])
def test_a_corner_crop_is_resize_then_crop(draws: tuple[float, float, float]) -> None:
    image = picture(75, 100)
    short = 40 + int(draws[0] * 21)
    whole = resize(image, short, short * 100 // 75)
    top = int(draws[1] * (short - 32 + 1))
    left = int(draws[2] * (whole.shape[1] - 32 + 1))
    expected = whole[top : top + 32, left : left + 32].astype(int)
    ours = np.asarray(crops.corner_crop(image, (32, 32), draws, (40, 60))).astype(int)
    assert abs(ours - expected).max() <= 1


@pytest.mark.parametrize("channels", [1, 3])
def test_padded_crops_are_slices_of_the_padded_images(channels: int) -> None:
    images = np.random.default_rng(0).integers(0, 256, (50, 9, 7, channels), dtype=np.uint8)
    draws = uniforms(0, 0, np.arange(50), 2)
    cut = crops.padded_crops(images, draws, 3, 77)
    padded = np.pad(images, ((0, 0), (3, 3), (3, 3), (0, 0)), constant_values=77)
    tops, lefts = (draws * 7).astype(int).T
    for k, (top, left) in enumerate(zip(tops, lefts, strict=True)):
        assert (cut[k] == padded[k, top : top + 9, left : left + 7]).all()
    assert set(tops) == set(lefts) == set(range(7))
    assert (crops.padded_crops(images, draws, 0, 0) == images).all()
    reflected = np.pad(images, ((0, 0), (3, 3), (3, 3), (0, 0)), mode="reflect")
    cut = crops.padded_crops(images, draws, 3, None)
    for k, (top, left) in enumerate(zip(tops, lefts, strict=True)):
        assert (cut[k] == reflected[k, top : top + 9, left : left + 7]).all()


@pytest.mark.parametrize("channels", [1, 3])
def test_flip_exchanges_left_and_right_of_the_chosen_images(channels: int) -> None:
    images = np.random.default_rng(0).integers(0, 256, (6, 5, 4, channels), dtype=np.uint8)
    which = np.array([True, False, True, True, False, False])
    flipped = images.copy()
    crops.flip(flipped, which)
    assert (flipped[which] == images[which][:, :, ::-1]).all()
    assert (flipped[~which] == images[~which]).all()


# --- colour --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "adjust"),
    [
        ("brightness", reference.adjust_brightness),
        ("contrast", reference.adjust_contrast),
        ("saturation", reference.adjust_saturation),
    ],
)
def test_each_factor_is_torchvisions(name: str, adjust: Any) -> None:
    colours = draw_colours(Augmentation(**{name: 0.8}), None, 3, Key(0, 0, np.arange(12)))
    assert colours is not None
    images = np.stack([picture(seed=k) for k in range(12)])
    ours = colours.apply(torch.from_numpy(images).float())
    slot = ("brightness", "contrast", "saturation").index(name)
    factors = 0.2 + uniforms(0, 0, np.arange(12), 3, 4)[:, slot] * 1.6
    theirs = torch.stack(
        [
            255 * adjust(torch.from_numpy(image).permute(2, 0, 1) / 255, factor).permute(1, 2, 0)
            for image, factor in zip(images, factors, strict=True)
        ]
    )
    assert np.ptp(factors) > 0.8
    assert (ours - theirs).abs().max() < 0.1  # torchvision's weights of grey add up to 0.9999


def test_all_factors_at_once_are_torchvisions_where_nothing_is_clipped() -> None:
    images = np.stack([picture(seed=k) // 4 + 90 for k in range(8)])
    augmentation = Augmentation(brightness=0.2, contrast=0.3, saturation=0.3)
    colours = draw_colours(augmentation, None, 3, Key(0, 0, np.arange(8)))
    assert colours is not None
    ours = colours.apply(torch.from_numpy(images).float())
    draws = uniforms(0, 0, np.arange(8), 3, 4)
    for image, (b, c, s), our in zip(images, draws, ours, strict=True):
        x = torch.from_numpy(image).permute(2, 0, 1).double() / 255
        for order in ("bcs", "scb", "csb"):  # any order, as the module's text claims
            y = x
            for step in order:
                if step == "b":
                    y = reference.adjust_brightness(y, 0.8 + 0.4 * b)
                if step == "c":
                    y = reference.adjust_contrast(y, 0.7 + 0.6 * c)
                if step == "s":
                    y = reference.adjust_saturation(y, 0.7 + 0.6 * s)
            assert (our.permute(2, 0, 1) - 255 * y).abs().max() < 0.1


def test_colours_are_clipped_once_to_the_range_of_pixels() -> None:
    colours = draw_colours(Augmentation(brightness=3.0), None, 3, Key(0, 0, np.arange(20)))
    assert colours is not None
    moved = colours.apply(torch.full((20, 4, 4, 3), 200.0))
    assert moved.min() >= 0
    assert moved.max() == 255


def test_a_factor_is_never_below_zero() -> None:
    """As torchvision's ColorJitter, which draws from max(0, 1 - value) to 1 + value."""
    colours = draw_colours(Augmentation(brightness=3.0), None, 3, MANY)
    assert colours is not None
    factors = colours.matrix[:, 0, 0]
    assert 0 <= factors.min() < 0.05
    assert 3.95 < factors.max() <= 4
    assert factors.mean() == pytest.approx(2, abs=0.1)


def test_a_grey_image_has_no_saturation() -> None:
    key = Key(0, 0, np.arange(5))
    levels = torch.from_numpy(np.stack([picture(channels=1, seed=k) for k in range(5)])).float()
    colours = draw_colours(Augmentation(saturation=1.0), None, 1, key)
    assert colours is not None
    assert (colours.apply(levels) - levels).abs().max() < 1e-3
    contrast = draw_colours(Augmentation(contrast=0.5), None, 1, key)
    assert contrast is not None
    moved = contrast.apply(levels)
    inner = (moved > 0).all() and (moved < 255).all()
    assert not inner or torch.allclose(moved.mean((1, 2)), levels.mean((1, 2)), atol=0.01)


def test_the_colour_shift_lies_along_the_principal_components() -> None:
    colours = draw_colours(Augmentation(pca=0.1), Principal(), 3, MANY)
    assert colours is not None
    along = colours.shift @ Principal.eigenvectors.T  # back to components
    assert abs(along.mean(axis=0)).max() < 0.002
    assert along.std(axis=0) == pytest.approx(0.1 * Principal.eigenvalues, rel=0.05)
    assert abs(np.corrcoef(along.T) - np.eye(3)).max() < 0.06
    levels = torch.full((2, 3, 3, 3), 128.0)
    two = draw_colours(Augmentation(pca=0.1), Principal(), 3, Key(5, 6, np.arange(2)))
    assert two is not None
    moved = two.apply(levels) - levels
    assert torch.allclose(moved[:, 0, 0], 255 * torch.from_numpy(two.shift), atol=1e-3)
    assert (moved == moved[:, :1, :1]).all()


def test_no_colour_option_means_no_colours() -> None:
    assert draw_colours(Augmentation(), None, 3, MANY) is None


# --- erasing and mixing --------------------------------------------------------------------------


def test_erasing_takes_the_papers_areas_and_aspects_as_often_as_asked() -> None:
    assert draw_erasing(0.0, (64, 64), MANY) is None
    boxes = draw_erasing(0.25, (64, 64), MANY)
    assert boxes is not None
    heights, widths = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    on = heights > 0
    assert on.mean() == pytest.approx(0.25, abs=0.02)
    assert ((boxes >= 0) & (boxes <= 64)).all()
    areas = (heights * widths)[on] / 64**2
    assert 0.015 < areas.min() < 0.04
    assert 0.3 < areas.max() < 0.34
    aspects = (heights / np.maximum(widths, 1))[on]
    assert 0.25 < aspects.min() < 0.4
    assert 2.7 < aspects.max() < 3.8
    every = draw_erasing(1.0, (64, 64), MANY)
    assert every is not None
    assert (every[on] == boxes[on]).all()  # the probability does not move the boxes


def test_erasing_reaches_every_border_and_never_spans_the_image() -> None:
    """As torchvision's: a box is less high and less wide than the image, anywhere within it."""
    boxes = draw_erasing(1.0, (6, 9), MANY)
    assert boxes is not None
    top, left, bottom, right = boxes[boxes[:, 2] > 0].T
    assert (bottom - top).max() == 5
    assert (right - left).max() == 8
    assert (top.min(), left.min(), bottom.max(), right.max()) == (0, 0, 6, 9)
    for first, last, side in ((top, bottom, 6), (left, right, 9)):
        single = last - first == 1
        assert set(first[single].tolist()) == set(range(side))


def test_erased_pixels_are_the_mean() -> None:
    images = torch.ones(2, 8, 8, 3)
    erase(images, np.array([[1, 2, 5, 6], [0, 0, 0, 0]]))
    assert images[0].sum() == 3 * (64 - 16)
    assert (images[0, 1:5, 2:6] == 0).all()
    assert (images[1] == 1).all()


def _mix(images: torch.Tensor, **alphas: float) -> tuple[Any, torch.Tensor]:
    mixing = draw_mixing(Augmentation(**alphas), (16, 16), Key(1, 2, np.arange(len(images))))
    assert mixing is not None
    return mixing, mixing.apply(images)


@pytest.mark.parametrize("alphas", [{"mixup": 0.4}, {"cutmix": 1.0}, {"mixup": 0.4, "cutmix": 1.0}])
def test_weights_are_the_shares_of_the_pixels(alphas: dict[str, float]) -> None:
    n = 64
    images = torch.arange(n, dtype=torch.float32).reshape(n, 1, 1, 1).expand(n, 16, 16, 3)
    before = images.clone()
    mixing, mixed = _mix(images.contiguous(), **alphas)
    assert (images == before).all()
    partner, weight = torch.from_numpy(mixing.partner), torch.from_numpy(mixing.weight)
    assert sorted(mixing.partner.tolist()) == list(range(n))
    assert (mixing.partner != np.arange(n)).all()
    own = torch.arange(n, dtype=torch.float32)
    expected = weight * own + (1 - weight) * own[partner]
    assert torch.allclose(mixed.mean((1, 2, 3)), expected, atol=1e-3)
    constant = (mixed.amax((1, 2, 3)) - mixed.amin((1, 2, 3))) == 0
    if "cutmix" not in alphas:
        assert constant.all()
    elif "mixup" not in alphas:
        assert set(mixed.unique().tolist()) <= set(own.tolist())
    else:
        assert 0.25 < constant.float().mean() < 0.9


@pytest.mark.parametrize("alpha", [0.2, 1.0, 4.0])
def test_mixup_weights_follow_the_beta_distribution(alpha: float) -> None:
    mixing = draw_mixing(Augmentation(mixup=alpha), (8, 8), MANY)
    assert mixing is not None
    weight = mixing.weight.astype(float)
    assert weight.mean() == pytest.approx(0.5, abs=0.03)
    assert weight.var() == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.06)


def test_one_image_alone_is_not_mixed() -> None:
    assert draw_mixing(Augmentation(mixup=1.0), (8, 8), Key(0, 0, np.arange(1))) is None
    assert draw_mixing(Augmentation(), (8, 8), MANY) is None


def test_padding_shares_the_grounds_level_with_evaluation() -> None:
    # The ground of a padded image and the padding of its crops are one surface.
    preprocessing = Preprocessing(
        fit="pad", resize=6, height=8, width=8, channels=1, fill=255, mean=(0.5,), std=(0.5,)
    )
    fitted = preprocessing.fit_image(np.zeros((6, 6, 1), np.uint8))[None]
    moved = crops.padded_crops(fitted, np.array([[0.0, 0.0]]), 1, preprocessing.fill)
    assert (moved[0, 0] == 255).all()
    assert moved.sum() == fitted.sum()
