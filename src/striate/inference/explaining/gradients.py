"""Grad-CAM, and CAM where it is that, of a network in PyTorch: of a class's score, or of a value.

Selvaraju et al., "Grad-CAM", ICCV 2017, eq. 1 and 2 without the ReLU: the channels of the last
feature map, each weighted by how much a class's score rises with it, on average over the positions,
and added up. Where nothing but an average over the positions and a dense layer follows, that is CAM
(Zhou et al., "Learning Deep Features for Discriminative Localization", CVPR 2016, eq. 2) divided by
the number of positions: its numbers then add up to the score less its bias, and those of a value,
in its unit, to what makes it another one than an image would have in whose map there is nothing.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from striate.anatomy.graph.record import Graph, Node, record
from striate.anatomy.graph.recorder import Entry, Recorder
from striate.anatomy.graph.shadow import shadow, shared
from striate.anatomy.graph.shapes import Functions
from striate.engines.values import Values
from striate.errors import NetworkError
from striate.hub.heads import LinearSVMHead, RBFSVMHead
from striate.hub.surgery import Transferred
from striate.inference.explaining.explainer import Labels, NetworkMaps
from striate.inference.explaining.last_map import last_map

if TYPE_CHECKING:
    from striate.data.preprocessing import Preprocessing
    from striate.engines.heat_maps import Maps
    from striate.engines.session import Pixels
    from striate.support.progress import Progress


#: What holds a network is no part of a layer's name: `Transferred`, `Headless`.
_WRAPPED = re.compile(r"^backbone\.network\.")


class Scores(nn.Module):
    """What maps are of: logits of classes, an SVM's decision values, or values in their own units.

    The calibrated probabilities of an SVM are steps far from its border, where gradients vanish; a
    class's own rises with its decision value, so that a map of either has the same shape.

    Args:
        network: maps normalised images (N, C, H, W) to logits (N, classes), or to `Values`.
        temperature: by which logits are divided before the softmax.
    """

    def __init__(self, network: nn.Module, temperature: float = 1.0) -> None:
        super().__init__()
        self.network, self.temperature = network, temperature

    def forward(self, image: Tensor) -> Tensor:
        """Map normalised images (N, C, H, W) to scores (N, K)."""
        network = self.network
        if isinstance(network, Transferred) and isinstance(
            network.head, LinearSVMHead | RBFSVMHead
        ):
            return network.head.scores(network.embed(image))
        scores: Tensor = network(image)
        return scores if self.temperature == 1 else scores / self.temperature


class GradientMaps(NetworkMaps):
    """Heat maps from the gradients of a score, or of a value, at the last feature map.

    Args:
        network: maps normalised images (N, C, H, W) to logits (N, classes), or to `Values`.
        preprocessing: the network's.
        device: where `network` is.
        temperature: by which logits are divided before the softmax.

    Attributes:
        layer: what gives the last feature map.

    Raises:
        NetworkError: the network has no last feature map, see `last_map`.
    """

    def __init__(
        self,
        network: nn.Module,
        preprocessing: Preprocessing,
        device: torch.device,
        *,
        temperature: float = 1.0,
    ) -> None:
        self._scores = Scores(network, temperature)
        self._device = device
        shape = preprocessing.input_size
        inner = network.network if isinstance(network, Values) else network
        name = type(inner).__name__
        self._graph = record(self._scores, torch.empty(1, *shape, device="meta"), name=name)
        self._map = last_map(self._graph)
        within = "network.network." if isinstance(network, Values) else "network."
        super().__init__(
            method="cam" if self._map.averaged else "grad-cam",
            preprocessing=preprocessing,
            layer=_WRAPPED.sub("", self._map.name.removeprefix(within)),
            grid=self._map.grid,
            laid=self._map.laid,
        )

    def of(self, pixels: Pixels, labels: Labels, progress: Progress | None = None) -> Maps:
        """The maps of a batch, (n, h, w) of the grid; see `NetworkMaps.of`."""
        inputs = self.preprocessing.normalise(torch.from_numpy(pixels).to(self._device))
        copied = shadow(self._scores, shared, training=False)
        listener = _Listener(copied, self._graph, self._map.node)
        with torch.enable_grad(), Functions(), listener:
            # A leaf may not be written into, and layers may write into their input.
            image = inputs.contiguous(memory_format=torch.channels_last).requires_grad_().mul(1)
            scores = copied(listener.add_input(image))
            chosen = scores.gather(1, torch.tensor(labels, device=self._device)[:, None])
        if listener.seen is None:
            raise NetworkError(
                f"layer '{self.layer}'",
                "computes something else on images than on shapes",
                "explain it by occlusion",
            )
        (gradient,) = torch.autograd.grad(chosen.sum(), listener.seen)
        rows = self._map.axes
        (channels,) = {1, 2, 3} - set(rows) if gradient.ndim == 4 else (1,)
        weighted = gradient.mean(rows, keepdim=True) * listener.seen.detach()
        maps: Maps = weighted.sum(channels).float().cpu().numpy()
        return maps


class _Listener(Recorder):  # type: ignore[no-untyped-call]
    """Keeps the output of one node, with its way through autograd, as a network runs.

    The node is known by its place among those of the same operator in the same call of a module:
    autograd has operators of its own between them, which were not recorded.
    """

    def __init__(self, network: nn.Module, graph: Graph, wanted: int) -> None:
        super().__init__(network, values=True)
        node = graph.nodes[wanted]
        self._sign, self._shape = _sign(node), node.shape[1:]
        self._before = sum(_sign(each) == self._sign for each in graph.nodes[:wanted])
        self.seen = None

    seen: Tensor | None

    def _add(self, value: Tensor, entry: Entry) -> int:
        if _sign(entry) == self._sign:
            if self._before == 0 and entry.shape[1:] == self._shape:
                self.seen = value
            self._before -= 1
        return super()._add(value, entry)


def _sign(node: Node | Entry) -> tuple[str, str, int]:
    return node.operator, node.module, node.call
