"""How long a forward takes on this machine."""

from __future__ import annotations

import statistics
import time
from typing import Any

import torch
from torch import nn

from striate.anatomy.graph.examples import as_arguments
from striate.anatomy.graph.record import Graph
from striate.anatomy.graph.shadow import shadow, shared
from striate.support.aside import printing_aside

#: A forward is measured so often, or for so long (seconds), whichever comes first.
FORWARDS, SECONDS = 15, 4.0
#: Forwards that are not counted, and the fewest that are.
_WARMING, _FEWEST = 2, 3


def forward_time(network: nn.Module, graph: Graph, *, inputs: Any = None) -> float:
    """Median milliseconds of a forward of one image on the CPU, as at prediction.

    Args:
        network: with weights, on the CPU; it stays as it is, in its mode, its statistics too.
        graph: `network` recorded, which says the shapes and types of what it takes.
        inputs: what to show it instead of random numbers, as for
            `striate.anatomy.graph.examples.record_examples`.
    """
    generator = torch.Generator().manual_seed(0)
    args, named = as_arguments(inputs)
    if inputs is None:
        shapes = zip(graph.inputs, graph.dtypes, strict=True)
        args = tuple(torch.rand(1, *s, generator=generator).to(kind) for s, kind in shapes)
        named = {}
    timed = shadow(network, shared, training=False)
    times: list[float] = []
    with torch.inference_mode(), printing_aside():
        for _ in range(_WARMING):
            timed(*args, **named)
        while len(times) < _FEWEST or (len(times) < FORWARDS and sum(times) < SECONDS):
            began = time.perf_counter()
            timed(*args, **named)
            times.append(time.perf_counter() - began)
    return 1000 * statistics.median(times)
