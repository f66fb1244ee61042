"""Gradient and activation sizes by depth and epoch, and a verdict on them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from striate.report.charts import Axes, Chart, Series, heat_map, line_chart
from striate.report.inputs import PageInputs
from striate.support.words import figure, listing

#: Gradients of the first and last layers that differ by more than this factor are called vanishing
#: or exploding. Our choice: a layer's size alone accounts for a factor of up to about a hundred.
STEEP = 1000.0
#: A gradient this much above its own median over the epochs is called a spike.
SPIKE = 100.0
_MOST_ROWS, _MOST_COLUMNS = 160, 120


@dataclass(frozen=True, kw_only=True)
class Health:
    """What the page shows of gradients and activations."""

    good: bool
    verdict: str
    layers: int
    gradients_by_depth: Chart
    activations_by_depth: Chart
    gradients_over_time: Chart
    activations_over_time: Chart

    @property
    def hovers(self) -> dict[str, Any]:
        """What a pointer on its charts reads off, by the charts' keys."""
        return {
            "gradient-depth": self.gradients_by_depth.hover,
            "activation-depth": self.activations_by_depth.hover,
            "gradient-time": self.gradients_over_time.hover,
            "activation-time": self.activations_over_time.hover,
        }


def health(inputs: PageInputs) -> Health | None:
    """Figures and verdict, or None where the metrics hold no sizes."""
    lines = [line for line in inputs.metrics if line.get("health")]
    if not lines:
        return None
    layers = list(dict.fromkeys(name for line in lines for name in line["health"]))
    epochs = [int(line["epoch"]) for line in lines]
    sizes = {
        key: np.array(
            [[_size(line["health"].get(name, {}).get(key)) for line in lines] for name in layers]
        )
        for key in ("gradient", "activation")
    }
    found = troubles(sizes["gradient"], sizes["activation"], layers, epochs)
    return Health(
        good=not found,
        verdict=" ".join(found) if found else _praise(sizes["gradient"]),
        layers=len(layers),
        gradients_by_depth=_profile(sizes["gradient"], layers, epochs, "Gradient"),
        activations_by_depth=_profile(sizes["activation"], layers, epochs, "Activation"),
        gradients_over_time=_strip(sizes["gradient"], layers, epochs, "Gradient"),
        activations_over_time=_strip(sizes["activation"], layers, epochs, "Activation"),
    )


def _size(value: float | None) -> float:
    return math.nan if value is None else float(value)


def troubles(
    gradients: NDArray[np.float64],
    activations: NDArray[np.float64],
    layers: Sequence[str],
    epochs: Sequence[int],
) -> list[str]:
    """A sentence for each thing that is wrong; `gradients` and `activations` (layers, epochs)."""
    said = []
    for name, sizes in (("gradient", gradients), ("activation", activations)):
        unsound = np.argwhere(np.isinf(sizes))
        if len(unsound):
            layer, epoch = (int(i) for i in unsound[0])
            said.append(f"The {name}s of {layers[layer]} overflowed in epoch {epochs[epoch]}.")
    silent = [layers[int(i)] for i in np.flatnonzero((gradients == 0).any(axis=1))]
    if silent:
        shown = listing(silent[:3]) + (f" and {len(silent) - 3} more" if len(silent) > 3 else "")
        said.append(
            f"No gradient at all reached {shown} at times: these layers did not train then."
        )
    for column, when in ((0, _when(epochs[0])), (-1, f"after epoch {epochs[-1]}")):
        ratio = _ends(gradients[:, column])
        if ratio is not None and ratio < 1 / STEEP:
            said.append(
                f"Gradients vanish: {when}, those of the first layers are "
                f"{figure(1 / ratio, 2)} times smaller than those of the last."
            )
        elif ratio is not None and ratio > STEEP:
            said.append(
                f"Gradients explode: {when}, those of the first layers are "
                f"{figure(ratio, 2)} times larger than those of the last."
            )
        if len(epochs) == 1:
            break
    middle = np.exp(np.nanmean(_logs(gradients), axis=0))
    if len(middle) > 2 and middle.max() > SPIKE * np.median(middle):
        said.append(
            f"Gradients spiked in epoch {epochs[int(middle.argmax())]}, to "
            f"{figure(float(middle.max() / np.median(middle)), 2)} times their median."
        )
    return said


def _when(epoch: int) -> str:
    return "before training" if epoch == 0 else f"in epoch {epoch}"


def _logs(sizes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Natural logarithms; NaN where there is nothing to take one of, a floor where all is NaN."""
    logs = np.full(sizes.shape, np.nan)
    sound = np.isfinite(sizes) & (sizes > 0)
    logs[sound] = np.log(sizes[sound])
    empty = np.isnan(logs).all(axis=0)
    logs[:, empty] = 0.0
    return logs


def _ends(sizes: NDArray[np.float64]) -> float | None:
    """Geometric mean of the first third of the layers over that of the last third."""
    sound = sizes[np.isfinite(sizes) & (sizes > 0)]
    third = len(sound) // 3
    if third == 0:
        return None
    logs = np.log(sound)
    return float(np.exp(logs[:third].mean() - logs[-third:].mean()))


def _praise(gradients: NDArray[np.float64]) -> str:
    ratio = _ends(gradients[:, -1])
    if ratio is None:
        return "No gradient vanished, exploded or was zero."
    side = "larger" if ratio >= 1 else "smaller"
    times = max(ratio, 1 / ratio)
    said = "Gradients reach every layer. "
    if times < 1.5:
        return said + "At the end, first and last layers receive gradients of the same size."
    return said + (
        f"At the end, those of the first layers are {figure(times, 2)} times {side} than those of "
        "the last, which is well within what trains."
    )


def _profile(
    sizes: NDArray[np.float64], layers: Sequence[str], epochs: Sequence[int], what: str
) -> Chart:
    """Size by depth: the first and the last measurement."""
    first = "before training" if epochs[0] == 0 else f"epoch {epochs[0]}"
    series = [Series(name=first, style="start", values=sizes[:, 0].tolist())]
    if len(epochs) > 1:
        name = f"after epoch {epochs[-1]}"
        series.append(Series(name=name, style="final", values=sizes[:, -1].tolist()))
    axes = Axes(
        label=f"{what} size by depth",
        x=range(1, len(layers) + 1),
        x_names=[f"{i}. {name}" for i, name in enumerate(layers, 1)],
        x_title="layer, from input to output",
        show=lambda v: figure(v, 2),
        log=True,
    )
    return line_chart(series, axes)


def _strip(
    sizes: NDArray[np.float64], layers: Sequence[str], epochs: Sequence[int], what: str
) -> Chart:
    """Size of every layer over the epochs, thinned evenly where there are too many to see."""
    rows = _thinned(len(layers), _MOST_ROWS)
    columns = _thinned(len(epochs), _MOST_COLUMNS)
    return heat_map(
        sizes[np.ix_(rows, columns)],
        [f"{i + 1}. {layers[i]}" for i in rows],
        ["start" if epochs[i] == 0 else str(epochs[i]) for i in columns],
        f"{what} size of each layer over the epochs",
    )


def _thinned(count: int, most: int) -> NDArray[np.int64]:
    kept = np.linspace(0, count - 1, min(count, most)).round().astype(np.int64)
    return np.unique(kept)
