"""Heat maps drawn over the photographs that they are of."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from striate.data.preprocessing import Preprocessing
from striate.errors import DataError, StriateError, nearest, parameter
from striate.inference.explaining.choosing import Wanted, explainer_of
from striate.inference.explaining.over_pictures import cut, seen, spread
from striate.support.files import sweep, write_atomically
from striate.support.picture_files import PictureFiles, encoded
from striate.support.progress import counting

if TYPE_CHECKING:
    from striate.data.finding.inputs import Item
    from striate.engines.heat_maps import Laid, Maps
    from striate.inference.classifier import Classifier
    from striate.inference.prediction import Prediction

COLOURS = np.array(
    [(0, 0, 4), (87, 16, 110), (188, 55, 84), (249, 142, 9), (252, 255, 164)], np.float64
)
"""Five of the 256 colours of the map "inferno": black, where nothing speaks for the class, over
violet and red to yellow. Its lightness rises all the way, so that it reads in grey as well."""
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


def drawn(
    image: NDArray[np.uint8], heat: Maps, preprocessing: Preprocessing, laid: Laid | None = None
) -> Image.Image:
    """A picture with a heat map over what the network sees of it.

    The picture is grey, so that every colour is the map's; what is cut off in front of the network
    is darker. What speaks against the class is not drawn, and the strongest cell has the brightest
    colour, however strong it is.

    Args:
        image: uint8 (H, W, 1 or 3).
        heat: (h, w), with its sign.
        preprocessing: which the network's own input went through.
        laid: where the map's positions lie over what the network sees; None for evenly.
    """
    height, width = image.shape[:2]
    scale = min(max(SMALLEST / min(height, width), 1.0), LARGEST / max(height, width))
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    picture = Image.fromarray(image.squeeze(2) if image.shape[2] == 1 else image).convert("L")
    ground = np.asarray(picture.resize(size, Image.Resampling.BICUBIC), np.float64)
    box = tuple(round(each * scale) for each in seen(preprocessing, height, width))
    part = cut(strength(heat), (preprocessing.height, preprocessing.width), laid)
    values, inside = spread(part, size, box)
    return _painted(np.where(inside, ground, OUTSIDE * ground), values)


def drawn_fitted(
    pixels: NDArray[np.uint8], heat: Maps, side: int, laid: Laid | None = None
) -> Image.Image:
    """What a network sees, uint8 (H, W, 1 or 3), with its heat map; the longer side is `side`."""
    height, width = pixels.shape[:2]
    scale = side / max(height, width)
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    picture = Image.fromarray(pixels.squeeze(2) if pixels.shape[2] == 1 else pixels).convert("L")
    ground = np.asarray(picture.resize(size, Image.Resampling.BICUBIC), np.float64)
    part = cut(strength(heat), (height, width), laid)
    return _painted(ground, spread(part, size, (0, 0, *size))[0])


def _painted(ground: NDArray[np.float64], values: NDArray[np.float32]) -> Image.Image:
    """A grey picture, (H, W) up to 255, with `values`, (H, W) up to 1, in colours over it."""
    values = np.clip(values, 0, 1)  # between positions a cubic goes beyond them
    opacity = (1 - PHOTOGRAPH) * np.sqrt(values)[..., None]
    steps = np.linspace(0, 1, len(COLOURS))
    colours = np.stack([np.interp(values, steps, each) for each in COLOURS.T], -1)
    mixed = ground[..., None] * (1 - opacity) + colours * opacity
    return Image.fromarray(np.rint(mixed).astype(np.uint8))


class Drawer:
    """Writes a picture with its heat map for each prediction.

    Args:
        classifier: of a run or of a file.
        target: a file for the one picture that there is, or a folder, which is made if need be.
        label: the class whose map is drawn; None for each picture's likeliest.
        single: whether there is one picture.
        wanted: the way of explaining.
        progress: count on standard error as the explanation of a picture goes on, where that takes
            its time.

    Raises:
        StriateError: the classifier cannot be explained so, nothing can be written at `target`, or
            there is no such class.
    """

    def __init__(
        self,
        classifier: Classifier,
        target: str | Path,
        label: str | None,
        *,
        single: bool,
        wanted: Wanted,
        progress: bool = False,
    ) -> None:
        self._classifier = classifier
        self._label = label
        if label is not None:
            class_number(label, classifier.classes, "heatmap_class")
        self._files = PictureFiles(target, option="heatmap", ending=".heatmap.png", single=single)
        self._progress = progress
        self._explainer = explainer_of(classifier, wanted)

    def draw(self, item: Item, prediction: Prediction) -> Prediction:
        """The prediction with the path of the picture that was written; itself if it is an error.

        Raises:
            StriateError: the picture cannot be written.
        """
        if prediction.error:
            return prediction
        try:
            with item.opened(self._classifier.channels) as opened:
                image = np.array(opened)
        except DataError as error:  # it was there a moment ago
            return type(prediction).failed(prediction.file, error)
        label = self._classifier.classes.index(self._label or prediction.classes[0])
        with counting("computing covered images", wanted=self._progress) as count:
            heat = self._explainer.of_picture(image, label, count)
        target = self._files.path(prediction.file)
        sweep(target)
        write_atomically(target, encoded(drawn(image, *heat), target.suffix))
        return replace(prediction, heatmap=str(target), heatmap_method=self._explainer.method)

    def close(self) -> None:
        """Free what computes the maps."""
        self._explainer.close()


def with_heat_maps(
    classifier: Classifier, items: Iterable[Item], drawer: Drawer, *, top: int, workers: int
) -> Generator[Prediction]:
    """What `classifier` predicts of `items`, with a picture written for each."""
    waiting: list[Item] = []

    def noted() -> Iterator[Item]:
        for item in items:
            waiting.append(item)
            yield item

    found = classifier.predict_items(noted(), top=top, workers=workers)
    with closing(drawer), closing(found):
        for prediction in found:
            yield drawer.draw(waiting.pop(0), prediction)


def class_number(name: str, classes: tuple[str, ...], given_by: str) -> int:
    """The number of the class called `name`, which was given by the parameter `given_by`.

    Raises:
        StriateError: there is no such class.
    """
    if name not in classes:
        what = parameter(given_by, name)
        raise StriateError(what, "there is no such class", nearest(name, classes))
    return classes.index(name)
