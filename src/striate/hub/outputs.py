"""What a network gives, which has to be one number a class, or a target, and in training no more.

It is run on shapes alone, so that a network that cannot be trained is refused before the images are
looked at.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from striate.anatomy.graph.operators import PLUMBING
from striate.anatomy.graph.record import Graph, record
from striate.anatomy.graph.shadow import shadow, to_meta
from striate.errors import NetworkError
from striate.support.text import printable
from striate.zoo.layers import Network, TrainingOutput

#: Operators whose values all lie on one side of some number.
_BOUNDED = frozenset(
    [
        *("relu", "clipped relu", "sigmoid", "hard sigmoid", "tanh", "hard tanh", "softplus"),
        *("softmax", "log softmax"),
    ]
)


def check_outputs(name: str, network: nn.Module, shape: tuple[int, int, int]) -> None:
    """Refuse a network that does not give logits (N, classes), in training and out of it.

    Args:
        name: for people.
        network: anywhere; nothing of it changes.
        shape: (channels, height, width) of an image.

    Raises:
        NetworkError: its forward fails, gives something else, or ends in a softmax.
    """
    what = f"network '{printable(name)}'"
    try:
        graph = record(network, torch.empty(1, *shape, device="meta"), name=printable(name))
    except NetworkError as error:
        if "depends on values" not in error.why:
            raise
        remedy = "let it do the same with every image: torch.where chooses between values"
        raise NetworkError(error.what, error.why, remedy) from error
    for training in (False, True):
        found = _given(network, shape, training=training)
        if found is None:  # it hangs on values in training, which will show
            continue
        _check_kind(what, found, training=training)
        logits = found.logits if isinstance(found, TrainingOutput) else found
        if logits.dim() != 2 or logits.shape[0] != _BATCH:
            given = ", ".join(("N", *map(str, logits.shape[1:])))
            raise NetworkError(
                what, f"gives ({given}) for N images", "let it give one row of logits an image"
            )
    if _last_operator(graph) == "softmax":
        raise NetworkError(
            what,
            "ends in a softmax, whose probabilities the loss would take for logits",
            "leave the softmax out: what predicts applies one",
        )


def check_number(name: str, network: nn.Module, shape: tuple[int, int, int], outputs: int) -> None:
    """Refuse a network that gives another number of logits than `outputs`.

    Raises:
        NetworkError: it does.
    """
    found = _given(network, shape, training=False)
    if found is not None and found.shape[1] != outputs:
        raise NetworkError(
            f"network '{printable(name)}'",
            f"gives {found.shape[1]:,} outputs, and the images have {outputs:,} classes or targets",
            f"let its constructor take their number as `classes`, or give a network of {outputs:,}",
        )


def has_linear_outputs(network: nn.Module, shape: tuple[int, int, int]) -> bool:
    """Whether a network's outputs can be any numbers, hence values and not classes alone."""
    if isinstance(network, Network):
        return network.has_linear_outputs
    graph = record(network, torch.empty(1, *shape, device="meta"))
    return _last_operator(graph) not in _BOUNDED


#: Batch norm cannot be trained on a single value a channel.
_BATCH = 2


def _given(network: nn.Module, shape: tuple[int, int, int], *, training: bool) -> Any:
    """What `network` returns for two images without values; None where it needs these."""
    made = shadow(network, to_meta, training=training)
    try:
        with torch.no_grad():
            return made(torch.empty(_BATCH, *shape, device="meta"))
    except Exception:
        return None


def _check_kind(what: str, found: Any, *, training: bool) -> None:
    if isinstance(found, (Tensor, TrainingOutput)):
        return
    several = isinstance(found, (tuple, list, dict))
    given = f"{len(found)} things" if several else type(found).__name__
    when = "in training" if training else "for images"
    raise NetworkError(
        what,
        f"gives {given} {when}, not one tensor",
        "give a network, or a module around it, whose forward returns logits (N, classes) alone",
    )


def _last_operator(graph: Graph) -> str:
    """The operator that the first output comes from, whatever only shapes it afterwards."""
    node = graph.nodes[graph.outputs[0]]
    while node.operator in PLUMBING and node.inputs:
        node = graph.nodes[node.inputs[0]]
    return node.operator
