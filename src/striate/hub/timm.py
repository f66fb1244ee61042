"""timm's networks, weights, and what it says of them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from striate.hub.from_timm import COUNTERPARTS
from striate.hub.library import Library
from striate.hub.torchvision import described, imagenet_classes

if TYPE_CHECKING:
    from torch import nn

    from striate.hub.conversion import Counterpart

#: A name with the tag of weights: nothing that its own resolution would take for an address, a
#: repository or a path.
_NAME = re.compile(r"\w+(\.\w+)?", re.ASCII)


class Timm(Library):
    """timm, where it is installed."""

    name: ClassVar[str] = "timm"
    package: ClassVar[str] = "timm"
    slow: ClassVar[bool] = True
    harmless: ClassVar[frozenset[str]] = frozenset(("drop_path_rate", "drop_rate", "img_size"))
    counterparts: Mapping[str, Counterpart] = COUNTERPARTS

    def names(self) -> Sequence[str]:
        """All of its networks, without the tags of weights."""
        if not self.installed():
            return []
        import timm

        return list(timm.list_models())

    def has(self, name: str) -> bool:
        """Whether it has a network called `name`, a tag after a full stop allowed."""
        if not _NAME.fullmatch(name) or not self.installed():
            return False
        import timm

        return bool(timm.is_model(name))

    def build(
        self,
        name: str,
        *,
        classes: int | None = None,
        in_channels: int | None = None,
        options: Mapping[str, Any],
    ) -> nn.Module:
        """See `striate.hub.library.Library.build`."""
        import timm

        given = dict(options)
        if classes is not None:
            given["num_classes"] = classes
        if in_channels is not None:
            given["in_chans"] = in_channels
        network: nn.Module = timm.create_model(name, pretrained=False, **given)
        return network

    def input_shape(self, network: nn.Module) -> tuple[int, ...] | None:
        """What a patch embedding was made for, or what the network's name was trained on."""
        from striate.hub.first_layer import image_channels, is_shape

        channels = image_channels(network)
        # What a patch embedding was made for outdoes what the weights of that name were trained on.
        side = getattr(getattr(network, "patch_embed", None), "img_size", None)
        if is_shape(side) and len(side) == 2:
            return (channels, *side)
        for attribute in ("pretrained_cfg", "default_cfg"):
            noted = getattr(network, attribute, None)
            given = noted.get("input_size") if isinstance(noted, Mapping) else None
            if is_shape(given):
                return (channels, *given[1:]) if len(given) == 3 else tuple(given)
        return None

    def fetch(self, name: str) -> tuple[Path, str]:
        """See `striate.hub.library.Library.fetch`."""
        from striate.hub.downloads import download

        config, label = _config(name), f"timm {name}"
        if not config.hf_hub_id:
            return download(config.url, config.url.rpartition("/")[2], label), label
        from huggingface_hub import hf_hub_url, try_to_load_from_cache

        file = config.hf_hub_filename or "model.safetensors"
        cached = try_to_load_from_cache(config.hf_hub_id, file)
        if isinstance(cached, str):
            return Path(cached), label
        # In one place with the others and under a name that tells: somebody may have to bring it.
        return download(hf_hub_url(config.hf_hub_id, file), f"{name}.safetensors", label), label

    def preprocessing(self, name: str) -> dict[str, Any] | None:
        """As its configuration has it, which the tag in `name` decides."""
        if not self.installed():
            return None
        config = _config(name)
        side = config.input_size[1]
        return described(
            side=side,
            resize=math.floor(side / config.crop_pct),
            interpolation=config.interpolation,
            mean=config.mean,
            std=config.std,
        )

    def classes(self, name: str) -> tuple[str, ...]:
        """The thousand of ILSVRC, which nearly all its weights have."""
        return imagenet_classes()


def _config(name: str) -> Any:
    import timm

    return timm.get_pretrained_cfg(name)
