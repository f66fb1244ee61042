"""What torchvision and timm say of their weights: where they are, what goes in, what comes out."""

from __future__ import annotations

import http.client
import math
import re
from pathlib import Path
from typing import Any

import torch

from striate.errors import WeightsError
from striate.zoo.mapping import Origin, Source


def has_timm() -> bool:
    """Whether timm is installed."""
    import importlib.util

    return importlib.util.find_spec("timm") is not None


def fetch(origin: Origin, source: Source) -> tuple[Path, str]:
    """The file with the library's weights, downloaded if need be, and what to call them."""
    if source == "torchvision":
        weights = _torchvision(origin)
        url, label = weights.url, f"torchvision {origin.name} {weights.name}"
        return _download(url, url.rpartition("/")[2], label), label
    config, label = _timm(origin), f"timm {origin.name}"
    if not config.hf_hub_id:
        return _download(config.url, config.url.rpartition("/")[2], label), label
    from huggingface_hub import hf_hub_url, try_to_load_from_cache

    file = config.hf_hub_filename or "model.safetensors"
    cached = try_to_load_from_cache(config.hf_hub_id, file)
    if isinstance(cached, str):
        return Path(cached), label
    # In one place with the others and under a name of its own: somebody may have to bring it.
    return _download(hf_hub_url(config.hf_hub_id, file), f"{origin.name}.safetensors", label), label


def _download(url: str, name: str, label: str) -> Path:
    """`url` as the file `name` in PyTorch's own cache; WeightsError where it cannot be had."""
    target = Path(torch.hub.get_dir()) / "checkpoints" / name
    if target.is_file():
        return target
    # torchvision's and timm's file names end in the beginning of their SHA-256.
    stamp = re.search(r"-([0-9a-f]{8,})\.pth$", name)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(
            url, str(target), hash_prefix=stamp[1] if stamp else None, progress=False
        )
    except (OSError, RuntimeError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise WeightsError(
            label,
            f"cannot be fetched ({reason})",
            f"put {url} at {target.resolve()}, or give its path to --weights",
        ) from None
    return target


def _torchvision(origin: Origin) -> Any:
    from torchvision.models import get_model_weights

    return get_model_weights(origin.name)["DEFAULT"]


def _timm(origin: Origin) -> Any:
    import timm

    return timm.get_pretrained_cfg(origin.name)


def imagenet_classes() -> tuple[str, ...]:
    """The thousand classes of ILSVRC in their order, which all these weights share."""
    from torchvision.models import ResNet18_Weights

    return tuple(ResNet18_Weights.IMAGENET1K_V1.meta["categories"])


def preprocessing_of(origin: Origin, source: Source) -> dict[str, Any] | None:
    """What the library does to an image before this network; None if timm is not installed."""
    if source == "torchvision":
        preset = _torchvision(origin).transforms()
        side, resize = preset.crop_size[0], preset.resize_size[0]
        interpolation, mean, std = preset.interpolation.value, preset.mean, preset.std
    elif has_timm():
        config = _timm(origin)
        side, resize = config.input_size[1], math.floor(config.input_size[1] / config.crop_pct)
        interpolation, mean, std = config.interpolation, config.mean, config.std
    else:
        return None
    if origin.transform_input:
        mean = std = (0.5, 0.5, 0.5)
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
