"""A network that gives its answers and, in the same forward, what its classifier sees."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from striate.anatomy.embedding import find_embedding
from striate.anatomy.graph.record import record
from striate.engines.probabilities import Probabilities
from striate.engines.values import Values
from striate.hub.surgery import Transferred


class WithEmbedding(nn.Module):
    """A network with what makes answers of its outputs, and each image's embedding beside that.

    The embedding is what the last layer with weights is given (of a classifier that looks at every
    position of a map, the mean over these); of a network whose classes come from a layer of another
    kind, what its own `embed` gives.

    Args:
        answering: the network with the softmax, or the way back to units, behind it.
        input_size: (channels, height, width) of its images.

    Attributes:
        size: numbers of an embedding, D.

    Raises:
        NetworkError: no layer of the network makes its classes.
    """

    def __init__(self, answering: Probabilities | Values, input_size: tuple[int, int, int]) -> None:
        super().__init__()
        self.answering = answering
        self._layer = _classifier(answering.network, input_size)
        device = next((each.device for each in answering.parameters()), None)
        with torch.inference_mode():
            self.size = self._embedded(torch.zeros(1, *input_size, device=device))[1].shape[1]

    def forward(self, image: Tensor) -> Tensor:
        """Map normalised images (N, C, H, W) to answers and embedding, (N, K + D)."""
        outputs, embedding = self._embedded(image)
        return torch.cat([self.answering.answers(outputs), embedding], dim=1)

    def _embedded(self, image: Tensor) -> tuple[Tensor, Tensor]:
        network = self.answering.network
        if isinstance(network, Transferred):
            embedding = network.embed(image)
            logits: Tensor = network.head(embedding)
            return logits, embedding
        if self._layer is None:
            embedding = network.embed(image)  # type: ignore[operator]
            return network(image), embedding
        seen: list[Tensor] = []

        def keep(_layer: nn.Module, inputs: tuple[Any, ...]) -> None:
            seen.append(inputs[0])

        handle = self._layer.register_forward_pre_hook(keep)
        try:
            logits = network(image)
        finally:
            handle.remove()
        x = seen[-1]
        positions = isinstance(self._layer, nn.Conv2d)
        axes = range(2, x.ndim) if positions else range(1, x.ndim - 1)
        return logits, x.mean(tuple(axes)) if len(axes) else x


def _classifier(network: nn.Module, input_size: tuple[int, int, int]) -> nn.Module | None:
    """The layer of `network` that makes the classes; None where only its own `embed` knows."""
    if isinstance(network, Transferred):
        return None
    graph = record(network, torch.empty(1, *input_size, device="meta"))
    layer = network.get_submodule(find_embedding(graph).layer)
    linear = isinstance(layer, nn.Linear) or (
        isinstance(layer, nn.Conv2d) and layer.kernel_size == (1, 1)
    )
    return layer if linear or not hasattr(network, "embed") else None
