"""One prediction explained: a class and what speaks for it, or a number and what moves it."""

from __future__ import annotations

import html
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from striate.data.targets import Target
from striate.errors import StriateError
from striate.inference.explaining.choosing import Wanted, explainer_of
from striate.inference.explaining.explainer import TITLES
from striate.inference.heat_maps import class_number, drawn, target_of
from striate.support.files import output_file, write_atomically
from striate.support.html import data_address
from striate.support.paths import expanded
from striate.support.picture_files import SUFFIXES, encoded
from striate.support.shown import Readable
from striate.support.text import printable
from striate.support.words import figure, plain_percent

if TYPE_CHECKING:
    from PIL import Image

    from striate.data.finding.inputs import Item
    from striate.data.preprocessing import Preprocessing
    from striate.engines.heat_maps import Laid, Maps
    from striate.inference.classifier import Classifier
    from striate.inference.explaining.explainer import Heat
    from striate.inference.regressor import Regressor
    from striate.support.progress import Progress


@dataclass(frozen=True, kw_only=True, eq=False)
class Explained(Readable):
    """Where in an image a prediction comes from. A notebook shows it as a picture.

    Attributes:
        file: the path, or what the image is called.
        method: ``cam``, ``grad-cam`` or ``occlusion``.
        layer: what gives the feature map that CAM and Grad-CAM weigh; empty for occlusion, and
            where a file does not hold its name.
        map: float32 (h, w), from the top left corner of what the network sees to its bottom right
            one.
        image: uint8 (H, W, channels), as it was given.
        preprocessing: what becomes of it before the network sees it.
        laid: where the map's positions lie over what the network sees; None where they share it
            evenly.
    """

    signed: ClassVar[bool]
    """Whether what lowers is drawn beside what raises."""

    file: str
    method: str
    layer: str
    map: Maps
    image: NDArray[np.uint8]
    preprocessing: Preprocessing
    laid: Laid | None = None

    def drawn(self) -> Image.Image:
        """The image in grey with the map over it, as `striate predict --heatmap` draws it."""
        return drawn(self.image, self.map, self.preprocessing, self.laid, signed=self.signed)

    def save(self, path: str | Path) -> Path:
        """Write `drawn` as a .png, .jpg or .webp file; returns its path.

        Raises:
            StriateError: nothing can be written there, or it has another suffix.
        """
        target = expanded(path, kind=StriateError)
        if target.suffix.lower() not in SUFFIXES:
            raise StriateError(
                printable(str(target)), "is no name for a picture", f"give {target.stem}.png"
            )
        target = output_file(target, kind=StriateError)
        write_atomically(target, encoded(self.drawn(), target.suffix))
        return target

    @property
    def way(self) -> str:
        """How it was found: ``Grad-CAM of layer4, 7 × 7``."""
        height, width = self.map.shape
        return (
            f"{TITLES[self.method]}{f' of {self.layer}' if self.layer else ''}, {height} × {width}"
        )

    def _repr_html_(self) -> str:
        """What Jupyter shows: the picture with the sentence below."""
        held = BytesIO()
        self.drawn().save(held, "PNG")
        address = data_address("image/png", held.getvalue())
        told = html.escape(self.summary())
        picture = f'<img src="{address}" alt="{told}" style="max-width: 32rem">'
        return f"<figure>{picture}<figcaption>{told}</figcaption></figure>"


@dataclass(frozen=True, kw_only=True, eq=False)
class Explanation(Explained):
    """Where an image speaks for a class.

    In its `map` what speaks for the class is above 0, and what speaks against it below. Of Grad-CAM
    it is a sum of weighted channels; of CAM the same, and the numbers add up to the class's score
    less its bias; of occlusion the fall of the probability, for each pixel.

    Attributes:
        class_: the class that is explained.
        probability: of that class.
        likeliest: the class with the largest probability.
    """

    signed = False

    class_: str
    probability: float
    likeliest: str

    def summary(self) -> str:
        """What it is of, and how it was found, in a line."""
        told = f"{printable(self.file)}: {printable(self.class_)} {plain_percent(self.probability)}"
        if self.likeliest != self.class_:
            told += f" (likeliest: {printable(self.likeliest)})"
        if self.method == "occlusion":
            fall = max(float(self.map.max()), 0.0)
            return f"{told}, occlusion, which takes at most {plain_percent(fall)} off"
        return f"{told}, {self.way}"

    def to_json(self) -> dict[str, Any]:
        """Plain values; the map as rows of numbers."""
        names = ("file", "probability", "likeliest", "method", "layer")
        plain = {name: getattr(self, name) for name in names}
        return {**plain, "class": self.class_, "map": self.map.tolist()}


@dataclass(frozen=True, kw_only=True, eq=False)
class ValueExplanation(Explained):
    """Where in an image a number comes from.

    In its `map` what raises the value is above 0, and what lowers it below, in the target's unit:
    of occlusion by how much less it is without the pixel, on average over all places of the square
    that cover it; of CAM the share of each position, all of which add up to the value less what it
    would be if there were nothing in the last feature map. Grad-CAM weighs channels likewise, but
    its numbers add up to the value only where it is CAM.

    Attributes:
        target: the number that is explained.
        value: that was predicted, in its unit.
    """

    signed = True

    target: Target
    value: float

    def summary(self) -> str:
        """What it is of, and how it was found, in a line."""
        unit = f" {printable(self.target.unit)}" if self.target.unit else ""
        told = (
            f"{printable(self.file)}: {printable(self.target.name)} {figure(self.value, 4)}{unit}"
        )
        if self.method != "occlusion":
            return f"{told}, {self.way}; warm colours raise it, blue ones lower it"
        up, down = (max(float(end), 0.0) for end in (self.map.max(), -self.map.min()))
        return (
            f"{told}, occlusion: parts of the image raise it by up to {figure(up)}{unit} (warm) "
            f"and lower it by up to {figure(down)}{unit} (blue)"
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values; the map as rows of numbers."""
        return {
            "file": self.file,
            "target": self.target.name,
            "unit": self.target.unit,
            "value": self.value,
            "method": self.method,
            "layer": self.layer,
            "map": self.map.tolist(),
        }


def explain_item(
    classifier: Classifier,
    item: Item,
    class_: str | None = None,
    *,
    wanted: Wanted = Wanted(),  # noqa: B008 - frozen
    progress: Progress | None = None,
) -> Explanation:
    """Explain what `classifier` predicts of one image.

    Args:
        classifier: of a run or of a file.
        item: the image.
        class_: that is explained; None for the likeliest.
        wanted: the way of explaining.
        progress: called as an occlusion goes on.

    Raises:
        StriateError: there is no such class, or no such way to explain the classifier.
        DataError: the image cannot be read.
    """
    label = None if class_ is None else class_number(class_, classifier.classes, "class_")
    with explainer_of(classifier, wanted) as explainer:
        with item.opened(classifier.channels) as opened:
            image = np.array(opened)
        shares = classifier.probabilities(image, workers=0)[0]
        best = int(shares.argmax())
        chosen = best if label is None else label
        heat = explainer.of_picture(image, chosen, progress)
        return Explanation(
            file=item.name,
            class_=classifier.classes[chosen],
            probability=float(shares[chosen]),
            likeliest=classifier.classes[best],
            method=explainer.method,
            layer=explainer.layer,
            image=image,
            **_of_heat(heat),
        )


def explain_value(
    regressor: Regressor,
    item: Item,
    target: str | None = None,
    *,
    wanted: Wanted = Wanted(),  # noqa: B008 - frozen
    progress: Progress | None = None,
) -> ValueExplanation:
    """Explain a number that `regressor` predicts of one image.

    Args:
        regressor: of a run or of a file.
        item: the image.
        target: the number; None for the first.
        wanted: as for `explain_item`.
        progress: likewise.

    Raises:
        StriateError: there is no such target, or no such way to explain the regressor.
        DataError: the image cannot be read.
    """
    number = target_of(regressor, target, "target")
    with explainer_of(regressor, wanted) as explainer:
        with item.opened(regressor.channels) as opened:
            image = np.array(opened)
        value = float(regressor.values(image, workers=0)[0, number])
        heat = explainer.of_picture(image, number, progress)
        return ValueExplanation(
            file=item.name,
            target=regressor.targets[number],
            value=value,
            method=explainer.method,
            layer=explainer.layer,
            image=image,
            **_of_heat(heat),
        )


def _of_heat(heat: Heat) -> dict[str, Any]:
    return {"map": heat.values, "preprocessing": heat.preprocessing, "laid": heat.laid}
