"""A network without its classifier, and one with a new head in its place.

Both are plain modules that can be made again from the network and the path of its classifier, so
that a file of weights is all that has to be kept of them.
"""

from __future__ import annotations

from torch import Tensor, nn

from striate.errors import NetworkError


class Tap(nn.Module):
    """Stands where the classifier was: keeps what that would see, and gives zeros of its shape.

    The zeros let whatever follows the classifier (a softmax, a pooling) run as before. No weight is
    left, and nothing of what follows is in an exported graph, since its result is not used.
    """

    seen: Tensor | None

    def __init__(self, outputs: int, *, positions: bool) -> None:
        super().__init__()
        self.outputs = outputs
        self.positions = positions  # a 1×1 convolution, which classifies every position of a map
        self.seen = None

    def forward(self, x: Tensor) -> Tensor:
        """Keep `x`, (N, D, H, W) where `positions`, else (N, …, D)."""
        self.seen = x
        if self.positions:
            return x.new_zeros(x.shape[0], self.outputs, *x.shape[2:])
        return x.new_zeros(*x.shape[:-1], self.outputs)

    def take(self) -> Tensor:
        """Give what was kept as (N, D), the mean over positions where there are several."""
        x, self.seen = self.seen, None
        if x is None:
            raise NetworkError("the classifier", "was not reached by the network's forward")
        if self.positions:
            return x.mean(tuple(range(2, x.ndim)))
        return x.mean(tuple(range(1, x.ndim - 1))) if x.ndim > 2 else x


class Headless(nn.Module):
    """`network` without its classifier: maps images (N, C, H, W) to embeddings (N, D).

    The embedding is what the classifier would see; of a classifier that looks at every position of
    a map (Network in Network), the mean over these. The network itself is changed: its classifier
    is taken out, and its weights keep their names below ``network.``.

    Args:
        network: any that gives one prediction an image.
        classifier: path in `network` of the layer that makes the classes; empty to leave it in,
            which only a network of this package, with an `embed` of its own, allows.

    Raises:
        NetworkError: there is no such layer, or it is of a kind whose input is no embedding.
    """

    def __init__(self, network: nn.Module, classifier: str) -> None:
        super().__init__()
        self.network = network
        self.classifier = classifier
        # Our networks say themselves what their classifier sees, without auxiliary heads.
        self.embeds = type(network).__module__.startswith("striate.zoo.")
        if classifier or not self.embeds:
            modules = dict(network.named_modules())
            if not classifier or classifier not in modules:
                raise NetworkError(f"classifier '{classifier}'", "the network has no such layer")
            network.set_submodule(classifier, _tap(classifier, modules[classifier], self.embeds))

    @property
    def outputs(self) -> int:
        """How many values the layer gave that was taken out; 0 where none was."""
        tap = self.network.get_submodule(self.classifier)
        return tap.outputs if isinstance(tap, Tap) else 0

    def forward(self, x: Tensor) -> Tensor:
        """Map images (N, C, H, W) to embeddings (N, D)."""
        if self.embeds:
            embedding: Tensor = self.network.embed(x)  # type: ignore[operator]
            return embedding
        self.network(x)
        tap = self.network.get_submodule(self.classifier)
        assert isinstance(tap, Tap)
        return tap.take()


def _tap(path: str, layer: nn.Module, embeds: bool) -> nn.Module:
    """What replaces the classifying `layer`."""
    if isinstance(layer, nn.Linear):
        return Tap(layer.out_features, positions=False)
    if isinstance(layer, nn.Conv2d) and layer.kernel_size == (1, 1):
        return Tap(layer.out_channels, positions=True)
    if embeds:
        return nn.Identity()  # never called
    raise NetworkError(
        f"layer '{path}'",
        f"classifies, but is a {type(layer).__name__}, whose input is no embedding",
        "transfer needs a network that ends in a linear layer or a 1×1 convolution",
    )


class Transferred(nn.Module):
    """A backbone with a new head: maps images (N, C, H, W) to logits (N, classes)."""

    def __init__(self, backbone: Headless, head: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head

    def embed(self, x: Tensor) -> Tensor:
        """Give what the head sees, (N, D)."""
        embedding: Tensor = self.backbone(x)
        return embedding

    def forward(self, x: Tensor) -> Tensor:
        """Map images (N, C, H, W) to logits (N, classes)."""
        logits: Tensor = self.head(self.backbone(x))
        return logits
