"""The likeliest classes of one image."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from striate.errors import DataError
from striate.support.shown import Readable
from striate.support.text import printable
from striate.support.words import plain_percent


@dataclass(frozen=True, kw_only=True)
class Prediction(Readable):
    """The likeliest classes of one image, likeliest first, or why there are none.

    Attributes:
        file: the path, or ``images[3]`` for the fourth of several that are in memory.
        classes: names, as many as were asked for; empty for an image that cannot be read.
        probabilities: one for each of `classes`.
        error: why it cannot be read, in one line; empty for all others.
        heatmap: the file with its heat map; empty where none was asked for.
        heatmap_method: how the map was found: ``cam``, ``grad-cam`` or ``occlusion``.
        unsure: whether the likeliest class is less probable than the threshold.
        label: the class that its folder says it is of; empty where no folder says so.
    """

    file: str
    classes: tuple[str, ...]
    probabilities: tuple[float, ...]
    error: str = ""
    heatmap: str = ""
    heatmap_method: str = ""
    label: str = ""
    unsure: bool = False

    @property
    def right(self) -> bool | None:
        """Whether the likeliest class is its label; None where either is missing."""
        return self.classes[0] == self.label if self.classes and self.label else None

    def summary(self) -> str:
        """The image and its likeliest classes, in a line."""
        return f"{printable(self.file)}: {printable(self.error) or self.told}"

    @property
    def told(self) -> str:
        """``tulip 87.6 %, daisy 10.2 %``, and what is to be known of that."""
        pairs = zip(self.classes, self.probabilities, strict=True)
        shares = ", ".join(f"{printable(name)} {plain_percent(share)}" for name, share in pairs)
        wrong = f" (wrong: {printable(self.label)})" if self.right is False else ""
        told = f"unsure ({shares})" if self.unsure else shares
        return f"{told}{wrong}{drawn_note(self.heatmap, self.heatmap_method)}"

    def shortened(self, top: int) -> Prediction:
        """The `top` likeliest classes alone."""
        return replace(self, classes=self.classes[:top], probabilities=self.probabilities[:top])

    @classmethod
    def failed(cls, file: str, error: DataError) -> Prediction:
        """What stands in the place of a `file` that cannot be read."""
        return cls(file=file, classes=(), probabilities=(), error=error.reason)

    def to_json(self) -> dict[str, Any]:
        """``{"file", "predictions": [{"class", "probability"}, …]}``, or ``{"file", "error"}``.

        ``unsure`` stands there where it is so; with a label, ``label`` and, where there are
        predictions, ``right``; with a heat map, ``heatmap`` and ``heatmap_method``.
        """
        found: dict[str, Any] = {"file": self.file}
        if self.label:
            found["label"] = self.label
        if self.error:
            return found | {"error": self.error}
        if self.right is not None:
            found["right"] = self.right
        if self.unsure:
            found["unsure"] = True
        pairs = zip(self.classes, self.probabilities, strict=True)
        found["predictions"] = [{"class": name, "probability": share} for name, share in pairs]
        drawn = {"heatmap": self.heatmap, "heatmap_method": self.heatmap_method}
        return found | (drawn if self.heatmap else {})


def drawn_note(heatmap: str, method: str) -> str:
    """Where a heat map was drawn, and how it was found; nothing where there is none."""
    if not heatmap:
        return ""
    from striate.inference.explaining.explainer import TITLES

    return f" ({TITLES[method]}: {printable(heatmap)})"
