"""Runs and exported files opened for use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from striate.errors import StriateError, parameter
from striate.inference.views.views import Views

if TYPE_CHECKING:
    from torch import nn

    from striate.engines.exported import ExportedFile
    from striate.inference.classifier import Classifier
    from striate.inference.regressor import Regressor
    from striate.runs.run import Run
    from striate.support.shared_options import Crops, RunPath

_Kind = TypeVar("_Kind", "Classifier", "Regressor")


def open_run(path: RunPath, *, allow_code: bool = False, net: nn.Module | None = None) -> Run:
    """The run at `path`: its classes or targets, pre-processing, network, metrics, configuration.

    Functions that take a run's folder take what this gives in its place.

    Args:
        path: the folder.
        allow_code: let it run the Python code that it names as its network: only if you trust
            whoever made it.
        net: of a run that was trained as a module, a module of the same class and sizes. It stays
            as it is: a copy gets the run's weights.

    Raises:
        StriateError: there is no such run, or it is damaged; or its network is code, which is not
            allowed, or another than `net`.
    """
    from striate.runs.run import Run

    return Run.open(path, allow_code=allow_code, net=net)


def open_predictor(
    source: RunPath,
    *,
    device: str = "cpu",
    engine: str = "auto",
    batch_size: int | None = None,
    streams: int | None = None,
    crops: Crops = "center",
    scales: Sequence[int] | None = None,
    reduced_decoding: bool = False,
    allow_code: bool = False,
) -> Classifier | Regressor:
    """The network of a run, or of an ONNX file, whatever it answers with: classes or numbers.

    Close it, or use it as a context, to free what its engine holds.

    Args:
        source: a run's folder, or what `open_run` gave; or an ONNX file that `export` wrote.
        device: where PyTorch computes: ``cpu``, ``cuda`` … or ``auto``; files are computed on the
            processor.
        engine: ``torch``, ``onnxruntime`` or ``openvino``, with ``float32`` or ``bfloat16``.
            ``auto``: PyTorch for a run, ONNX Runtime for a file. float32 is
            the default.
        batch_size: the most images that are computed together; None for what suits the
            engine.
        streams: batches that a file's engine computes at a time; None for one a processor. With 1
            all processors share a batch, which is quicker for single images.
        crops: views of each image, whose answers are averaged: ``center``, ``10``, ``144`` or
            ``dense``.
        scales: short sides that the views are taken at, for a network of 224 pixels; None for those
            of the views' paper.
        reduced_decoding: reduce large JPEG files while they are decoded, for an ONNX file.
        allow_code: as for `open_run`.

    Raises:
        StriateError: the run or the file is at fault, or `device` or `engine` is not here.
    """
    opened = _Opened.of(source, allow_code=allow_code, reduced_decoding=reduced_decoding)
    ways = _Ways(device, engine, batch_size, streams, Views(crops, tuple(scales or ())))
    return opened.regressor(ways) if opened.answers_numbers else opened.classifier(ways)


def open_classifier(
    source: RunPath,
    *,
    device: str = "cpu",
    engine: str = "auto",
    batch_size: int | None = None,
    streams: int | None = None,
    crops: Crops = "center",
    scales: Sequence[int] | None = None,
    reduced_decoding: bool = False,
    allow_code: bool = False,
) -> Classifier:
    """The network of a run, or of an ONNX file, ready to use: images in, probabilities out.

    Arguments and the rest are those of `open_predictor`.

    Examples:
        ::

            with striate.open_classifier("runs/lenet-digits") as classifier:
                classifier.probabilities(["three.png", "seven.png"])  # (2, 10)

    Raises:
        StriateError: the run or the file is at fault, or answers with numbers; or `device` or
            `engine` is not here.
    """
    opened = _Opened.of(source, allow_code=allow_code, reduced_decoding=reduced_decoding)
    ways = _Ways(device, engine, batch_size, streams, Views(crops, tuple(scales or ())))
    return opened.classifier(ways)


def open_regressor(
    source: RunPath,
    *,
    device: str = "cpu",
    engine: str = "auto",
    batch_size: int | None = None,
    streams: int | None = None,
    crops: Crops = "center",
    scales: Sequence[int] | None = None,
    reduced_decoding: bool = False,
    allow_code: bool = False,
) -> Regressor:
    """The network of a run of numbers, or of its ONNX file: images in, values out, in their units.

    Arguments and the rest are those of `open_predictor`.

    Examples:
        ::

            with striate.open_regressor("runs/lenet-ages") as regressor:
                regressor.values(["ann.png", "bob.png"])  # (2, 1)

    Raises:
        StriateError: the run or the file is at fault, or answers with classes; or `device` or
            `engine` is not here.
    """
    opened = _Opened.of(source, allow_code=allow_code, reduced_decoding=reduced_decoding)
    ways = _Ways(device, engine, batch_size, streams, Views(crops, tuple(scales or ())))
    return opened.regressor(ways)


@dataclass(frozen=True)
class _Ways:
    """How what was opened is to be computed."""

    device: str
    engine: str
    batch_size: int | None
    streams: int | None
    views: Views


@dataclass(frozen=True)
class _Opened:
    """A run or a file, one of the two."""

    run: Run | None
    file: ExportedFile | None
    reduced: bool

    @classmethod
    def of(cls, source: RunPath, *, allow_code: bool, reduced_decoding: bool) -> _Opened:
        from striate.engines.exported import is_exported, open_exported

        if is_exported(source):
            return cls(None, open_exported(source), reduced_decoding)
        if reduced_decoding:
            refuse_reduced()
        return cls(open_run(source, allow_code=allow_code), None, reduced=False)

    @property
    def answers_numbers(self) -> bool:
        if self.run is not None:
            return self.run.answers_numbers
        return self.file is not None and bool(self.file.targets)

    def classifier(self, ways: _Ways) -> Classifier:
        from striate.inference.classifier import Classifier

        return self._by(Classifier, ways)

    def regressor(self, ways: _Ways) -> Regressor:
        from striate.inference.regressor import Regressor

        return self._by(Regressor, ways)

    def _by(self, kind: type[_Kind], ways: _Ways) -> _Kind:
        computed: Any = {
            "engine": ways.engine,
            "batch_size": ways.batch_size,
            "views": ways.views,
        }
        if self.run is not None:
            return kind.of_run(self.run, device=ways.device, **computed)
        assert self.file is not None
        _refuse_other_devices(ways.device)
        return kind.of_opened(
            self.file, streams=ways.streams, reduced_decoding=self.reduced, **computed
        )


def _refuse_other_devices(device: str) -> None:
    """Raise for a file that is to be computed elsewhere than on the processor."""
    if device in ("cpu", "auto"):
        return
    from striate.engines.precision import choose_device

    if choose_device(device).type != "cpu":
        raise StriateError(
            parameter("device", device),
            "is not where an ONNX file is computed, which is the processor",
            "leave it out, or give the run's folder",
        )


def refuse_reduced() -> NoReturn:
    """Raise for a run whose photographs are to be reduced while they are decoded."""
    raise StriateError(
        parameter("reduced_decoding", True),
        "is for exported files",
        "give an ONNX file that `export` wrote, or leave it out",
    )
