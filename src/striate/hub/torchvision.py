"""torchvision's networks, weights, and what it says of them."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from striate.errors import NetworkError
from striate.hub.from_torchvision import COUNTERPARTS
from striate.hub.library import Library
from striate.support.text import printable
from striate.zoo.published import IMAGENET, Figure

if TYPE_CHECKING:
    from torch import nn

    from striate.hub.conversion import Counterpart

#: Its weights for these were trained on images from -1 to 1, which its networks make of what its
#: transforms give, but only if told so; here the pre-processing does it.
_RESCALING = ("googlenet", "inception_v3")

#: What its networks with auxiliary heads call these among the tensors' names.
_HEADS = {"googlenet": r"^aux\d\.", "inception_v3": r"^AuxLogits\."}


class Torchvision(Library):
    """torchvision, which is always installed."""

    name: ClassVar[str] = "torchvision"
    package: ClassVar[str] = "torchvision"
    harmless: ClassVar[frozenset[str]] = frozenset(
        ("aux_logits", "dropout", "image_size", "stochastic_depth_prob", "width_mult")
    )
    counterparts: Mapping[str, Counterpart] = COUNTERPARTS

    def names(self) -> Sequence[str]:
        """All that it has a constructor for, those for films and objects too."""
        from torchvision import models

        return list(models.list_models())

    def check(self, name: str) -> None:
        """Refuse what it does not have, and networks that take no image to give one answer."""
        from torchvision import models

        super().check(name)
        for module, why in (
            (models.detection, "finds objects, and what it computes hangs on what it finds"),
            (models.video, "takes films, not images"),
        ):
            if name in models.list_models(module=module):
                what = f"network 'torchvision:{printable(name)}'"
                raise NetworkError(what, why, "name a network for images")

    def build(
        self,
        name: str,
        *,
        classes: int | None = None,
        in_channels: int | None = None,
        options: Mapping[str, Any],
    ) -> nn.Module:
        """See `striate.hub.library.Library.build`; its networks take colour images."""
        from torchvision import models

        from striate.hub.first_layer import COLOURS

        if in_channels not in (None, COLOURS):
            raise NetworkError(
                f"in_channels {in_channels}", "torchvision's networks take colour images", ""
            )
        given = dict(options)
        if classes is not None:
            given["num_classes"] = classes
        if "weights_backbone" in inspect.signature(models.get_model_builder(name)).parameters:
            given["weights_backbone"] = None
        if name in {"googlenet", "inception_v3"}:
            given["init_weights"] = False  # minutes of SciPy's, and a warning
        network: nn.Module = models.get_model(name, weights=None, **given)
        return network

    def for_training(self, name: str) -> Mapping[str, Any]:
        """Without auxiliary heads, which give further outputs."""
        return {"aux_logits": False} if name in _HEADS else {}

    def heads(self, name: str) -> str:
        """Pattern of the auxiliary heads among the tensors of its weights for `name`."""
        return _HEADS.get(name, "")

    def input_shape(self, network: nn.Module) -> tuple[int, ...] | None:
        """As vision transformers note it; 299 pixels for Inception v3."""
        from striate.hub.first_layer import image_channels

        if not type(network).__module__.startswith("torchvision.models"):
            return None
        side = getattr(network, "image_size", None)
        if type(network).__name__ == "Inception3":
            side = 299
        return (image_channels(network), side, side) if isinstance(side, int) else None

    def fetch(self, name: str) -> tuple[Path, str]:
        """See `striate.hub.library.Library.fetch`."""
        from striate.hub.downloads import download

        weights = _weights(name)
        url, label = weights.url, f"torchvision {name} {weights.name}"
        return download(url, url.rpartition("/")[2], label), label

    def preprocessing(self, name: str) -> dict[str, Any]:
        """Its transforms, with what its network would do of them by itself."""
        preset = _weights(name).transforms()
        rescaled = name in _RESCALING
        return described(
            side=preset.crop_size[0],
            resize=preset.resize_size[0],
            interpolation=preset.interpolation.value,
            mean=(0.5, 0.5, 0.5) if rescaled else preset.mean,
            std=(0.5, 0.5, 0.5) if rescaled else preset.std,
        )

    def classes(self, name: str) -> tuple[str, ...]:
        """The thousand of ILSVRC, which all its weights for classifying images have."""
        return imagenet_classes()

    def figures(self, name: str) -> tuple[Figure, ...]:
        """What it says about each of its weights for a network."""
        from torchvision import models

        if name not in models.list_models():
            return ()
        found = []
        for weights in models.get_model_weights(name):
            metrics = weights.meta.get("_metrics", {}).get("ImageNet-1K")
            if metrics is None:
                continue
            found.append(
                Figure(
                    data=IMAGENET,
                    top1=round(1 - metrics["acc@1"] / 100, 5),
                    top5=round(1 - metrics["acc@5"] / 100, 5),
                    crops="1 crop",
                    source=f"torchvision's {weights.name}",
                    confidence="read",
                )
            )
        return tuple(found)


def _weights(name: str) -> Any:
    """The best of its weights for a network."""
    from torchvision.models import get_model_weights

    return get_model_weights(name)["DEFAULT"]


def imagenet_classes() -> tuple[str, ...]:
    """The thousand classes of ILSVRC in their order, in which all weights have them."""
    from torchvision.models import ResNet18_Weights

    return tuple(ResNet18_Weights.IMAGENET1K_V1.meta["categories"])


def described(
    *, side: int, resize: int, interpolation: str, mean: Sequence[float], std: Sequence[float]
) -> dict[str, Any]:
    """A centre crop of colour images, as `striate.data.preprocessing.Preprocessing.to_dict`."""
    return {
        "fit": "crop",
        "resize": resize,
        "height": side,
        "width": side,
        "channels": 3,
        "fill": 0,
        "interpolation": interpolation,
        "mean": list(mean),
        "std": list(std),
    }
