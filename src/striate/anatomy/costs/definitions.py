"""What an operator computes, as its formula, with the constants of the network at hand.

Convolution, linear and pooling layers are explained by `arithmetic`; here stands what those counts
do not tell: normalisations, activations, dropout, softmax, attention.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from striate.anatomy.graph.record import Graph, Node


@dataclass(frozen=True, kw_only=True)
class Definition:
    """A formula, and what there is to know about its letters."""

    formula: str
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The definition as a JSON object."""
        return {"formula": self.formula, "notes": list(self.notes)}


_PLAIN = {
    "relu": "y = max(0, x)",
    "sigmoid": "y = 1 / (1 + exp(−x))",
    "tanh": "y = (exp(x) − exp(−x)) / (exp(x) + exp(−x))",
    "silu": "y = x / (1 + exp(−x))",
    "gelu": "y = x·Φ(x), Φ the normal distribution's",
    "mish": "y = x·tanh(ln(1 + exp(x)))",
    "hard sigmoid": "y = min(max(x + 3, 0), 6) / 6",
    "hard swish": "y = x·min(max(x + 3, 0), 6) / 6",
    "attention": "y = softmax(Q·Kᵀ / √d)·V, d values a head",
}
_DROPOUT = {"Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout", "FeatureDropout"}


def definition(node: Node, graph: Graph) -> Definition | None:
    """The formula of one operator; None where its name or its arithmetic is enough."""
    if node.operator in _PLAIN:
        return Definition(formula=_PLAIN[node.operator])
    make = _MADE.get(node.operator)
    return None if make is None else make(node, graph)


def module_definition(path: str, graph: Graph) -> Definition | None:
    """The formula of a module whose operators do not show it: dropout, local response norm."""
    kind, settings = graph.modules.get(path, ""), graph.settings.get(path, {})
    if kind in _DROPOUT and settings.get("p") is not None:
        return _dropout(settings["p"])
    if kind == "LocalResponseNorm" and settings.get("size") is not None:
        return _local_response(settings)
    return None


def _dropout(rate: float | None) -> Definition:
    known = "" if rate is None else f" = {rate:g}"
    left = "1 − p" if rate is None else f"1 − {rate:g}"
    return Definition(
        formula=f"y = 0 with probability p, else x / ({left})",
        notes=(
            f"in training: each value is dropped with probability p{known}, and the others grow so "
            "that their mean stays",
            "at prediction: y = x, nothing is computed",
        ),
    )


def _local_response(settings: Mapping[str, Any]) -> Definition:
    """Ours has the paper's alpha, beta 3/4; PyTorch's divides alpha by the number of channels."""
    size, alpha, k = settings["size"], settings["alpha"], settings["k"]
    beta = settings.get("beta")
    each = "α" if beta is None else f"α/{size}"
    return Definition(
        formula=f"b_c = a_c / (k + {each}·Σ a_j²)^β, j the {size} channels around c",
        notes=(
            f"k = {k:g}, α = {alpha:g}, β = {0.75 if beta is None else beta:g}; the position stays "
            "the same, neighbouring channels compete",
            "no parameters: the constants are chosen, not learnt",
        ),
    )


def _batch_norm(node: Node, graph: Graph) -> Definition:
    channels = node.shape[1] if len(node.shape) > 1 else 1
    if "Instance" in node.kind:
        return _normalised(node, "the positions of one channel of one image")
    momentum = graph.settings.get(node.module, {}).get("momentum")
    moved = "a little" if momentum is None else f"by {momentum:g} of the way"
    return Definition(
        formula=f"y = {_scaled(node)}, with its own numbers for each channel",
        notes=(
            "in training: μ and σ² are the mean and variance of the batch, over all its images and "
            f"positions; the running mean and variance move {moved} towards them",
            f"at prediction: μ and σ² are the running ones, 2·{channels} numbers that are stored "
            "and not learnt, so that it is one multiplication and one addition a value",
            f"ε = {node.attributes.get('epsilon', 1e-5):g}",
        ),
    )


def _scaled(node: Node) -> str:
    plain = "(x − μ) / √(σ² + ε)"
    return f"γ·{plain} + β" if node.parameters else plain


def _normalised(node: Node, over: str) -> Definition:
    return Definition(
        formula=f"y = {_scaled(node)}",
        notes=(f"μ and σ² are the mean and variance of {over}, at prediction as in training",),
    )


def _layer_norm(node: Node, graph: Graph) -> Definition:
    return _normalised(node, "all values of one position (the last axes of the tensor)")


def _group_norm(node: Node, graph: Graph) -> Definition:
    groups = node.attributes.get("groups", 1)
    return _normalised(node, f"all positions of a group of channels ({groups} groups) of one image")


def _rms_norm(node: Node, graph: Graph) -> Definition:
    scale = "γ·" if node.parameters else ""
    return Definition(formula=f"y = {scale}x / √(mean of x² + ε), over the last axes")


def _softmax(node: Node, graph: Graph) -> Definition:
    length = 1
    for dim in node.attributes.get("dims", ()):
        length *= node.shape[dim]
    log = node.operator == "log softmax"
    return Definition(
        formula=f"y_i = {'ln(' if log else ''}exp(x_i) / Σ_j exp(x_j){')' if log else ''}, "
        f"j all {length} values of its axis",
        notes=("the logarithms of probabilities",) if log else ("positive, and their sum is 1",),
    )


_MADE: dict[str, Callable[[Node, Graph], Definition]] = {
    "batch norm": _batch_norm,
    "layer norm": _layer_norm,
    "group norm": _group_norm,
    "rms norm": _rms_norm,
    "softmax": _softmax,
    "log softmax": _softmax,
    "dropout": lambda node, graph: _dropout(graph.settings.get(node.module, {}).get("p")),
}
