"""A trained network with its pre-processing and its class names: images in, probabilities out."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from striate.data.finding.inputs import items
from striate.data.scan import threads
from striate.engines.exported import open_exported
from striate.errors import (
    DataError,
    ExportError,
    StriateError,
    TrainingError,
    parameter,
)
from striate.inference.opening import refuse_whole, session_of
from striate.inference.prediction import Prediction
from striate.inference.predictor import Predictor
from striate.inference.views.views import PLAIN, Views
from striate.runs.targets import refuse_numbers
from striate.support.paths import shown
from striate.support.text import printable

if TYPE_CHECKING:
    import torch
    from torch import nn

    from striate.data.finding.inputs import Item, Source
    from striate.data.images import ImageSet
    from striate.data.preprocessing import Preprocessing
    from striate.engines.exported import ExportedFile
    from striate.engines.heat_maps import HeatMaps
    from striate.engines.session import Answers, Session
    from striate.runs.run import Run
    from striate.support.progress import Progress


class GivesProbabilities(Protocol):
    """What can be evaluated: whatever gives the probabilities of a set of images."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names, in the order of the probabilities."""

    @property
    def fitting(self) -> Preprocessing | None:
        """What fits an image before it is computed; None where it is computed as it is."""

    def probabilities(
        self, images: ImageSet, *, workers: int | None = None, progress: Progress | None = None
    ) -> Answers:
        """Float32 (images, classes), in their order."""


class Classifier(Predictor[Prediction]):
    """A session that gives probabilities, the pre-processing before it, and the class names.

    Open one with `Classifier.of_run`, `Classifier.of_file` or `striate.open_classifier`. Close it,
    or use it as a context, to free what its engine holds.

    Args:
        session: gives float32 (n, classes), the probabilities.
        preprocessing: what becomes of an image before the network sees it.
        classes: names, in the order of the probabilities.
        fits: whether images are brought to the network's size here; False for a file that does so
            within.
        views: of each image, whose probabilities are averaged.
        reduced: whether large JPEG files are reduced while they are decoded.

    Attributes:
        classes: names, in the order of the probabilities.
        threshold: the probability below which a likeliest class is called unsure: what a file was
            exported with, else 0.
    """

    def __init__(
        self,
        session: Session,
        preprocessing: Preprocessing,
        classes: Sequence[str],
        *,
        fits: bool = True,
        views: Views = PLAIN,
        reduced: bool = False,
        file: ExportedFile | None = None,
    ) -> None:
        super().__init__(session, preprocessing, fits=fits, views=views, reduced=reduced)
        self.classes = tuple(classes)
        self._file = file
        self.threshold = 0.0 if file is None else file.threshold

    @classmethod
    def of_network(
        cls,
        network: nn.Module,
        preprocessing: Preprocessing,
        classes: Sequence[str],
        *,
        device: str | torch.device = "cpu",
        engine: str = "auto",
        batch_size: int | None = None,
        views: Views = PLAIN,
        temperature: float = 1.0,
    ) -> Classifier:
        """A network that gives logits.

        Args:
            network: maps normalised images (N, C, H, W) to logits (N, classes). PyTorch moves it to
                `device` and leaves it in evaluation mode.
            preprocessing: the network's.
            classes: names, in the order of the logits.
            device: where PyTorch computes: ``cpu``, ``cuda`` … or ``auto``.
            engine: ``torch``, ``onnxruntime`` or ``openvino``, with ``float32`` or ``bfloat16``;
                ``auto``: PyTorch. float32 is the default.
            batch_size: the most images that are computed together; None for 64 in PyTorch, 8 in
                other engines.
            views: of each image, whose probabilities are averaged.
            temperature: by which logits are divided.

        Raises:
            StriateError: `device` is not here, `engine` is unknown or cannot have the network, or
                there are no such `views` for it.
        """
        from striate.engines.probabilities import Probabilities

        session = session_of(
            network,
            preprocessing,
            lambda network: Probabilities(network, temperature),
            device=device,
            engine=engine,
            batch_size=batch_size,
            views=views,
        )
        return cls(session, preprocessing, classes, views=views)

    @classmethod
    def of_run(
        cls,
        run: Run,
        *,
        device: str | torch.device = "cpu",
        engine: str = "auto",
        batch_size: int | None = None,
        views: Views = PLAIN,
        calibrated: bool = True,
    ) -> Classifier:
        """The network of a run with its best weights; parameters as for `Classifier.of_network`.

        Its probabilities are as the run was calibrated or, without `calibrated`, the network's own.

        Raises:
            RunError: the run's weights are missing, damaged, or those of another run; it answers
                with numbers.
            StriateError: `device` is not here, or `engine` is unknown or cannot have the network.
        """
        refuse_numbers(run, "a classifier", "open it with `striate.open_regressor`")
        if run.has_members:
            from striate.inference.ensemble import open_ensemble

            return open_ensemble(
                run,
                device=device,
                engine=engine,
                batch_size=batch_size,
                views=views,
                calibrated=calibrated,
            )
        return cls.of_network(
            run.network(),
            run.preprocessing,
            run.classes,
            device=device,
            engine=engine,
            batch_size=batch_size,
            views=views,
            temperature=run.temperature if calibrated else 1.0,
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
    ) -> Classifier:
        """An ONNX file that `striate export` wrote; nothing but the file is needed.

        Args:
            path: the file, whose metadata hold its classes and its pre-processing.
            engine: ``onnxruntime`` or ``openvino``, with ``float32`` or ``bfloat16``; ``auto``:
                ONNX Runtime, or OpenVINO where that alone is installed. float32 is the
                default.
            batch_size: the most images that are computed together, where the file leaves that
                open; None for 8.
            streams: how many batches are computed at a time; None for one a processor. With 1 all
                processors share a batch, which is quicker for a single one.
            views: of each image, whose probabilities are averaged.
            reduced_decoding: reduce JPEG files while they are decoded, where that changes a
                photograph by at most two levels of 255; not for a file that resizes within.

        Raises:
            ExportError: there is no such file, it is damaged or not one of ours, answers with
                numbers, takes its weights as inputs, or no engine is installed.
            StriateError: `engine` is unknown or no engine for files, or there are no such `views`
                for the file.
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
    ) -> Classifier:
        """`of_file` of a file that is open; the graph is not kept.

        Raises:
            StriateError: as `of_file`.
        """
        if file.targets:
            raise ExportError(
                shown(file.path),
                "answers with numbers, and a classifier is for classes",
                "open it with `striate.open_regressor`",
            )
        refuse_whole(file, views)
        if file.parts and not views.is_plain and not reduced_decoding:
            from striate.inference.parts import open_parts

            return open_parts(file, engine=engine, batch_size=batch_size, views=views)
        session = file.session(engine, batch_size=batch_size, streams=streams)
        fits = not file.fits
        about = replace(file, graph=b"")  # the engine has it, and it may be large
        try:
            return cls(
                session,
                file.preprocessing,
                file.classes,
                fits=fits,
                views=views,
                reduced=reduced_decoding,
                file=about,
            )
        except StriateError:
            session.close()
            raise

    @property
    def file(self) -> ExportedFile | None:
        """The file that it was opened from, without its graph; None for a network."""
        return self._file

    @property
    def has_heat_maps(self) -> bool:
        """Whether `heat_maps` can be had."""
        return self._file is not None and self._file.heat_map_grid is not None

    def heat_maps(self) -> HeatMaps:
        """Where pictures speak for a class: of a file that was exported with heat maps.

        Raises:
            ExportError: it has none, its file has changed meanwhile, or ONNX Runtime is missing.
        """
        if self._file is None:
            raise ExportError(
                "a run", "has no heat maps", f"export it with {parameter('cam')}, and give the file"
            )
        return self._file.heat_maps()

    @property
    def outputs(self) -> int:
        """How many classes there are."""
        return len(self.classes)

    def probabilities(
        self,
        images: ImageSet | Source | Iterable[Source],
        *,
        workers: int | None = None,
        progress: Progress | None = None,
    ) -> Answers:
        """The probabilities of every class, float32 (images, classes), in the order of the images.

        Args:
            images: a set; or a file, a folder, a glob, a Pillow image, a NumPy array ((H, W) or
                (H, W, 1, 3 or 4), or (N, H, W, C) for several), a tensor ((C, H, W) or (N, C, H,
                W)), or several of them.
            workers: threads that read images; None for one a processor, at most four. The result
                is the same to the bit for any number.
            progress: called with images done, of all, where `images` are a set.

        Raises:
            DataError: an image cannot be read.
        """
        return self.numbers(images, workers=workers, progress=progress)

    def predict(
        self,
        images: Source | Iterable[Source],
        *,
        top: int = 5,
        workers: int | None = None,
    ) -> Iterator[Prediction]:
        """The likeliest classes of images: a `Prediction` for each, in order, as they come.

        An image that cannot be read has its own `Prediction`, in its place, with the reason. No
        more than a batch is taken ahead, so that `images` may be without an end.

        Args:
            images: as for `probabilities`, but a set.
            top: how many classes an image; with fewer all of them are given, and equals come in the
                order of `classes`.
            workers: as for `probabilities`.

        Raises:
            TrainingError: the network gives something else than numbers.
        """
        return self.predict_items(items(images), top=top, workers=threads(workers))

    def predict_items(
        self, items: Iterable[Item], *, top: int = 5, workers: int = 0
    ) -> Generator[Prediction]:
        """`predict` of what `striate.data.finding.inputs.items` gives."""
        return self.answers(items, workers=workers, answer=partial(self.answer, top=top))

    def answer(self, name: str, row: Answers, top: int = 5) -> Prediction:
        """The `top` likeliest classes of the image called `name`, from its probabilities.

        Raises:
            TrainingError: they are not finite numbers.
        """
        if not np.isfinite(row).all():
            raise TrainingError(
                printable(name),
                "the network's probabilities are not finite numbers",
                "the weights have diverged: train again at a lower learning rate",
            )
        best = np.argsort(-row, kind="stable")[:top]
        return Prediction(
            file=name,
            classes=tuple(self.classes[i] for i in best),
            probabilities=tuple(float(row[i]) for i in best),
            unsure=bool(row[best[0]] < self.threshold),
        )

    def failed(self, name: str, error: DataError) -> Prediction:
        """What stands in the place of the image called `name`, which cannot be read."""
        return Prediction.failed(name, error)
