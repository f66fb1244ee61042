"""What the page needs to know of a run, apart from how a run is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from striate.data.preprocessing import Preprocessing
from striate.errors import RunError
from striate.evaluation.ensembles import EnsembleFigures, read_ensemble_figures
from striate.evaluation.metrics import Evaluation
from striate.hub.names import parse
from striate.report.insight import ClassInsight, Insight, class_insight
from striate.runs.ensemble import ENSEMBLE
from striate.runs.origins import Provenance
from striate.runs.rate_test import RateTest, read_rate_test
from striate.runs.transfer_record import read_transfer_record

if TYPE_CHECKING:
    from striate.data.sources import Data
    from striate.recipes.frozen import FrozenRecipe
    from striate.recipes.recipe import Recipe
    from striate.runs.config import RunConfig
    from striate.runs.run import Run


class Pictures(Protocol):
    """The part of an ``ImageSet`` that the page looks at."""

    @property
    def labels(self) -> NDArray[np.int64]:
        """(n,) indices of the true classes."""
        ...

    @property
    def names(self) -> Sequence[str]:
        """How each image is called."""
        ...

    def read_fitted(self, index: int, preprocessing: Preprocessing, /) -> NDArray[np.uint8]:
        """Image `index` as the network sees it in evaluation: uint8 (height, width, channels)."""
        ...


@dataclass(frozen=True, kw_only=True)
class PageInputs:
    """What the page of any run shows, and nothing that depends on where or when it is made.

    What differs between two runs that must give the same page stands in `timing` and `provenance`;
    the page shows those in its last section alone.
    """

    network: str
    title: str
    """The network in words."""
    reference: str
    """The network's paper, with its year."""
    images: Pictures
    """The images that were evaluated."""
    preprocessing: Preprocessing
    part: str
    """``val`` or ``test``: which part of the data `images` is."""
    held_out: str
    """Source of the validation images: ``val``, ``test`` or ``split``."""
    data_origin: str
    weights_epoch: int
    metrics: Sequence[Mapping[str, Any]]
    recipe: Recipe | FrozenRecipe | None
    seed: int
    variant: Mapping[str, Any] = field(default_factory=dict)
    check: Mapping[str, Any] | None = None
    skipped: Sequence[tuple[str, str]] = ()
    """(file, reason) of images that were left out."""
    precision: str = "float32"
    device: str = "cpu"
    threads: int = 1
    world: int = 1
    timing: Sequence[Mapping[str, Any]] = ()
    provenance: Provenance = field(default_factory=Provenance)
    transfer: Mapping[str, Any] | None = None
    """What a transfer wrote down of itself; None for networks trained from scratch."""
    rate_test: RateTest | None = None
    """The range test of the learning rate that it began with, where there was one."""
    train: Pictures | None = None
    """The training images, of which some are shown."""
    insight: Insight = field(default_factory=Insight)
    """Heat maps and embeddings of some of the images."""

    @property
    def data_name(self) -> str:
        """The last part of the origin: ``flowers``."""
        return PurePath(self.data_origin).name or self.data_origin

    @property
    def chosen_here(self) -> bool:
        """Whether the weights were chosen by their figures on these very images."""
        return self.part == "val"

    @property
    def epochs(self) -> list[Mapping[str, Any]]:
        """The metrics of the epochs that trained, without the untrained network's."""
        return [line for line in self.metrics if "train" in line]

    @property
    def judged(self) -> list[Mapping[str, Any]]:
        """The metrics of these epochs, after that of the start where it was judged as well.

        So it is where a network begins with something: a head that was fitted, not trained.
        """
        start = [line for line in self.metrics if "validation" in line and "train" not in line]
        return [*start, *self.epochs]


@dataclass(frozen=True, kw_only=True)
class ReportInputs(PageInputs):
    """What the page of a run of classes shows."""

    evaluation: Evaluation
    probabilities: NDArray[np.float32]
    """(images, classes), in the order of `images`."""
    counts: Mapping[str, NDArray[np.int64]]
    """For each part of the data, the images of each class."""
    ensemble: EnsembleFigures | None = None
    """What the members of an ensemble came to; None for a run that is one network."""
    insight: ClassInsight = field(default_factory=ClassInsight)
    """Heat maps, embeddings and doubtful labels of some of the images."""

    @classmethod
    def from_run(
        cls,
        run: Run,
        data: Data,
        evaluation: Evaluation,
        probabilities: NDArray[np.float32],
        check: Mapping[str, Any] | None,
        *,
        progress: bool = False,
    ) -> ReportInputs:
        """Gather from a run what the page shows of it, and compute what it shows of its images."""
        return cls(
            evaluation=evaluation,
            probabilities=probabilities,
            counts={name: images.counts for name, images in data.splits.items()},
            ensemble=read_ensemble_figures(run) if run.has_members else None,
            insight=class_insight(run, data, probabilities, progress=progress),
            **of_any_run(run, data, check),
        )


def of_any_run(run: Run, data: Data, check: Mapping[str, Any] | None) -> dict[str, Any]:
    """The fields of `PageInputs` that a run has at hand."""
    config = run.config
    title, reference = _known_as(config)
    return {
        "network": config.network,
        "title": title,
        "reference": reference,
        "images": data.val if data.test is None else data.test,
        "preprocessing": config.preprocessing,
        "part": "val" if data.test is None else "test",
        "held_out": data.held_out_name,
        "data_origin": data.origin,
        "weights_epoch": run.weights_epoch,
        "metrics": run.metrics,
        "recipe": config.recipe,
        "seed": config.seed,
        "variant": config.variant,
        "check": check,
        "skipped": [(each.name, each.reason) for each in data.skipped],
        "precision": config.precision,
        "device": config.device,
        "threads": config.threads,
        "world": config.world,
        "timing": run.timing,
        "provenance": config.provenance,
        "transfer": read_transfer_record(run) if config.transfer else None,
        "rate_test": _rate_test(run),
        "train": data.train,
    }


def _rate_test(run: Run) -> RateTest | None:
    """The range test of `run`; a damaged one costs its picture alone."""
    with suppress(RunError):
        return read_rate_test(run)
    return None


def _known_as(config: RunConfig) -> tuple[str, str]:
    """The network in words, and its paper with its year."""
    from striate.zoo.catalogue import entries

    if config.network == ENSEMBLE:
        return "Ensemble", "The mean of what several networks predict"
    known = next((each for each in entries() if each.name == config.network), None)
    head = " with a new head" if config.transfer else ""
    if known is None:
        own = parse(config.network).is_code
        source = "A network of one's own" if own else "A network of another library"
        return f"{config.network}{head}", source
    return f"{known.title}{head}", f"{known.paper}, {known.year}"
