"""The likeliest classes of one image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from striate.errors import DataError


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """The likeliest classes of one image, likeliest first, or why there are none.

    Attributes:
        file: the path, or ``images[3]`` for the fourth of several that are in memory.
        classes: names, as many as were asked for; empty for an image that cannot be read.
        probabilities: one for each of `classes`.
        error: why it cannot be read, in one line; empty for all others.
        heatmap: the file with its heat map; empty where none was asked for.
    """

    file: str
    classes: tuple[str, ...]
    probabilities: tuple[float, ...]
    error: str = ""
    heatmap: str = ""

    @classmethod
    def failed(cls, file: str, error: DataError) -> Prediction:
        """What stands in the place of a `file` that cannot be read."""
        why = error.why + (f"; {error.remedy}" if error.remedy else "")
        return cls(file=file, classes=(), probabilities=(), error=why)

    def to_json(self) -> dict[str, Any]:
        """``{"file", "predictions": [{"class", "probability"}, …]}``, or ``{"file", "error"}``.

        With a heat map, ``heatmap`` as well.
        """
        if self.error:
            return {"file": self.file, "error": self.error}
        pairs = zip(self.classes, self.probabilities, strict=True)
        found: dict[str, Any] = {
            "file": self.file,
            "predictions": [{"class": name, "probability": share} for name, share in pairs],
        }
        return found | ({"heatmap": self.heatmap} if self.heatmap else {})
