"""One prediction explained: its class, its probability, and where the image speaks for it."""

from __future__ import annotations

import html
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from striate.errors import StriateError
from striate.inference.explaining.choosing import Wanted, explainer_of
from striate.inference.explaining.explainer import TITLES
from striate.inference.heat_maps import class_number, drawn
from striate.support.files import output_file, write_atomically
from striate.support.html import data_address
from striate.support.paths import expanded
from striate.support.picture_files import SUFFIXES, encoded
from striate.support.shown import Readable
from striate.support.text import printable
from striate.support.words import percent

if TYPE_CHECKING:
    from PIL import Image

    from striate.data.finding.inputs import Item
    from striate.data.preprocessing import Preprocessing
    from striate.engines.heat_maps import Laid, Maps
    from striate.inference.classifier import Classifier
    from striate.support.progress import Progress


@dataclass(frozen=True, kw_only=True, eq=False)
class Explanation(Readable):
    """Where an image speaks for a class. A notebook shows it as a picture.

    Attributes:
        file: the path, or what the image is called.
        class_: the class that is explained.
        probability: of that class.
        likeliest: the class with the largest probability.
        method: ``cam``, ``grad-cam`` or ``occlusion``.
        layer: what gives the feature map that CAM and Grad-CAM weigh; empty for occlusion, and
            where a file does not hold its name.
        map: float32 (h, w), from the top left corner of what the network sees to its bottom right
            one: above 0 what speaks for the class, below what speaks against it. Of Grad-CAM a sum
            of weighted channels; of CAM the same, and the numbers add up to the class's score less
            its bias; of occlusion the fall of the probability, for each pixel.
        image: uint8 (H, W, channels), as it was given.
        preprocessing: what becomes of it before the network sees it.
        laid: where the map's positions lie over what the network sees; None where they share it
            evenly.
    """

    file: str
    class_: str
    probability: float
    likeliest: str
    method: str
    layer: str
    map: Maps
    image: NDArray[np.uint8]
    preprocessing: Preprocessing
    laid: Laid | None = None

    def drawn(self) -> Image.Image:
        """The image in grey with the map over it, as `striate predict --heatmap` draws it."""
        return drawn(self.image, self.map, self.preprocessing, self.laid)

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

    def summary(self) -> str:
        """What it is of, and how it was found, in a line."""
        told = f"{printable(self.file)}: {printable(self.class_)} {percent(self.probability)}"
        if self.likeliest != self.class_:
            told += f" (likeliest: {printable(self.likeliest)})"
        if self.method == "occlusion":
            fall = max(float(self.map.max()), 0.0)
            return f"{told}, occlusion, which takes at most {percent(fall)} off"
        height, width = self.map.shape
        way = TITLES[self.method] + (f" of {self.layer}" if self.layer else "")
        return f"{told}, {way}, {height} × {width}"

    def to_json(self) -> dict[str, Any]:
        """Plain values; the map as rows of numbers."""
        names = ("file", "probability", "likeliest", "method", "layer")
        plain = {name: getattr(self, name) for name in names}
        return {**plain, "class": self.class_, "map": self.map.tolist()}

    def _repr_html_(self) -> str:
        """What Jupyter shows: the picture with the sentence below."""
        held = BytesIO()
        self.drawn().save(held, "PNG")
        address = data_address("image/png", held.getvalue())
        told = html.escape(self.summary())
        picture = f'<img src="{address}" alt="{told}" style="max-width: 32rem">'
        return f"<figure>{picture}<figcaption>{told}</figcaption></figure>"


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
            map=heat.values,
            image=image,
            preprocessing=heat.preprocessing,
            laid=heat.laid,
        )
