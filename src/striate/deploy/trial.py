"""What an exported graph must do before it becomes a file: the same as evaluation, in two engines.

Three things are held apart, since each has a tolerance of its own: the pixels that the graph makes
of an image (those of Pillow), the answers that the network gives for these very pixels
(PyTorch's, in float32), and those at the end of the run's own pipeline. Cut at its
seam, the graph must compute what it computes whole.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from striate.data.preprocessing import Preprocessing, with_channels
from striate.deploy.answering import Answering
from striate.deploy.cam.reference import heat_maps
from striate.deploy.decision import check_decisions
from striate.deploy.verify import (
    VERIFIED_IN,
    check_heat_maps,
    check_network,
    check_pixels,
    check_seam,
    run_in,
)
from striate.engines.capture import GraphOptions
from striate.engines.exported import DECISION
from striate.engines.heat_maps import OF_CLASS, grid_of, with_class, with_outputs
from striate.engines.onnx_bytes import read_onnx
from striate.engines.pytorch import PyTorchSession
from striate.engines.seam import cut
from striate.engines.session import Answers, Pixels, as_it_is, channels_first, normalised

HALVES_IN = "onnxruntime"  # the engine that computes the halves at the seam in any case


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
    """Largest differences found, but for `pixel_levels` of answers.

    That is of probabilities; or of values, in deviations of their targets.
    """

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
    answers left a doubt. None where nothing is fitted."""
    seam: float | None
    """Between the file whole and its two halves one after the other, in ONNX Runtime. None without
    pre-processing."""
    heat_maps: float | None
    """Between the file's heat maps, in either engine, and those by PyTorch's own gradients, as a
    part of the largest number in them. None without heat maps."""


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
        answering: Answering,
    ) -> None:
        self.network, self.answering = network, answering
        behind = answering.behind(network, temperature=answering.temperature)
        self.session = PyTorchSession(behind, preprocessing)
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
            self.names.append(f"a batch of {self.names[smallest]} and its flipped copies")
        #: What evaluation makes of them, uint8 (N, height, width, C).
        self.fitted = [
            np.stack([preprocessing.fit_image(image) for image in batch]) for batch in self.batches
        ]
        self.right = self._answers(self.fitted)

    def verify(
        self, model: bytes, weights: Sequence[str], threshold: float | None = None
    ) -> Verified:
        """Compare the serialised `model`, whose inputs `weights` are the network's, with PyTorch.

        With a `threshold`, its decisions are held against its probabilities as well.

        Raises:
            ExportError: it does something else.
        """
        with ThreadPoolExecutor(len(VERIFIED_IN)) as pool:  # the engines let go of Python's lock
            runtime, openvino = pool.map(
                lambda each: self._in(each, model, weights, threshold), VERIFIED_IN
            )
        found = (runtime, openvino)
        levels = [each.levels for each in found if each.levels is not None]
        return Verified(
            images=self.images,
            onnxruntime=runtime.network,
            openvino=openvino.network,
            pipeline=max(runtime.pipeline, openvino.pipeline) if self.normalise else None,
            pixel_levels=max(levels, default=None) if self.fit else None,
            seam=runtime.seam,
            heat_maps=self._heat_maps(model),
        )

    def _in(
        self, engine: str, model: bytes, names: Sequence[str], threshold: float | None
    ) -> _Found:
        """What one engine makes of it."""
        state = self.network.state_dict() if names else {}
        weights = {name: np.ascontiguousarray(state[name].numpy()) for name in names}
        given = self.batches if self.fit else self.fitted
        feed = as_it_is if self.normalise else normalised(self.preprocessing)
        answers = run_in(engine, model, given, feed=feed, weights=weights)
        yardstick = self.answering.yardstick
        pipeline = max(map(yardstick.difference, answers, self.right))
        levels, seam, expected = None, None, self.right
        # OpenVINO takes long to start, and where its answers are right, so are its pixels.
        if self.normalise and (engine == HALVES_IN or not pipeline <= yardstick.tolerance):
            before, network = cut(read_onnx(model))
            planes = run_in(engine, before, given)
            seen = [each.transpose(0, 2, 3, 1) for each in planes]
            levels = check_pixels(engine, self.names, seen, self.fitted)
            expected = self._answers(seen) if levels else self.right
            if engine == HALVES_IN:
                behind = run_in(engine, network, planes, weights=weights)
                seam = check_seam(engine, self.names, answers, behind, yardstick)
        found = check_network(engine, self.names, answers, expected, yardstick)
        self.answering.check_pipeline(engine, self.names, answers, self.right)
        if threshold is not None:
            graph = with_outputs(read_onnx(model), [DECISION])
            decided = run_in(engine, graph, given, feed=feed, weights=weights)
            check_decisions(engine, self.names, decided, answers, threshold)
        return _Found(found, pipeline, levels, seam)

    def _heat_maps(self, model: bytes) -> float | None:
        """How far the heat maps of `model` are from PyTorch's, for the class that is likeliest.

        Those behind the seam, of the very pixels that evaluation makes: what is in front of it is
        compared on its own.
        """
        grid = grid_of("the exported graph", read_onnx(model))
        if grid is None:
            return None
        label = int(np.concatenate(self.right).mean(0).argmax())
        graph, weights = with_class(cut(read_onnx(model))[1]), {OF_CLASS: np.array([label])}
        right = []
        for pixels in self.fitted:
            images = self.preprocessing.normalise(torch.from_numpy(pixels))
            # Those of the graph are of the logits as the softmax has them.
            right.append(heat_maps(self.network, images, label, grid) / self.answering.temperature)
        differences = []
        for engine in VERIFIED_IN:
            found = run_in(engine, graph, self.fitted, feed=channels_first, weights=weights)
            differences.append(check_heat_maps(engine, self.names, found, right))
        return max(differences)

    def _answers(self, fitted: Sequence[Pixels]) -> list[Answers]:
        """PyTorch's answers, (N, K) for each batch."""
        together, most = np.concatenate(fitted), self.session.batch_size
        batches = (together[first : first + most] for first in range(0, len(together), most))
        counts = np.cumsum([len(each) for each in fitted])[:-1]
        return list(np.split(np.concatenate(list(self.session.run(batches))), counts))


@dataclass(frozen=True)
class _Found:
    network: float
    pipeline: float
    levels: float | None
    seam: float | None
