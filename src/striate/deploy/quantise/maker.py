"""Integer networks of one float network, from one calibration."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from striate.deploy.quantise import convert
from striate.deploy.quantise.graph import Layer
from striate.deploy.quantise.images import Chosen, Fitted
from striate.deploy.quantise.layer_errors import LayerError, layer_errors
from striate.deploy.quantise.measuring import open_network
from striate.deploy.quantise.ranking import Block, blocks, worst_first
from striate.engines.session import Answers, channels_first

if TYPE_CHECKING:
    import onnx

    from striate.engines.exported import ExportedFile

_BATCH = 8
_INSPECTED = 16
"""Images on which layers are looked at one by one."""


class Maker:
    """Makes integer networks of one float network, from one calibration.

    Args:
        network: prepared, float.
        layers: of it.
        file: that it is of.
        chosen: the images.
        workers: threads that read images.
        unit: in which differences of answers are measured, (K,) or one for all.

    Attributes:
        batch_size: the most images in a batch.
        errors: of every layer in integers of 8 bits, in their order.
    """

    def __init__(
        self,
        network: onnx.ModelProto,
        layers: Sequence[Layer],
        file: ExportedFile,
        chosen: Chosen,
        workers: int,
        *,
        unit: NDArray[np.float64],
    ) -> None:
        self._unit = unit
        self.batch_size = file.batch or _BATCH
        self._network, self._file, self._workers = network, file, workers
        self._layers = [layer.name for layer in layers]
        self._images = self.fitted(chosen.calibration)
        self._ranges = convert.ranges(network, map(channels_first, self._images))
        few = islice(self._images, -(-_INSPECTED // self.batch_size))
        self.errors: tuple[LayerError, ...] = layer_errors(
            network, self.converted(8, ()), layers, map(channels_first, few)
        )

    def fitted(self, images: Any) -> Fitted:
        """`images` as the network takes them."""
        return Fitted(
            images, self._file.preprocessing, batch_size=self.batch_size, workers=self._workers
        )

    def converted(self, bits: int, floats: Sequence[str]) -> onnx.ModelProto:
        """The network with weights of `bits`, but for the layers `floats`."""
        return convert.converted(self._network, self._ranges, bits=bits, floats=floats)

    def ranked(self, bits: int) -> list[Block]:
        """All layers in blocks, those in front that cost most with weights of `bits`."""
        floats = self._answers(self._network.SerializeToString())
        return worst_first(
            blocks(self._layers),
            floats,
            lambda block: self._answers(self.made(bits, block)),
            self._unit,
        )

    def _answers(self, graph: bytes) -> Answers:
        """What a network makes of the calibration images, which nothing is measured on."""
        shape = self._file.preprocessing.input_size
        with open_network(graph, "onnxruntime", shape, self.batch_size) as session:
            return np.concatenate(list(session.run(self._images)))

    def made(self, bits: int, floats: Sequence[str]) -> bytes:
        """The same, serialised."""
        content: bytes = self.converted(bits, floats).SerializeToString()
        return content
