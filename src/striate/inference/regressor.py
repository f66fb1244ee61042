"""A trained network with its pre-processing and its targets: images in, numbers out."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from striate.data.finding.inputs import items
from striate.data.scan import threads
from striate.data.targets import Target
from striate.engines.exported import open_exported
from striate.errors import DataError, ExportError, RunError, StriateError, TrainingError
from striate.inference.estimate import Estimate, Interval
from striate.inference.opening import refuse_whole, session_of
from striate.inference.predictor import Predictor
from striate.inference.views.views import PLAIN, Views
from striate.support.paths import shown
from striate.support.text import printable

if TYPE_CHECKING:
    import torch
    from torch import nn

    from striate.data.finding.inputs import Item, Source
    from striate.data.images import ImageSet
    from striate.data.preprocessing import Preprocessing
    from striate.engines.exported import ExportedFile
    from striate.engines.session import Answers, Session
    from striate.runs.conformal import HalfWidths
    from striate.runs.run import Run
    from striate.runs.targets import ScaledTarget
    from striate.support.progress import Progress


class GivesValues(Protocol):
    """What can be evaluated: whatever gives the values of a set of images."""

    @property
    def targets(self) -> tuple[Target, ...]:
        """What the values are, in their order."""

    @property
    def fitting(self) -> Preprocessing | None:
        """What fits an image before it is computed; None where it is computed as it is."""

    @property
    def half_widths(self) -> HalfWidths:
        """Of the prediction intervals of each target, by level."""

    def values(
        self, images: ImageSet, *, workers: int | None = None, progress: Progress | None = None
    ) -> Answers:
        """Float32 (images, targets), in their units."""


class Regressor(Predictor[Estimate]):
    """A session that gives numbers, the pre-processing before it, and what the numbers are.

    Open one with `Regressor.of_run`, `Regressor.of_file` or `striate.open_regressor`. Close it, or
    use it as a context, to free what its engine holds.

    Args:
        session: gives float32 (n, targets), the values in their own units.
        preprocessing: what becomes of an image before the network sees it.
        targets: what the values are, in their order.
        fits: whether images are brought to the network's size here; False for a file that does so
            within.
        views: of each image, whose values are averaged.
        reduced: whether large JPEG files are reduced while they are decoded.
        half_widths: of the prediction intervals of each target; none if it is empty.
        file: that it was opened from.

    Attributes:
        targets: what the values are, in their order.
        half_widths: of the prediction intervals of each target, by level.
        file: that it was opened from, without its graph; None for a network.
    """

    def __init__(
        self,
        session: Session,
        preprocessing: Preprocessing,
        targets: Sequence[Target],
        *,
        fits: bool = True,
        views: Views = PLAIN,
        reduced: bool = False,
        half_widths: HalfWidths = (),
        file: ExportedFile | None = None,
    ) -> None:
        super().__init__(session, preprocessing, fits=fits, views=views, reduced=reduced)
        self.targets = tuple(targets)
        self.half_widths: HalfWidths = half_widths or tuple(() for _ in self.targets)
        self.file = file

    @classmethod
    def of_network(
        cls,
        network: nn.Module,
        preprocessing: Preprocessing,
        targets: Sequence[ScaledTarget],
        *,
        device: str | torch.device = "cpu",
        engine: str = "auto",
        batch_size: int | None = None,
        views: Views = PLAIN,
        half_widths: HalfWidths = (),
    ) -> Regressor:
        """A network that gives standardised values.

        Args:
            network: maps normalised images (N, C, H, W) to standardised values (N, targets).
                PyTorch moves it to `device` and leaves it in evaluation mode.
            preprocessing: the network's.
            targets: with the scale that the network learnt them on, in the order of its outputs.
            device: as for `striate.inference.classifier.Classifier.of_network`.
            engine: likewise.
            batch_size: likewise.
            views: of each image, whose values are averaged.
            half_widths: as for the class.

        Raises:
            StriateError: `device` is not here, `engine` is unknown or cannot have the network, or
                there are no such `views` for it.
        """
        from striate.engines.values import Values

        means = [each.mean for each in targets]
        deviations = [each.deviation for each in targets]
        session = session_of(
            network,
            preprocessing,
            lambda network: Values(network, means, deviations),
            device=device,
            engine=engine,
            batch_size=batch_size,
            views=views,
        )
        plain = [each.plain for each in targets]
        return cls(session, preprocessing, plain, views=views, half_widths=half_widths)

    @classmethod
    def of_run(
        cls,
        run: Run,
        *,
        device: str | torch.device = "cpu",
        engine: str = "auto",
        batch_size: int | None = None,
        views: Views = PLAIN,
    ) -> Regressor:
        """The network of a run with its best weights; parameters as for `Regressor.of_network`.

        Its prediction intervals are those of one view of each image; with other `views` it has
        none.

        Raises:
            RunError: the run's weights are missing, damaged, or those of another run; it answers
                with classes.
            StriateError: `device` is not here, or `engine` is unknown or cannot have the network.
        """
        from striate.runs.conformal import read_conformal

        refuse_classes(run)
        if run.has_members:
            from striate.inference.ensemble import open_number_ensemble

            return open_number_ensemble(
                run, device=device, engine=engine, batch_size=batch_size, views=views
            )
        return cls.of_network(
            run.network(),
            run.preprocessing,
            run.targets,
            device=device,
            engine=engine,
            batch_size=batch_size,
            views=views,
            half_widths=read_conformal(run) if views.is_plain else (),
        )

    @classmethod
    def of_file(
        cls,
        path: str | Path,
        *,
        engine: str = "auto",
        batch_size: int | None = None,
        streams: int | None = None,
        views: Views = PLAIN,
        reduced_decoding: bool = False,
    ) -> Regressor:
        """An ONNX file that `striate export` wrote; parameters as for `Classifier.of_file`.

        Raises:
            ExportError: as `Classifier.of_file`; the file answers with classes.
            StriateError: likewise.
        """
        return cls.of_opened(
            open_exported(path),
            engine=engine,
            batch_size=batch_size,
            streams=streams,
            views=views,
            reduced_decoding=reduced_decoding,
        )

    @classmethod
    def of_opened(
        cls,
        file: ExportedFile,
        *,
        engine: str = "auto",
        batch_size: int | None = None,
        streams: int | None = None,
        views: Views = PLAIN,
        reduced_decoding: bool = False,
    ) -> Regressor:
        """`of_file` of a file that is open; the graph is not kept.

        Raises:
            StriateError: as `of_file`.
        """
        if not file.targets:
            raise ExportError(
                shown(file.path),
                "answers with classes, not with numbers",
                "open it with `striate.open_classifier`",
            )
        refuse_whole(file, views)
        if file.parts and not views.is_plain and not reduced_decoding:
            from striate.inference.parts import open_number_parts

            return open_number_parts(file, engine=engine, batch_size=batch_size, views=views)
        session = file.session(engine, batch_size=batch_size, streams=streams)
        intervals = tuple(each.intervals for each in file.targets)
        try:
            return cls(
                session,
                file.preprocessing,
                [each.plain for each in file.targets],
                fits=not file.fits,
                views=views,
                reduced=reduced_decoding,
                half_widths=intervals if views.is_plain else (),
                file=replace(file, graph=b""),  # the engine has it, and it may be large
            )
        except StriateError:
            session.close()
            raise

    @property
    def outputs(self) -> int:
        """How many targets there are."""
        return len(self.targets)

    def values(
        self,
        images: ImageSet | Source | Iterable[Source],
        *,
        workers: int | None = None,
        progress: Progress | None = None,
    ) -> Answers:
        """The value of every target, float32 (images, targets), in the order of the images.

        Arguments and errors are those of `Predictor.numbers`.
        """
        return self.numbers(images, workers=workers, progress=progress)

    def predict(
        self, images: Source | Iterable[Source], *, workers: int | None = None
    ) -> Iterator[Estimate]:
        """The values of images: an `Estimate` for each, in order, as they come.

        An image that cannot be read has its own `Estimate`, in its place, with the reason. No more
        than a batch is taken ahead, so that `images` may be without an end.

        Args:
            images: as for `values`, but a set.
            workers: as for `values`.

        Raises:
            TrainingError: the network gives something else than numbers.
        """
        return self.predict_items(items(images), workers=threads(workers))

    def predict_items(self, items: Iterable[Item], *, workers: int = 0) -> Generator[Estimate]:
        """`predict` of what `striate.data.finding.inputs.items` gives."""
        return self.answers(items, workers=workers)

    def answer(self, name: str, row: Answers) -> Estimate:
        """The values of the image called `name`, float32 (targets,), and their intervals.

        Raises:
            TrainingError: they are not finite numbers.
        """
        if not np.isfinite(row).all():
            raise TrainingError(
                printable(name),
                "the network's values are not finite numbers",
                "the weights have diverged: train again at a lower learning rate",
            )
        values = tuple(row.astype(np.float64).tolist())
        return Estimate(
            file=name,
            targets=self.targets,
            values=values,
            intervals=tuple(
                tuple(
                    Interval(
                        level=each.level,
                        low=value - each.half_width,
                        high=value + each.half_width,
                    )
                    for each in widths
                )
                for value, widths in zip(values, self.half_widths, strict=True)
            ),
        )

    def failed(self, name: str, error: DataError) -> Estimate:
        """What stands in the place of the image called `name`, which cannot be read."""
        return Estimate.failed(name, self.targets, error)


def refuse_classes(run: Run) -> None:
    """Raise for a `run` that answers with classes, where numbers are wanted.

    Raises:
        RunError: it does.
    """
    if not run.answers_numbers:
        raise RunError(
            shown(run.path),
            "answers with classes, not with numbers",
            "open it with `striate.open_classifier`",
        )
