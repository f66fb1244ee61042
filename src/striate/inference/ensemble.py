"""Ensembles: members that see different pixels as one predictor, and each member measured."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from striate.data.scan import threads
from striate.engines.session import Answers, Pixels
from striate.errors import DataError
from striate.inference.classifier import Classifier
from striate.inference.estimate import Estimate
from striate.inference.opening import BATCH_SIZE
from striate.inference.prediction import Prediction
from striate.inference.predictor import Answer, Predictor
from striate.inference.regressor import Regressor
from striate.inference.views.filling import Batch, Part
from striate.inference.views.views import PLAIN, Views
from striate.runs.calibration import with_temperature

if TYPE_CHECKING:
    import torch

    from striate.data.images import ImageSet
    from striate.data.preprocessing import Preprocessing
    from striate.engines.exported import ExportedFile
    from striate.runs.conformal import HalfWidths
    from striate.runs.ensemble import Group
    from striate.runs.run import Run
    from striate.support.progress import Progress


class _Several(Predictor[Answer]):
    """Predictors that see different pixels of an image, decoded once; the mean of what they give.

    It stands before the class of the answers among the bases of a class.
    """

    predictors: Sequence[Predictor[Answer]]
    shares: Sequence[float]
    """Of each in the mean; they add up to 1."""

    @property
    def sees_once(self) -> bool:
        """No: each of several sees it."""
        return False

    @property
    def channels(self) -> int:
        """Of the images as they are read."""
        return max(each.preprocessing.channels for each in self.predictors)

    def parts(self, image: Pixels) -> list[Part]:
        """What each of them sees of an image, uint8 (H, W, C)."""
        found = []
        for number, (each, share) in enumerate(zip(self.predictors, self.shares, strict=True)):
            if each.views.is_plain:
                views = [each.preprocessing.fit_image(image)]
            else:
                views = each.views.cut(image, each.preprocessing)
            weight = share / len(views)
            found += [Part(np.ascontiguousarray(view), weight, number) for view in views]
        return found

    def compute(self, batches: Iterator[Batch]) -> Generator[Answers]:
        """The answers to batches of parts, each computed by the one that they are for."""
        for batch in batches:
            yield from self.predictors[batch.network].session.run([batch.pixels])

    def close(self) -> None:
        """Free what all of them hold."""
        for each in self.predictors:
            each.close()


class EnsembleClassifier(_Several[Prediction], Classifier):
    """Classifiers that see different pixels of an image; the mean of what they give.

    Args:
        classifiers: with the same classes, in the same order.
        shares: of each in the mean; they add up to 1.
        temperature: by which the logarithms of the mean are divided.
        file: that all of them come from.
    """

    def __init__(
        self,
        classifiers: Sequence[Classifier],
        shares: Sequence[float],
        temperature: float = 1.0,
        *,
        file: ExportedFile | None = None,
    ) -> None:
        first = min(classifiers, key=lambda each: each.batch_size)
        Classifier.__init__(
            self, first.session, first.preprocessing, first.classes, views=first.views, file=file
        )
        self.predictors, self.shares = tuple(classifiers), tuple(shares)
        self._temperature = temperature

    def of_mean(self, row: Answers) -> Answers:
        """The mean, float32 (K,), at the ensemble's temperature."""
        found: Answers = with_temperature(row[None], self._temperature)[0]
        return found


class EnsembleRegressor(_Several[Estimate], Regressor):
    """Regressors that see different pixels of an image; the mean of what they give.

    Args:
        regressors: with the same targets, in the same order.
        shares: of each in the mean; they add up to 1.
        half_widths: of the prediction intervals of that mean.
        file: that all of them come from.
    """

    def __init__(
        self,
        regressors: Sequence[Regressor],
        shares: Sequence[float],
        half_widths: HalfWidths = (),
        *,
        file: ExportedFile | None = None,
    ) -> None:
        first = min(regressors, key=lambda each: each.batch_size)
        Regressor.__init__(
            self,
            first.session,
            first.preprocessing,
            first.targets,
            views=first.views,
            half_widths=half_widths,
            file=file,
        )
        self.predictors, self.shares = tuple(regressors), tuple(shares)


class MemberPredictor(Predictor[Answers]):
    """Gives the probabilities of every member, float32 (members · classes,)."""

    def __init__(
        self, network: torch.nn.Module, preprocessing: Preprocessing, outputs: int, device: str
    ) -> None:
        from striate.engines.precision import choose_device
        from striate.engines.pytorch import PyTorchSession

        session = PyTorchSession(
            network, preprocessing, device=choose_device(device), batch_size=BATCH_SIZE
        )
        super().__init__(session, preprocessing)
        self._outputs = outputs

    @property
    def outputs(self) -> int:
        """How many numbers there are for an image."""
        return self._outputs

    def answer(self, name: str, row: Answers) -> Answers:
        """The numbers themselves."""
        return row

    def failed(self, name: str, error: DataError) -> Answers:
        """Raise `error`: a set of images has none that cannot be read."""
        raise error


class MeasuredEnsemble:
    """An ensemble that keeps the probabilities of its members, of the images last computed.

    Args:
        run: an ensemble of runs of classes.
        device: where to compute.
        calibrated: give its probabilities as it was calibrated; otherwise the mean's own.

    Attributes:
        classes: names, in the order of the probabilities.
        members: float32 (images, members, classes); empty before anything was computed.
    """

    def __init__(self, run: Run, *, device: str = "cpu", calibrated: bool = True) -> None:
        from striate.runs.ensemble import groups_of

        self._temperature = run.temperature if calibrated else 1.0

        self.classes = run.classes
        self._groups, self._device = groups_of(run), device
        self.members: Answers = np.empty((0, 0, len(self.classes)), np.float32)

    @property
    def fitting(self) -> Preprocessing | None:
        """What fits an image before it is computed; None where members see different pixels."""
        return self._groups[0].preprocessing if len(self._groups) == 1 else None

    def probabilities(
        self, images: ImageSet, *, workers: int | None = None, progress: Progress | None = None
    ) -> Answers:
        """Float32 (images, classes), in their order; see `GivesProbabilities`."""
        from striate.hub.ensemble import EachMember

        total, classes = sum(len(group.members) for group in self._groups), len(self.classes)
        found = np.empty((len(images), total, classes), np.float32)
        for number, group in enumerate(self._groups):

            def count(done: int, of: int, before: int = number * len(images)) -> None:
                if progress is not None:
                    progress(before + done, of * len(self._groups))

            outputs = len(group.members) * classes
            network = EachMember(group.network)
            with MemberPredictor(network, group.preprocessing, outputs, self._device) as predictor:
                rows = predictor.rows(images, workers=threads(workers), progress=count)
            found[:, list(group.members)] = rows.reshape(len(images), -1, classes)
        self.members = found
        mean: Answers = found.mean(1, dtype=np.float64).astype(np.float32)
        return with_temperature(mean, self._temperature)


def open_ensemble(
    run: Run,
    *,
    device: str | torch.device = "cpu",
    engine: str = "auto",
    batch_size: int | None = None,
    views: Views = PLAIN,
    calibrated: bool = True,
) -> Classifier:
    """A classifier of an ensemble; arguments as for `Classifier.of_run`."""
    from striate.runs.ensemble import groups_of

    groups, temperature = groups_of(run), run.temperature if calibrated else 1.0
    opened = [
        Classifier.of_network(
            group.network,
            group.preprocessing,
            run.classes,
            device=device,
            engine=engine,
            batch_size=batch_size,
            views=views,
            # Of several groups, it is the mean of all that is divided by it.
            temperature=temperature if len(groups) == 1 else 1.0,
        )
        for group in groups
    ]
    if len(opened) == 1:
        return opened[0]
    return EnsembleClassifier(opened, _shares(groups), temperature)


def open_number_ensemble(
    run: Run,
    *,
    device: str | torch.device = "cpu",
    engine: str = "auto",
    batch_size: int | None = None,
    views: Views = PLAIN,
) -> Regressor:
    """A regressor of an ensemble; arguments as for `Regressor.of_run`."""
    from striate.runs.conformal import read_conformal
    from striate.runs.ensemble import groups_of

    groups = groups_of(run)
    half_widths = read_conformal(run) if views.is_plain else ()
    opened = [
        Regressor.of_network(
            group.network,
            group.preprocessing,
            run.targets,
            device=device,
            engine=engine,
            batch_size=batch_size,
            views=views,
            half_widths=half_widths,
        )
        for group in groups
    ]
    if len(opened) == 1:
        return opened[0]
    return EnsembleRegressor(opened, _shares(groups), half_widths)


def _shares(groups: Sequence[Group]) -> list[float]:
    """Of each group in the mean of all members."""
    total = sum(len(group.members) for group in groups)
    return [len(group.members) / total for group in groups]
