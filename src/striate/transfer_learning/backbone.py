"""What a classifier is built on: a trained network without its classifier, and its pre-processing.

==============================  ===================================================================
a run's folder                  its network, weights and pre-processing
``resnet50_v1_5``               the catalogue's, with ``weights``: ``torchvision``, ``timm``, a file
``torchvision:resnet50``        torchvision's, with ``weights``: ``torchvision`` or a file
``timm:resnet18``               timm's, with ``weights``: ``timm`` or a file
``efficientnet_lite0``          one of `striate.hub.pretrained`, which has its own
==============================  ===================================================================
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from os import fspath
from pathlib import Path
from typing import Any

import torch
from torch import nn

from striate.anatomy.embedding import find_embedding
from striate.anatomy.graph.record import record
from striate.data.preprocessing import Preprocessing
from striate.errors import NetworkError, StriateError, WeightsError, parameter
from striate.hub.found import Found, wanted
from striate.hub.libraries import CATALOGUE, LIBRARIES
from striate.hub.names import parse
from striate.hub.resolve import resolve
from striate.hub.surgery import Headless, Transferred
from striate.hub.weights import classes_of, give
from striate.runs.layout import is_run_folder
from striate.runs.run import Run
from striate.runs.starting_weights import find_weights, is_run
from striate.runs.weights import digest
from striate.support import settings
from striate.support.shared_options import RunPath
from striate.transfer_learning.normalisation import contradicted
from striate.zoo.catalogue import classifier


@dataclass(frozen=True, kw_only=True)
class Backbone:
    """A network that has learned something, without its classifier.

    Attributes:
        name: for people, as they wrote it.
        spec: with `options`, what `striate.hub.resolve.resolve` makes the same network from.
        options: keywords for that: classes, in_channels and the network's variant, as plain values.
        network: with its weights, on the CPU, in evaluation mode: images (N, C, H, W) to embeddings
            (N, D). ``network.classifier`` is the path of the layer that was taken out.
        preprocessing: what it was trained with.
        classes: what it told apart; None where nobody knows.
        weights_digest: SHA-256 over the names, types, shapes and values of its weights.
        origin: source of the weights, for people.
        note: what a person should know, or an empty string.
        run: whose network it is; None of another's.
    """

    name: str
    spec: str
    options: Mapping[str, Any] = field(default_factory=dict)
    network: Headless
    preprocessing: Preprocessing
    classes: tuple[str, ...] | None
    weights_digest: str
    origin: str
    note: str = ""
    run: Run | None = None


def open_backbone(
    spec: RunPath, weights: str | Path | None = None, *, allow_code: bool = False
) -> Backbone:
    """Open the network that `spec` names, with its weights.

    Args:
        spec: see the head of this module.
        weights: ``torchvision``, ``timm``, or a file of weights; None for a run, or a network that
            comes with them.
        allow_code: a run may run the Python code that it names as its network.

    Raises:
        NetworkError: there is no such network, or it has no classifier that could be taken out.
        WeightsError: `weights` are missing, damaged, those of another network, or it is not known
            what images they were trained on.
        RunError: `spec` is the folder of no run.
    """
    if isinstance(spec, Run) or _is_run(spec):
        return _open_run(Run.open(spec, allow_code=allow_code), weights)
    text = fspath(spec)
    if parse(text).is_code:
        raise NetworkError(
            f"backbone '{text}'",
            "has neither weights nor a pre-processing",
            "train it, and name the run's folder",
        )
    return _open_named(text, weights)


def _is_run(spec: RunPath) -> bool:
    """Whether a folder is meant: one with a run in it, or something that only a path can be."""
    text = fspath(spec)
    if isinstance(spec, Path) or is_run_folder(Path(spec)):
        return True
    return os.sep in text and ".py" not in text and ":" not in text


def _open_run(run: Run, weights: str | Path | None) -> Backbone:
    if weights is not None:
        raise WeightsError(
            parameter("weights", str(weights)), "a run has its own weights", "leave it out"
        )
    network, config = run.network(), run.config
    spec: str = config.network
    options = {
        "classes": len(config.outputs),
        "in_channels": config.in_channels,
        **config.variant,
    }
    if isinstance(network, Transferred) and config.transfer is not None:
        headless = network.backbone
        spec, options = config.transfer.spec, dict(config.transfer.options)
    else:
        headless = behead(spec, network, run.preprocessing.input_size)
    return Backbone(
        name=str(run.path),
        spec=spec,
        options=options,
        network=headless,
        preprocessing=run.preprocessing,
        classes=run.classes,
        weights_digest=digest(headless.state_dict()),
        origin=f"the run {run.path}, trained on {config.data.origin}",
        note="; ".join(run.notes),
        run=run,
    )


def _open_named(text: str, weights: str | Path | None) -> Backbone:
    """The network of the catalogue or of a library that `text` names, with `weights`."""
    sought = wanted(text)
    library, name = sought.library, sought.name
    if library is CATALOGUE:
        classifier(name)
    if weights is None and library.trained:
        weights = library.name
    if weights is None:
        raise _weightless(text, list(sought.counterparts()))
    found = find_weights(text, weights)
    # Of ours it is written down how many classes it was made with; a library's is as it comes.
    classes = classes_of(found, name) if library is CATALOGUE else None
    with settings.seeded(0):  # what is not in the weights is the same each time, hence the digest
        network = resolve(text, device="cpu", classes=classes).network.eval()
    if found.preprocessing is None:
        give(found, network, classes)  # that they are another network's is the worse fault
    declared = _preprocessing(found.name, found.preprocessing)
    headless = behead(text, network, declared.input_size)
    published = give(found, headless.network, None, without=headless.classifier)
    preprocessing, doubt = declared, ""
    if weights not in LIBRARIES and not is_run(weights):
        preprocessing, doubt = _checked(headless, declared, found.name, library.title(name))
    return Backbone(
        name=text,
        spec=text,
        options={} if classes is None else {"classes": headless.outputs},
        network=headless,
        preprocessing=preprocessing,
        classes=_class_names(found, headless.classifier),
        weights_digest=digest(headless.state_dict()),
        origin=found.name,
        note="; ".join(part for part in (published.note, doubt) if part),
    )


def _class_names(found: Found, classifier: str) -> tuple[str, ...] | None:
    """What the `classifier` tells apart; None where somebody trained one of other classes."""
    layer = [value for key, value in found.state.items() if key.startswith(f"{classifier}.")]
    rows = {value.shape[0] for value in layer if value.ndim}
    return found.classes if rows == {len(found.classes or ())} else None


def _checked(
    network: Headless, declared: Preprocessing, label: str, name: str
) -> tuple[Preprocessing, str]:
    """What the weights called `label` fit: as `declared` for `name`, or otherwise, with a note."""
    fitting = contradicted(network, declared)
    if fitting is None:
        return declared, ""
    return fitting, (
        f"{label}: its batch norm statistics contradict the normalisation that is declared for "
        f"{name} and fit mean {_few(fitting.mean)}, std {_few(fitting.std)}, which are used"
    )


def _weightless(spec: str, libraries: Sequence[str]) -> WeightsError:
    """The error for a backbone without weights, which says where there are some."""
    sources = ", ".join(libraries) + " or a file" if libraries else "a file"
    return WeightsError(
        f"backbone '{spec}'",
        "has learned nothing without weights",
        f"give {parameter('weights')}: {sources}; or name a run's folder",
    )


def _few(values: Sequence[float]) -> str:
    """``0.5`` for three equal numbers, ``(0.485, 0.456, 0.406)`` for others."""
    return (
        f"{values[0]:g}" if len(set(values)) == 1 else f"({', '.join(map('{:g}'.format, values))})"
    )


def _preprocessing(label: str, declared: Mapping[str, Any] | None) -> Preprocessing:
    """What was `declared` of the weights called `label`."""
    if declared is None:
        raise WeightsError(
            label,
            "the images that they were trained on are unknown",
            "name the folder of the run that made them",
        )
    try:
        return Preprocessing.from_dict(declared)
    except StriateError as error:
        why = f"its pre-processing cannot be done here ({error.why})"
        raise WeightsError(label, why, "choose another backbone") from error


def behead(name: str, network: nn.Module, input_size: tuple[int, int, int]) -> Headless:
    """Take the classifier out of `network`, called `name`, whose images are (C, H, W).

    Raises:
        NetworkError: its last layer with weights does not make the classes.
    """
    with torch.device("meta"):
        graph = record(network, torch.empty(1, *input_size), name=name)
    layer = find_embedding(graph).layer
    headless = Headless(network, layer).eval()
    outputs = graph.nodes[graph.outputs[0]].shape[-1]
    if headless.outputs not in (0, outputs):
        raise NetworkError(
            f"backbone '{name}', layer '{layer}'",
            f"is the last with weights and gives {headless.outputs:,} values, not the network's "
            f"{outputs:,} outputs",
            "its classifier cannot be recognised; choose another backbone",
        )
    return headless
