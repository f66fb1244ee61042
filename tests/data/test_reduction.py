"""Large JPEG files reduced while they are decoded, against the same files decoded whole."""

from __future__ import annotations

import io
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from striate.data.decoding.decode import decode, decoding
from striate.data.preprocessing import Preprocessing
from striate.data.reduction import FACTORS, MARGIN, Reduction, factor_for
from striate.errors import DataError

NUMBERS: dict[str, Any] = {"mean": (0.5,) * 3, "std": (0.5,) * 3}
CROP = Preprocessing(resize=20, height=16, width=16, **NUMBERS)
PAD = Preprocessing(fit="pad", resize=16, height=16, width=16, interpolation="bicubic", **NUMBERS)


def scene(height: int, width: int) -> NDArray[np.uint8]:
    """Soft colours with the noise of a camera."""
    random = np.random.default_rng(0)
    soft = random.integers(20, 236, (5, 7, 3), np.uint8)
    image = np.asarray(Image.fromarray(soft).resize((width, height), Image.Resampling.BICUBIC))
    noisy = image + random.normal(0, 6, image.shape)
    found: NDArray[np.uint8] = noisy.clip(0, 255).astype(np.uint8)
    return found


def jpeg(image: NDArray[np.uint8], *, turn: int = 1, **settings: Any) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = turn
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=92, exif=exif.tobytes(), **settings)
    return buffer.getvalue()


def factor_of(content: bytes, preprocessing: Preprocessing = CROP) -> int:
    reduction = Reduction(preprocessing.reduction)
    whole = decode(content).shape[:2]
    with decoding(content, 3, reduction=reduction) as image:
        if reduction.factor > 1:
            assert (reduction.height, reduction.width) == whole
        assert [*image.shape[:2]] == [-(-side // reduction.factor) for side in whole]
    return reduction.factor


def difference(content: bytes, preprocessing: Preprocessing = CROP) -> int:
    """The largest, in levels of 255, that the reduction makes."""
    exact = preprocessing.fit_image(decode(content)).astype(int)
    found = preprocessing.fitted(partial(decoding, content, 3), reduced=True)
    whole = preprocessing.fitted(partial(decoding, content, 3))
    assert np.array_equal(whole, exact)
    return int(np.abs(found - exact).max())


@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize("preprocessing", [CROP, PAD], ids=["crop", "pad"])
def test_a_photograph_is_the_same_within_two_levels(
    factor: int, preprocessing: Preprocessing
) -> None:
    side = int(MARGIN * preprocessing.resize * factor) + 3  # which no factor divides
    content = jpeg(scene(side, side + side // 4 + 1))
    assert factor_of(content, preprocessing) >= factor
    assert difference(content, preprocessing) <= 2


@pytest.mark.parametrize("turn", range(1, 9))
def test_turned_as_it_was_taken(turn: int) -> None:
    content = jpeg(scene(208, 256), turn=turn)
    assert factor_of(content) == 2
    assert difference(content) <= 2
    if turn > 1:  # what stands out beyond the last pixel would be on another side
        assert factor_of(jpeg(scene(209, 256), turn=turn)) == 1


@pytest.mark.parametrize("settings", [{"progressive": True}, {"subsampling": 0}])
def test_kinds_of_jpeg(settings: dict[str, Any]) -> None:
    content = jpeg(scene(210, 215), **settings)
    assert factor_of(content) == 2
    assert difference(content) <= 2


def test_grey_and_what_is_decoded_whole() -> None:
    grey = scene(210, 215)[..., 0]
    assert factor_of(jpeg(grey)) == 2
    inks = io.BytesIO()
    Image.fromarray(scene(210, 215)).convert("CMYK").save(inks, "JPEG")
    assert factor_of(inks.getvalue()) == 1
    png = io.BytesIO()
    Image.fromarray(grey).save(png, "PNG")
    assert factor_of(png.getvalue()) == 1
    assert factor_of(jpeg(scene(200, 215))) == 1  # too small to be reduced


def test_a_strip_whose_crop_alone_is_resized() -> None:
    content = jpeg(scene(210, 4_000))
    assert factor_of(content) == 2
    assert difference(content) <= 2


def test_what_is_damaged_is_refused_as_it_is_whole(tmp_path: Path) -> None:
    file = tmp_path / "cut.jpg"
    content = jpeg(scene(210, 215))
    for bad in (content[: len(content) // 2], content[:-300] + content[-20:]):
        file.write_bytes(bad)
        said = []
        for reduced in (False, True):
            with pytest.raises(DataError) as caught:
                CROP.fitted(partial(decoding, file, 3), reduced=reduced)
            said.append(str(caught.value))
        assert said[0] == said[1]


def test_what_is_in_memory_is_as_it_is() -> None:
    image = scene(210, 215)
    found = CROP.fitted(lambda _: nullcontext(image), reduced=True)
    assert np.array_equal(found, CROP.fit_image(image))


def test_factors() -> None:
    lengths = [round(MARGIN * 100 * each) + 1 for each in (1, 2, 3, 4, 8, 20)]
    assert [factor_for(each, 100) for each in lengths] == [1, 2, 2, 4, 8, 8]
    assert factor_for(1019, 100) == 1
