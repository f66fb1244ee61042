"""From a path to a detector: the weights, and with them all that decides what their maps mean."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import nn

from striate.detection.fitting import Fit, Fitting
from striate.detection.names import COCO, default_names, read_names
from striate.detection.pytorch import NetworkDetector
from striate.detection.weights.configuration import Configuration, read_configuration
from striate.detection.weights.layouts import Decoding
from striate.detection.weights.opening import Weights, network_of, open_weights
from striate.errors import NetworkError, parameter
from striate.support.paths import shown
from striate.zoo.yolo_head import YOLOHead
from striate.zoo.yolov4 import COARSEST, Detector


def open_detector(
    weights: str | Path,
    *,
    network: str = "",
    cfg: str | Path | None = None,
    names: str | Path | None = None,
    size: int | tuple[int, int] | None = None,
    decoding: Decoding | None = None,
    fit: Fit | None = None,
    epsilon: float | None = None,
    device: str = "cpu",
    precision: str = "float32",
) -> NetworkDetector:
    """Open a file of weights as a detector.

    Args:
        weights: a file that Darknet, Striate or one of the repositories in `layouts` wrote.
        network: what it should be of; "" for what it is of.
        cfg: a Darknet configuration with other anchors, activation or input.
        names: a file with a class name a line; COCO's names for 80 classes if None.
        size: height and width of the input, multiples of 32; the configuration's or the network's
            if None.
        decoding: how maps are read; as the file's layout has it if None.
        fit: what becomes of pictures of other proportions; as the file's layout has it if None.
        epsilon: batch normalisation's; as the file's layout has it if None.
        device: where to compute: ``cpu``, ``cuda`` … or ``auto``.
        precision: ``float32`` or ``bfloat16``.

    Raises:
        StriateError: a file is missing or something else, or two of them contradict each other.
    """
    from striate.engines.precision import choose_device

    found = open_weights(weights, network)
    changed = None if cfg is None else read_configuration(cfg)
    if changed is not None:
        _agree(found, changed, str(cfg))
    activation = changed.activation if changed is not None else None
    made = network_of(found, **({} if activation is None else {"activation": activation}))
    dialect = found.dialect
    read = decoding or dialect.decoding
    _set_epsilon(made, dialect.epsilon if epsilon is None else epsilon)
    kept = fit or (changed.fit if changed is not None else dialect.fit)
    height, width = _size(size, changed, made)
    count = found.kind.classes
    told: dict[str, Any] = {
        "network": found.kind.network,
        "weights": str(found.file),
        "layout": dialect.name,
        "decoding": read,
        "names": _origin_of_names(names, count),
        "epsilon": dialect.epsilon if epsilon is None else epsilon,
    }
    if found.published:
        told["published"] = found.published
    return NetworkDetector(
        made,
        _heads(changed.heads if changed is not None else made.heads, read),
        Fitting((height, width), kept, dialect.sampling, dialect.grey),
        default_names(count) if names is None else read_names(names, count),
        told=told,
        device=choose_device(device),
        precision=precision,
        rule="greedy" if changed is None else changed.rule,
    )


def _origin_of_names(names: str | Path | None, classes: int) -> str:
    """``COCO``, the file that they are read from, or ``numbered`` where nobody named them."""
    if names is not None:
        return str(names)
    return "COCO" if default_names(classes) == COCO else "numbered"


def _agree(found: Weights, changed: Configuration, cfg: str) -> None:
    """Raise unless the configuration is of the weights' network and classes."""
    kind = found.kind
    if (kind.network, kind.classes) == (changed.network, changed.classes):
        return
    raise NetworkError(
        shown(cfg),
        f"describes {changed.network} with {changed.classes} classes, but the weights hold "
        f"{kind.network} with {kind.classes}",
        "give the configuration that they were trained with, or leave it out",
    )


def _heads(heads: tuple[YOLOHead, ...], decoding: Decoding) -> tuple[YOLOHead, ...]:
    if decoding == "unscaled":
        return tuple(replace(head, scale=1.0, sizes="exponential") for head in heads)
    if decoding == "squared":
        return tuple(replace(head, scale=2.0, sizes="squared") for head in heads)
    return heads


def _set_epsilon(network: Detector, epsilon: float) -> None:
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = epsilon


def _size(
    given: int | tuple[int, int] | None, changed: Configuration | None, network: Detector
) -> tuple[int, int]:
    if given is None:
        return network.input_size[1:] if changed is None else changed.size
    size = (given, given) if isinstance(given, int) else given
    if any(each < COARSEST or each % COARSEST for each in size):
        near = "x".join(str(max(COARSEST, round(each / COARSEST) * COARSEST)) for each in size)
        raise NetworkError(
            parameter("size", given),
            f"height and width have to be multiples of {COARSEST}",
            f"for example {near}",
        )
    return size
