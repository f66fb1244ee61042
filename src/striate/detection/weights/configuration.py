"""Darknet's ``.cfg``, read for what no file of weights says: anchors, scales, activation, input.

The layers themselves are in the network; a configuration with others is refused. Needed only where
somebody trained with other anchors, another activation or another input than the authors.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from striate.detection.fitting import Fit
from striate.detection.suppression import Rule
from striate.detection.weights.order import shapes
from striate.errors import NetworkError
from striate.support.paths import read_file, resolved, shown
from striate.support.text import printable
from striate.zoo.create import DETECTORS
from striate.zoo.cspdarknet import Activation
from striate.zoo.weightless import weightless
from striate.zoo.yolo_head import YOLOHead
from striate.zoo.yolov4 import COARSEST

#: Layers of a kind in the networks that are here, beside convolutions.
_LAYERS = {
    "yolov4": {"shortcut": 23, "route": 21, "maxpool": 3, "upsample": 2, "yolo": 3},
    "yolov4_tiny": {"route": 11, "maxpool": 3, "upsample": 1, "yolo": 2},
}
_NETS = ("net", "network")
_LONGEST = 1 << 20
#: What Darknet takes where a head has no ``nms_kind``, and what it calls its own rule.
_RULES: Mapping[str, Rule] = {"default": "iou", "greedynms": "greedy"}


@dataclass(frozen=True)
class Configuration:
    """What a configuration says beside the layers.

    Attributes:
        network: whose layers it has.
        classes: how many there are.
        size: (height, width) of the input.
        heads: how the maps are read.
        activation: the backbone's; None where the network has no choice.
        fit: what becomes of a picture that has another shape than the input.
        rule: how boxes are suppressed.
    """

    network: str
    classes: int
    size: tuple[int, int]
    heads: tuple[YOLOHead, ...]
    activation: Activation | None
    fit: Fit
    rule: Rule


@dataclass(frozen=True)
class _Section:
    name: str
    line: int
    values: Mapping[str, str]


class _Reader:
    """The values of a file's sections, with errors that name file, line and key."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def error(self, why: str, remedy: str = "") -> NetworkError:
        return NetworkError(shown(self.file), why, remedy)

    def sections(self) -> list[_Section]:
        try:
            content = read_file(self.file, most=_LONGEST, kind=NetworkError)
        except FileNotFoundError:
            raise self.error("there is no such file", "check the path") from None
        found: list[_Section] = []
        values: dict[str, str] = {}
        for number, raw in enumerate(content.decode("utf-8", "replace").splitlines(), start=1):
            line = raw.strip()
            if not line or line[0] in "#;":
                continue
            if line.startswith("["):
                values = {}
                found.append(_Section(line.strip("[]").strip().lower(), number, values))
                continue
            key, equals, value = line.partition("=")
            if not equals or not found:
                what = printable(line[:60])
                raise self.error(f"line {number} is neither [section] nor key=value ({what})")
            values[key.strip()] = value.partition("#")[0].strip()
        if not found or found[0].name not in _NETS:
            raise self.error("is no Darknet configuration", "it begins with [net]")
        return found

    def numbers(self, section: _Section, key: str, default: str = "") -> list[float]:
        text = section.values.get(key, default)
        try:
            return [float(each) for each in text.split(",") if each.strip()]
        except ValueError:
            where = f"[{section.name}] in line {section.line}"
            raise self.error(f"{key}={printable(text[:60])} of {where} is no number") from None

    def whole(self, section: _Section, key: str, default: str = "") -> int:
        found = self.numbers(section, key, default)
        if len(found) != 1 or found[0] != int(found[0]):
            where = f"[{section.name}] in line {section.line}"
            raise self.error(f"{key} of {where} has to be one whole number")
        return int(found[0])


def read_configuration(path: str | Path) -> Configuration:
    """Read a ``.cfg``.

    Raises:
        NetworkError: there is no such file, it is no configuration, or its layers are those of no
            network that is here.
    """
    reader = _Reader(resolved(path, kind=NetworkError))
    net, *layers = reader.sections()
    heads = [each for each in layers if each.name == "yolo"]
    classes = {reader.whole(each, "classes", "20") for each in heads}
    if len(classes) != 1:
        raise reader.error("has no [yolo] heads, or heads with different numbers of classes")
    (count,) = classes
    name = _network(reader, layers, count)
    size = (reader.whole(net, "height", "0"), reader.whole(net, "width", "0"))
    if min(size) < COARSEST or size[0] % COARSEST or size[1] % COARSEST:
        raise reader.error(f"height and width of [net] are no multiples of {COARSEST}")
    kinds = {each.values.get("nms_kind", "default") for each in heads}
    if len(kinds) != 1 or not kinds <= set(_RULES):
        raise reader.error(f"nms_kind={printable(', '.join(sorted(kinds)))} is not here")
    return Configuration(
        network=name,
        classes=count,
        size=size,
        heads=_heads(reader, name, layers),
        activation=_activation(reader, layers) if name == "yolov4" else None,
        fit="letterbox" if reader.whole(net, "letter_box", "0") else "stretch",
        rule=_RULES[kinds.pop()],
    )


def _network(reader: _Reader, layers: Sequence[_Section], classes: int) -> str:
    """The network of ours that has these layers."""
    counts = Counter(each.name for each in layers)
    convolutions = [
        (reader.whole(each, "filters", "1"), reader.whole(each, "size", "1"))
        for each in layers
        if each.name == "convolutional"
    ]
    for name, wanted in _LAYERS.items():
        if {kind: counts[kind] for kind in counts if kind != "convolutional"} != wanted:
            continue
        with weightless():
            network = DETECTORS[name](classes=classes)
        if [(shape[0], shape[2]) for _, shape in shapes(network)] == convolutions:
            return name
    told = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
    raise reader.error(
        f"describes a network that is not here ({printable(told[:160])})",
        f"give one with the layers of {' or '.join(_LAYERS)}, whose classes are {classes}",
    )


def _heads(reader: _Reader, name: str, layers: Sequence[_Section]) -> tuple[YOLOHead, ...]:
    with weightless():
        strides = [head.stride for head in DETECTORS[name]().heads]
    found: list[YOLOHead] = []
    for before, section in pairwise(layers):
        if section.name != "yolo":
            continue
        flat = reader.numbers(section, "anchors")
        pairs = list(zip(flat[::2], flat[1::2], strict=False))
        mask = [int(each) for each in reader.numbers(section, "mask")]
        if len(mask) != 3 or not all(0 <= each < len(pairs) for each in mask):
            raise reader.error(f"[yolo] in line {section.line} has no three anchors by its mask")
        squared = bool(reader.whole(section, "new_coords", "0"))
        last = before.values.get("activation", "")
        if last != ("logistic" if squared else "linear"):
            why = f"the convolution before [yolo] in line {section.line} is {printable(last)}"
            raise reader.error(why, "with new_coords=1 it is logistic, else linear")
        (scale,) = reader.numbers(section, "scale_x_y", "1")
        anchors = tuple(pairs[each] for each in mask)
        stride = strides[len(found)]
        found.append(YOLOHead(stride, anchors, scale, "squared" if squared else "exponential"))
    return tuple(found)


def _activation(reader: _Reader, layers: Sequence[_Section]) -> Activation:
    """The backbone's; all other convolutions but the heads' have to be leaky."""
    called = [each.values.get("activation", "") for each in layers if each.name == "convolutional"]
    backbone, rest = set(called[:72]), set(called[72:]) - {"linear", "logistic"}
    if rest != {"leaky"} or len(backbone) != 1 or not backbone <= {"leaky", "mish"}:
        told = printable(", ".join(sorted(backbone | rest)))
        raise reader.error(f"has activations that are not here ({told})", "leaky and mish are")
    return "mish" if backbone == {"mish"} else "leaky"
