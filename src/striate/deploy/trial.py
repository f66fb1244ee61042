"""What an exported graph must do before it becomes a file: the same as evaluation, in two engines.

Three things are held apart, since each has a tolerance of its own: the pixels that the graph makes
of an image (those of Pillow), the probabilities that the network gives for these very pixels
(PyTorch's, in float32), and the probabilities at the end of the run's own pipeline.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from striate.data.preprocessing import Preprocessing, with_channels
from striate.deploy.verify import (
    ENGINES,
    TOLERANCE,
    check_classes,
    check_network,
    check_pixels,
    difference,
    run_in,
)
from striate.engines.capture import GraphOptions
from striate.engines.preprocessing.compose import fit_alone

PIXELS_IN = "onnxruntime"  # the engine that is asked for the pixels in any case
TOGETHER = 8  # images that PyTorch answers at once; more gain nothing on a processor

Pixels = NDArray[np.uint8]
Probabilities = NDArray[np.float32]


class Classifier(nn.Module):
    """A network with the softmax behind it: what is captured."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        """Return the probabilities (batch, classes) of normalised images (batch, C, H, W)."""
        logits: Tensor = self.network(image)
        return torch.softmax(logits, dim=1)


def with_distinct_weights(network: nn.Module) -> nn.Module:
    """A copy of `network` in which no two tensors are equal.

    The TorchScript exporter merges equal tensors (the fresh scales of two batch norms, say). That
    would be wrong in a graph that is to be given other weights.
    """
    twin = copy.deepcopy(network)
    generator = torch.Generator().manual_seed(0)
    for tensor in twin.state_dict().values():
        if tensor.is_floating_point():
            tensor.copy_(torch.rand(tensor.shape, generator=generator) + 0.5)
    return twin


@dataclass(frozen=True, kw_only=True)
class Verified:
    """Largest differences found; of probabilities, but for `pixel_levels`."""

    images: int
    onnxruntime: float
    """Between ONNX Runtime and PyTorch, for the same pixels."""
    openvino: float
    """Between OpenVINO (in float32) and PyTorch, likewise."""
    pipeline: float | None
    """Between the file, in either engine, and evaluation's own pipeline. None without
    pre-processing."""
    pixel_levels: float | None
    """Between the pixels of ONNX Runtime and Pillow's, of 255 levels; of OpenVINO too, where its
    probabilities left a doubt. None where nothing is fitted."""


class Trial:
    """The images of one export, what a person feeds of them, and what must come out."""

    def __init__(
        self,
        network: nn.Module,
        preprocessing: Preprocessing,
        images: Sequence[Pixels],
        *,
        names: Sequence[str] | None,
        options: GraphOptions,
        fit: bool,
        normalise: bool,
    ) -> None:
        self.classifier = Classifier(network).eval()
        self.preprocessing, self.options = preprocessing, options
        self.fit, self.normalise = fit, normalise
        given = [with_channels(image, preprocessing.channels) for image in images]
        called = names or [f"image {number}" for number in range(1, len(given) + 1)]
        self.names = [
            f"{name} ({image.shape[0]} x {image.shape[1]})"
            for name, image in zip(called, given, strict=True)
        ]
        self.images = len(given)
        self.batches = [np.stack([image]) for image in given]
        if "batch" in options.dynamic:
            smallest = min(range(len(given)), key=lambda index: given[index].size)
            image = given[smallest]
            self.batches.append(np.stack([image, image[:, ::-1], image[::-1]]))
            self.names.append(f"a batch of {self.names[smallest]} and its mirror images")
        #: What evaluation makes of them, uint8 (N, height, width, C).
        self.fitted = [
            np.stack([preprocessing.fit_image(image) for image in batch]) for batch in self.batches
        ]
        self.right = self._answers(self.fitted)

    def verify(self, model: bytes, weights: Sequence[str]) -> Verified:
        """Compare the serialised `model`, whose inputs `weights` are the network's, with PyTorch.

        Raises:
            ExportError: it does something else.
        """
        with ThreadPoolExecutor(len(ENGINES)) as pool:  # the engines let go of Python's lock
            found = pool.map(lambda engine: self._in(engine, model, weights), ENGINES)
            runtime, openvino = found
        levels = [each.levels for each in (runtime, openvino) if each.levels is not None]
        return Verified(
            images=self.images,
            onnxruntime=runtime.network,
            openvino=openvino.network,
            pipeline=max(runtime.pipeline, openvino.pipeline) if self.normalise else None,
            pixel_levels=max(levels, default=None),
        )

    def _in(self, engine: str, model: bytes, weights: Sequence[str]) -> _Found:
        """What one engine makes of it."""
        state = self.classifier.network.state_dict() if weights else {}
        more = {name: state[name].numpy() for name in weights}
        feeds = [{**more, self.options.input_name: fed} for fed in self._fed()]
        answers = run_in(engine, model, feeds)
        pipeline = max(map(difference, answers, self.right))
        levels, expected = None, self.right
        # OpenVINO takes long to start, and where its probabilities are right, so are its pixels.
        if self.fit and (engine == PIXELS_IN or not pipeline <= TOLERANCE):
            levels, seen = self._pixels(engine)
            expected = self._answers(seen) if levels else self.right
        network = check_network(engine, self.names, answers, expected)
        check_classes(engine, self.names, answers, self.right)
        return _Found(network, pipeline, levels)

    def _pixels(self, engine: str) -> tuple[float, list[Pixels]]:
        """How far the pixels that the graph makes are from Pillow's, and these pixels."""
        alone = fit_alone(self.preprocessing, self.options.opset).SerializeToString()
        seen = run_in(engine, alone, [{"image": batch} for batch in self.batches])
        return check_pixels(engine, self.names, seen, self.fitted), seen

    def _fed(self) -> Sequence[NDArray[np.generic]]:
        """What a person gives to the graph."""
        if self.fit:
            return self.batches
        if self.normalise:
            return self.fitted
        return [self._normalised(each).contiguous().numpy() for each in self.fitted]

    def _normalised(self, fitted: Pixels) -> Tensor:
        return self.preprocessing.normalise(torch.from_numpy(fitted))

    def _answers(self, fitted: Sequence[Pixels]) -> list[Probabilities]:
        """PyTorch's probabilities, (N, classes) for each batch."""
        ready = torch.cat([self._normalised(each) for each in fitted])
        with torch.inference_mode():
            parts = [self.classifier(part) for part in torch.split(ready, TOGETHER)]
        counts = np.cumsum([len(each) for each in fitted])[:-1]
        return list(np.split(torch.cat(parts).numpy(), counts))


@dataclass(frozen=True)
class _Found:
    network: float
    pipeline: float
    levels: float | None
