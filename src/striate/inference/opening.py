"""A network put into an engine, with what makes answers of its outputs behind it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from striate.engines.choosing import open_session, parse_engine
from striate.engines.session import BATCH, Session
from striate.errors import StriateError, parameter
from striate.inference.views.views import PLAIN, Views

if TYPE_CHECKING:
    import torch
    from torch import nn

    from striate.data.preprocessing import Preprocessing
    from striate.engines.exported import ExportedFile

BATCH_SIZE = 64
"""Images that PyTorch computes together: the last digits of a network's sums depend on it."""


def session_of(
    network: nn.Module,
    preprocessing: Preprocessing,
    behind: Callable[[nn.Module], nn.Module],
    *,
    device: str | torch.device = "cpu",
    engine: str = "auto",
    batch_size: int | None = None,
    views: Views = PLAIN,
) -> Session:
    """`network` in an engine, ready to compute.

    Args:
        network: maps normalised images (N, C, H, W) to outputs (N, K). PyTorch moves it to `device`
            and leaves it in evaluation mode.
        preprocessing: the network's.
        behind: makes of the network one that gives answers, probabilities or values.
        device: where PyTorch computes: ``cpu``, ``cuda`` … or ``auto``.
        engine: ``torch``, ``onnxruntime`` or ``openvino``, with ``float32`` or ``bfloat16``;
            ``auto``: PyTorch. float32 is the default.
        batch_size: the most images that are computed together; None for 64 in PyTorch, 8 in other
            engines.
        views: of each image, whose answers are averaged.

    Raises:
        StriateError: `device` is not here, `engine` is unknown or cannot have the network, or
            there are no such `views` for it.
    """
    from striate.engines.precision import choose_device

    where = choose_device(str(device))
    name, precision = parse_engine(engine)
    name = name or "torch"
    if name != "torch" and where.type != "cpu":
        raise StriateError(
            parameter("device", str(device)),
            f"is not where {parameter('engine', engine)} computes, which is the processor",
            f"leave one of them out, or take {parameter('engine', 'torch')}",
        )
    views.check(preprocessing)
    together = batch_size or (BATCH_SIZE if name == "torch" else BATCH)
    if views.whole:
        network = _dense(network, preprocessing, name)
        together = views.together(together, preprocessing)
    return open_session(
        behind(network),
        preprocessing,
        name,
        precision or "float32",
        device=where,
        batch_size=together,
    )


def refuse_whole(file: ExportedFile, views: Views) -> None:
    """Raise for `views` that show a network whole images, which no file takes.

    Raises:
        StriateError: they do.
    """
    if views.whole:
        _, height, width = file.preprocessing.input_size
        raise StriateError(
            parameter("crops", views.crops),
            f"needs a network of any size, and this file's takes {height} x {width} pixels",
            "give the run that it was exported from, or take other crops",
        )


def _dense(network: nn.Module, preprocessing: Preprocessing, engine: str) -> nn.Module:
    """`network` for whole images.

    Raises:
        StriateError: `engine` has networks of one size alone, or the network has one size.
    """
    from striate.hub.ensemble import Ensemble
    from striate.inference.views.dense import Dense

    if engine != "torch":
        raise StriateError(
            parameter("crops", "dense"),
            f"is computed by PyTorch alone, not by {parameter('engine', engine)}",
            f"leave {parameter('engine')} out",
        )
    if isinstance(network, Ensemble):  # the outputs of each are averaged over positions first
        return network.with_members([Dense(each, preprocessing) for each in network.members])
    return Dense(network, preprocessing)
