"""Heat maps drawn over the photographs that they are of."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from striate.data.preprocessing import Preprocessing
from striate.errors import DataError, StriateError, nearest, parameter
from striate.inference.estimate import Estimate
from striate.inference.explaining.choosing import Wanted, explainer_of
from striate.inference.explaining.over_pictures import cut, seen, spread
from striate.inference.prediction import Prediction
from striate.support.files import sweep, write_atomically
from striate.support.picture_files import PictureFiles, encoded
from striate.support.progress import counting

if TYPE_CHECKING:
    from striate.data.finding.inputs import Item
    from striate.engines.heat_maps import Laid, Maps
    from striate.inference.classifier import Classifier
    from striate.inference.regressor import Regressor

Drawable = TypeVar("Drawable", Prediction, Estimate)

COLOURS = np.array(
    [(0, 0, 4), (87, 16, 110), (188, 55, 84), (249, 142, 9), (252, 255, 164)], np.float64
)
"""Five of the 256 colours of the map "inferno": black, where nothing speaks for the class, over
violet and red to yellow. Its lightness rises all the way, so that it reads in grey as well."""
RAISING = np.array(
    [(0, 0, 4), (110, 25, 15), (205, 70, 20), (248, 150, 30), (255, 240, 150)], np.float64
)
LOWERING = np.array(
    [(0, 0, 4), (15, 40, 110), (25, 95, 190), (85, 175, 240), (200, 235, 255)], np.float64
)
"""Of a number: from black to yellow what raises it, from black to light blue what lowers it."""
PHOTOGRAPH = 0.35
"""How much of the photograph shows through where the map is strongest; all of it where it is 0."""
OUTSIDE = 0.4
"""How light the photograph is where the network does not see it."""
SMALLEST = 256
"""Pixels of the shorter side of a picture that is written: smaller ones are enlarged."""
LARGEST = 1600
"""Pixels of the longer side: larger ones are made smaller, since a map has some dozens of cells."""


def strength(heat: Maps) -> NDArray[np.float32]:
    """What speaks for the class, (h, w) from 0 to 1: of the largest number; what speaks against, 0.

    Examples:
        >>> strength(np.array([[2.0, -1.0], [1.0, 0.0]], np.float32)).tolist()
        [[1.0, 0.0], [0.5, 0.0]]
    """
    positive = np.maximum(heat, 0)
    most = positive.max(initial=0)
    found: NDArray[np.float32] = positive / most if most > 0 else positive
    return found


def signed_strength(heat: Maps) -> NDArray[np.float32]:
    """What raises a number and what lowers it, (h, w) from -1 to 1: of the largest of either.

    Examples:
        >>> signed_strength(np.array([[2.0, -4.0], [1.0, 0.0]], np.float32)).tolist()
        [[0.5, -1.0], [0.25, 0.0]]
    """
    most = np.abs(heat).max(initial=0)
    found: NDArray[np.float32] = heat / most if most > 0 else heat
    return found


def drawn(
    image: NDArray[np.uint8],
    heat: Maps,
    preprocessing: Preprocessing,
    laid: Laid | None = None,
    *,
    signed: bool = False,
) -> Image.Image:
    """A picture with a heat map over what the network sees of it.

    The picture is grey, so that every colour is the map's; what is cut off in front of the network
    is darker. What speaks against a class is not drawn, and the strongest cell has the brightest
    colour, however strong it is. Of a number both are: what raises it in warm colours, what lowers
    it in blue.

    Args:
        image: uint8 (H, W, 1 or 3).
        heat: (h, w), with its sign.
        preprocessing: which the network's own input went through.
        laid: where the map's positions lie over what the network sees; None for evenly.
        signed: whether it is of a number.
    """
    height, width = image.shape[:2]
    scale = min(max(SMALLEST / min(height, width), 1.0), LARGEST / max(height, width))
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    picture = Image.fromarray(image.squeeze(2) if image.shape[2] == 1 else image).convert("L")
    ground = np.asarray(picture.resize(size, Image.Resampling.BICUBIC), np.float64)
    box = tuple(round(each * scale) for each in seen(preprocessing, height, width))
    shares = signed_strength(heat) if signed else strength(heat)
    part = cut(shares, (preprocessing.height, preprocessing.width), laid)
    values, inside = spread(part, size, box)
    return _painted(np.where(inside, ground, OUTSIDE * ground), values, signed=signed)


def drawn_fitted(
    pixels: NDArray[np.uint8],
    heat: Maps,
    side: int,
    laid: Laid | None = None,
    *,
    signed: bool = False,
) -> Image.Image:
    """What a network sees, uint8 (H, W, 1 or 3), with its heat map; the longer side is `side`.

    It is `signed` where it is of a number, as for `drawn`.
    """
    height, width = pixels.shape[:2]
    scale = side / max(height, width)
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    picture = Image.fromarray(pixels.squeeze(2) if pixels.shape[2] == 1 else pixels).convert("L")
    ground = np.asarray(picture.resize(size, Image.Resampling.BICUBIC), np.float64)
    part = cut(signed_strength(heat) if signed else strength(heat), (height, width), laid)
    return _painted(ground, spread(part, size, (0, 0, *size))[0], signed=signed)


def _painted(
    ground: NDArray[np.float64], values: NDArray[np.float32], *, signed: bool
) -> Image.Image:
    """A grey picture, (H, W) up to 255, with `values`, (H, W) from -1 or 0 to 1, in colours."""
    values = np.clip(values, -1 if signed else 0, 1)  # between positions a cubic goes beyond them
    sizes = np.abs(values)
    # Of two directions all of the picture would be coloured, were small values not left pale.
    opacity = (1 - PHOTOGRAPH) * (sizes if signed else np.sqrt(sizes))[..., None]
    colours = _ramp(RAISING if signed else COLOURS, sizes)
    if signed:
        colours = np.where(values[..., None] < 0, _ramp(LOWERING, sizes), colours)
    mixed = ground[..., None] * (1 - opacity) + colours * opacity
    return Image.fromarray(np.rint(mixed).astype(np.uint8))


def _ramp(colours: NDArray[np.float64], shares: NDArray[np.float32]) -> NDArray[np.float64]:
    steps = np.linspace(0, 1, len(colours))
    return np.stack([np.interp(shares, steps, each) for each in colours.T], -1)


class Drawer(Generic[Drawable]):
    """Writes a picture with its heat map for each prediction.

    Args:
        predictor: of a run or of a file.
        target: a file for the one picture that there is, or a folder, which is made if need be.
        number: of the class, or of the target, whose map is drawn for a prediction.
        single: whether there is one picture.
        wanted: the way of explaining.
        progress: count on standard error as the explanation of a picture goes on, where that takes
            its time.

    Raises:
        StriateError: the predictor cannot be explained so, or nothing can be written at `target`.
    """

    def __init__(
        self,
        predictor: Classifier | Regressor,
        target: str | Path,
        number: Callable[[Drawable], int],
        *,
        single: bool,
        wanted: Wanted,
        progress: bool = False,
    ) -> None:
        from striate.inference.regressor import Regressor

        self._predictor = predictor
        self._number: Callable[[Drawable], int] = number
        self._signed = isinstance(predictor, Regressor)
        self._files = PictureFiles(target, option="heatmap", ending=".heatmap.png", single=single)
        self._progress = progress
        self._explainer = explainer_of(predictor, wanted)

    def draw(self, item: Item, prediction: Drawable) -> Drawable:
        """The prediction with the path of the picture that was written; itself if it is an error.

        Raises:
            StriateError: the picture cannot be written.
        """
        if prediction.error:
            return prediction
        try:
            with item.opened(self._predictor.channels) as opened:
                image = np.array(opened)
        except DataError as error:  # it was there a moment ago
            return cast("Drawable", self._predictor.failed(prediction.file, error))
        with counting("computing covered images", wanted=self._progress) as count:
            heat = self._explainer.of_picture(image, self._number(prediction), count)
        target = self._files.path(prediction.file)
        sweep(target)
        picture = drawn(image, *heat, signed=self._signed)
        write_atomically(target, encoded(picture, target.suffix))
        return replace(prediction, heatmap=str(target), heatmap_method=self._explainer.method)

    def close(self) -> None:
        """Free what computes the maps."""
        self._explainer.close()


def with_heat_maps(
    predict: Callable[[Iterator[Item]], Generator[Drawable]],
    items: Iterable[Item],
    drawer: Drawer[Drawable],
) -> Generator[Drawable]:
    """What `predict` gives for `items`, with a picture written for each."""
    waiting: list[Item] = []

    def noted() -> Iterator[Item]:
        for item in items:
            waiting.append(item)
            yield item

    found = predict(noted())
    with closing(drawer), closing(found):
        for prediction in found:
            yield drawer.draw(waiting.pop(0), prediction)


def class_of(classifier: Classifier, label: str | None) -> Callable[[Prediction], int]:
    """The number of the class whose map is drawn: `label`, or each picture's likeliest.

    Raises:
        StriateError: there is no such class.
    """
    if label is not None:
        number = class_number(label, classifier.classes, "heatmap_class")
        return lambda _: number
    return lambda prediction: classifier.classes.index(prediction.classes[0])


def target_of(regressor: Regressor, name: str | None, given_by: str) -> int:
    """The number of the target called `name`, which was given by that parameter; by default 0.

    Raises:
        StriateError: there is no such target.
    """
    names = tuple(each.name for each in regressor.targets)
    if name is not None and name not in names:
        what = parameter(given_by, name)
        raise StriateError(what, "there is no such target", nearest(name, names))
    return 0 if name is None else names.index(name)


def class_number(name: str, classes: tuple[str, ...], given_by: str) -> int:
    """The number of the class called `name`, which was given by the parameter `given_by`.

    Raises:
        StriateError: there is no such class.
    """
    if name not in classes:
        what = parameter(given_by, name)
        raise StriateError(what, "there is no such class", nearest(name, classes))
    return classes.index(name)
