"""The output ``decision`` of an exported graph: the number of the class, or that it is unsure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from striate.deploy.verify import TOLERANCE
from striate.engines.choosing import ENGINES
from striate.engines.exported import DECISION, UNSURE
from striate.engines.packages import need
from striate.engines.preprocessing.nodes import Nodes
from striate.errors import ExportError

if TYPE_CHECKING:
    import onnx

PREFIX = "/decision"


def add_decision(model: onnx.ModelProto, opset: int, threshold: float) -> None:
    """Give `model` an output `DECISION`, int64 (batch,).

    It is the number of the likeliest class, of equals the first, where its probability is at least
    `threshold`, and `UNSURE` elsewhere.

    Args:
        model: a captured classifier; its first output are the probabilities, (batch, classes).
        opset: its version of the operators.
        threshold: from 0 to 1.
    """
    graph = model.graph
    nodes = Nodes(opset, PREFIX)
    probabilities = nodes.value(graph.output[0].name)
    best = nodes.add("ArgMax", probabilities, axis=1, keepdims=1)
    highest = nodes.add("GatherElements", probabilities, best, axis=1)
    unsure = nodes.add("Less", highest, np.array(threshold, np.float32))
    decided = nodes.add("Where", unsure, np.array(UNSURE, np.int64), best)
    nodes.add("Reshape", decided, np.array([-1], np.int64), name=DECISION)
    graph.node.extend(nodes.nodes)
    graph.initializer.extend(nodes.initializers)
    batch = graph.output[0].type.tensor_type.shape.dim[0]
    helper, kinds = need("onnx").helper, need("onnx").TensorProto
    shape = [batch.dim_param or batch.dim_value]
    graph.output.append(helper.make_tensor_value_info(DECISION, kinds.INT64, shape))


def check_decisions(
    engine: str,
    names: Sequence[str],
    decisions: Sequence[NDArray[Any]],
    answers: Sequence[NDArray[Any]],
    threshold: float,
) -> None:
    """See to it that the file decides as its probabilities say.

    What lies within the tolerance of probabilities may be decided either way.

    Args:
        engine: which gave both.
        names: what a person calls each image or batch of images.
        decisions: (N,) for each.
        answers: probabilities, (N, classes) for each.
        threshold: of the file.

    Raises:
        ExportError: it decides otherwise.
    """
    for name, decided, shares in zip(names, decisions, answers, strict=True):
        if decided.shape != shares.shape[:1] or not _follows(decided, shares, threshold):
            raise ExportError(
                "the exported graph",
                f"{ENGINES[engine]} decides otherwise than its probabilities say on {name}",
                "no file was written",
            )


def _follows(decided: NDArray[Any], shares: NDArray[Any], threshold: float) -> bool:
    """Whether decisions (N,) are what probabilities (N, classes) say, to the tolerance."""
    best, sure = shares.max(axis=1), decided != UNSURE
    chosen = shares[np.arange(len(shares)), np.where(sure, decided, 0)]
    named = (chosen >= best - TOLERANCE) & (best >= threshold - TOLERANCE)
    return bool(np.where(sure, named, best < threshold + TOLERANCE).all())
