"""The answers of a run with a frozen backbone: features, from the cache, then the head.

One way for a transfer and for whoever evaluates its run later, so that both give the same figures,
in float32 whatever the head was fitted to. Features that are in the cache are not computed again.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from striate.data.images import ImageSet
from striate.data.preprocessing import Preprocessing
from striate.data.scan import threads
from striate.data.targets import Target
from striate.engines.precision import choose_device
from striate.engines.probabilities import Probabilities
from striate.engines.values import Values
from striate.hub.surgery import Transferred
from striate.inference.classifier import Classifier, GivesProbabilities
from striate.inference.opening import BATCH_SIZE
from striate.inference.regressor import GivesValues, Regressor
from striate.inference.views.views import PLAIN, Views
from striate.runs.conformal import read_conformal
from striate.runs.run import Run
from striate.runs.targets import ScaledTarget
from striate.runs.transfer_record import read_transfer_record
from striate.support.progress import Progress
from striate.transfer_learning.backbone import Backbone, open_backbone
from striate.transfer_learning.features import features

Floats = NDArray[np.float32]


class _Cached:
    """A run whose backbone was frozen: its answers are its head's, of cached features.

    Args:
        run: a transferred run.
        fitted_by: engine and precision of the features that its head was fitted to.
    """

    def __init__(self, run: Run, fitted_by: str) -> None:
        self._fitted_by = fitted_by
        network = run.network()
        assert isinstance(network, Transferred)
        self._head, self._backbone = network.head, open_backbone(run)

    @property
    def fitting(self) -> Preprocessing:
        """What fits an image before its features are computed."""
        return self._backbone.preprocessing

    def _features(self, images: ImageSet, workers: int | None, progress: Progress | None) -> Floats:
        return float32_features(
            self._backbone,
            images,
            fitted_by=self._fitted_by,
            workers=threads(workers),
            progress=progress,
        )


class CachedClassifier(_Cached):
    """Such a run of classes.

    Args:
        run: a transferred run.
        fitted_by: engine and precision of the features that its head was fitted to.
        temperature: by which its logits are divided.

    Attributes:
        classes: names, in the order of the probabilities.
    """

    def __init__(self, run: Run, fitted_by: str, temperature: float = 1.0) -> None:
        super().__init__(run, fitted_by)
        self.classes = run.classes
        self._temperature = temperature

    def probabilities(
        self, images: ImageSet, *, workers: int | None = None, progress: Progress | None = None
    ) -> Floats:
        """Float32 (images, classes), in their order; see `GivesProbabilities`."""
        values = self._features(images, workers, progress)
        return head_probabilities(self._head, values, self._temperature)


class CachedRegressor(_Cached):
    """Such a run of numbers.

    Args:
        run: a transferred run.
        fitted_by: engine and precision of the features that its head was fitted to.

    Attributes:
        targets: what the values are, in their order.
    """

    def __init__(self, run: Run, fitted_by: str) -> None:
        super().__init__(run, fitted_by)
        self._scaled = run.targets
        self.targets: tuple[Target, ...] = tuple(each.plain for each in run.targets)
        self.half_widths = read_conformal(run)

    def values(
        self, images: ImageSet, *, workers: int | None = None, progress: Progress | None = None
    ) -> Floats:
        """Float32 (images, targets), in their order; see `GivesValues`."""
        return head_values(self._head, self._features(images, workers, progress), self._scaled)


def classifier_of(
    run: Run, *, device: str = "cpu", views: Views = PLAIN, calibrated: bool = True
) -> GivesProbabilities:
    """What `run` is evaluated with: from cached features where its backbone was frozen.

    Its probabilities are as it was calibrated or, without `calibrated`, the network's own. The
    cache holds what processors computed of the one view of validation; on another device, and of
    other `views`, the whole network is computed.
    """
    fitted_by = _fitted_by(run, device, views)
    if fitted_by is None:
        return Classifier.of_run(run, device=device, views=views, calibrated=calibrated)
    return CachedClassifier(run, fitted_by, run.temperature if calibrated else 1.0)


def regressor_of(run: Run, *, device: str = "cpu", views: Views = PLAIN) -> GivesValues:
    """The same of a run of numbers."""
    fitted_by = _fitted_by(run, device, views)
    if fitted_by is None:
        return Regressor.of_run(run, device=device, views=views)
    return CachedRegressor(run, fitted_by)


def _fitted_by(run: Run, device: str, views: Views) -> str | None:
    """What computed the features that a head was fitted to; None where no features will do."""
    transfer, record = run.config.transfer, None
    frozen = transfer is not None and transfer.freeze == "all"
    if frozen and views.is_plain and choose_device(device).type == "cpu":
        record = read_transfer_record(run)
    return None if record is None else str(record["engine"])


def float32_features(
    backbone: Backbone,
    images: ImageSet,
    *,
    fitted_by: str,
    cache: Path | None = None,
    workers: int = 0,
    progress: Progress | None = None,
) -> Floats:
    """Features of `images`, (images, D), in float32.

    Args:
        backbone: a network without its classifier.
        images: what is evaluated.
        fitted_by: engine and precision of the features that the head was fitted to: PyTorch is not
            left for another engine, with which it may not go.
        cache: where features are kept; the default folder if None.
        workers: threads that decode images; 0 for one a processor.
        progress: called with images done, of all.
    """
    engine = "torch float32" if fitted_by.startswith("torch") else "float32"
    found = features(
        backbone, images, engine=engine, cache_dir=cache, workers=workers, progress=progress
    )
    values: Floats = found.values[0]
    return values


def head_probabilities(head: nn.Module, values: Floats, temperature: float = 1.0) -> Floats:
    """Probabilities, (images, classes), that `head` gives to features `values`, (images, D)."""
    return _in_batches(Probabilities(head, temperature), values)


def head_values(head: nn.Module, values: Floats, targets: Sequence[ScaledTarget]) -> Floats:
    """The numbers, (images, targets) in their units, that `head` gives to features likewise."""
    means = [each.mean for each in targets]
    return _in_batches(Values(head, means, [each.deviation for each in targets]), values)


def _in_batches(network: nn.Module, values: Floats) -> Floats:
    """A kernel with many support vectors has no room for all.

    The last digits depend on how many there are in a batch.
    """
    parts = [values[at : at + BATCH_SIZE] for at in range(0, len(values), BATCH_SIZE)]
    with torch.inference_mode():
        found = [network(torch.from_numpy(part)) for part in parts]
    return torch.cat(found).numpy()
