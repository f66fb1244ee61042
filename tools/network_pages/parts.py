"""Which part of a network an operator belongs to, and what parts are called."""

from __future__ import annotations

from striate.anatomy.graph.record import Graph, Node
from striate.anatomy.table import Row

#: Containers without a meaning of their own: a page shows what is in them.
CONTAINERS = ("Sequential", "ModuleList", "Stage", "CSPTrunk")
#: What classes of the zoo are called on a page.
WORDS = {
    "BasicBlock": "basic block",
    "BasicUnit": "pre-activation basic unit",
    "Bottleneck": "bottleneck block",
    "BottleneckUnit": "pre-activation bottleneck unit",
    "Branches": "branches side by side",
    "CSPStage": "cross-stage partial stage",
    "Downward": "brought to a coarser grid, and joined",
    "EuclideanRBF": "distances to ten codes",
    "ExchangeModule": "branches that exchange",
    "ExchangeStage": "branches that exchange; the output is the coarsest's",
    "Fusion": "all branches brought to one grid, and added",
    "Head": "classification head",
    "HeadConvolutions": "head: boxes, objectness, classes",
    "Inception": "Inception module",
    "LocalResponseNorm": "local response normalisation",
    "Module": "separable layers and a shortcut",
    "PlainBlock": "two layers without a shortcut",
    "Residual": "residual block",
    "Separable": "separable convolution",
    "Stem": "stem",
    "StemV1": "stem",
    "StemV2": "stem",
    "SpatialPyramid": "spatial pyramid pooling",
    "SubSampling": "trainable sub-sampling",
    "TinyBlock": "cross-stage partial block",
    "Transition": "one coarser branch more; the output is its",
    "Upward": "brought to a finer grid, and joined",
    "linear": "dense",
}


def part_of(row: Row | Node, graph: Graph) -> str:
    """The path of the part that an operator belongs to.

    That is its own name where the network itself runs it.
    """
    if not row.module:
        return row.name
    parts = row.module.split(".")
    for depth in range(1, len(parts)):
        path = ".".join(parts[:depth])
        if graph.modules[path] not in CONTAINERS:
            return path
    return row.module
