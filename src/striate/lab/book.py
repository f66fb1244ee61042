"""The experiments there are, in the order of the notes; each is loaded when it is asked for."""

from __future__ import annotations

from importlib import import_module

from striate.errors import StriateError, nearest
from striate.lab.experiment import Experiment

#: Their names, which are those of their modules in `striate.lab.claims` with hyphens.
NAMES = (
    "saturation",
    "linear-depth",
    "start",
    "convolution-backwards",
    "batch-norm",
    "dropout",
    "local-response",
    "pooling",
    "small-kernels",
    "factorised",
    "bottlenecks",
    "many-scales",
    "average-pooling",
    "depth",
    "leaving-out",
    "auxiliary-heads",
    "identity-shortcuts",
    "short-paths",
    "mended-before",
    "residual-scale",
    "augmentation",
    "crops-and-ensembles",
    "transfer",
    "linear-heads",
    "stale-gradients",
    "flow",
    "output-range",
)


def experiment_of(name: str) -> Experiment:
    """The experiment called `name`.

    Raises:
        StriateError: there is none.
    """
    if name not in NAMES:
        raise StriateError(f"the experiment {name}", "is not in the lab", nearest(name, NAMES))
    module = import_module(f"striate.lab.claims.{name.replace('-', '_')}")
    found: Experiment = module.EXPERIMENT
    return found


def experiments() -> tuple[Experiment, ...]:
    """All of them, in the order of the notes."""
    return tuple(experiment_of(name) for name in NAMES)
