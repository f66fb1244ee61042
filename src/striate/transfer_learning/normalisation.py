"""Whether weights were trained on images normalised as their source declares.

A file of weights does not record what its images went through; what its library declares is the
best guess. The wrong guess costs accuracy unnoticed. The first batch norm shows it: it keeps
the variance that its inputs had in training, and a normalisation that stretches colours twice as
far gives four times that. Photographs are not needed for the comparison, since what a first
convolution makes of them depends, in the mean, on their spectrum alone: amplitudes fall with the
frequency (Field 1987, Relations between the statistics of natural images and the response
properties of cortical cells, J. Opt. Soc. Am. A 4(12)).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from striate.data.preprocessing import Preprocessing

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
HALF = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))  # to the range from -1 to 1

# Logarithms of variances: normalisations by 0.5 and by 0.225 are 1.6 apart, and the images made
# here are off by up to 0.5.
_CONTRADICTED = 0.8
_BETTER = 0.5
_IMAGES = 4
_GREY = 0.93  # share of the variance of ImageNet's colours that all three channels have in common


def contradicted(network: nn.Module, declared: Preprocessing) -> Preprocessing | None:
    """`declared` with the usual normalisation that `network`'s weights fit instead.

    None where the weights do not contradict it, or cannot tell: without batch norm, with grey
    images.
    """
    if declared.channels != 3:
        return None
    images = _photographs(declared.height, declared.width)
    given = _gap(network, declared, images)
    if given is None or abs(given) < _CONTRADICTED:
        return None
    others = [replace(declared, mean=mean, std=std) for mean, std in (IMAGENET, HALF)]
    gaps = [abs(_gap(network, other, images) or 0.0) for other in others]  # none is None now
    best = int(np.argmin(gaps))
    return others[best] if gaps[best] < abs(given) - _BETTER else None


class _Seen(Exception):  # noqa: N818 - no error: it ends a forward that has shown enough
    def __init__(self, gap: float) -> None:
        self.gap = gap


def _gap(network: nn.Module, preprocessing: Preprocessing, images: Tensor) -> float | None:
    """Logarithm of the variance that the first batch norm sees over the one it was trained with."""

    def look(layer: Any, inputs: Any) -> None:
        if isinstance(layer.running_var, Tensor):
            seen = inputs[0].var((0, 2, 3)) / (layer.running_var + layer.eps)
            raise _Seen(float(seen.clamp_min(1e-12).log().median()))

    layers = [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)]
    handles = [layer.register_forward_pre_hook(look) for layer in layers]
    try:
        with torch.inference_mode():
            network(preprocessing.normalise(images))
    except _Seen as seen:
        return seen.gap
    finally:
        for handle in handles:
            handle.remove()
    return None


def _photographs(height: int, width: int) -> Tensor:
    """Noise with the colours and the spectrum of photographs: uint8 (n, height, width, 3)."""
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    frequency[0, 0] = 1 / max(height, width)
    noise = np.random.default_rng(0).standard_normal((_IMAGES, 4, height, width))
    fields = np.fft.irfft2(np.fft.rfft2(noise) / frequency, (height, width))
    fields /= fields.std((0, 2, 3), keepdims=True)
    grey, colours = fields[:, :1], fields[:, 1:]
    mixed = np.sqrt(_GREY) * grey + np.sqrt(1 - _GREY) * colours
    mean, std = (np.array(values)[:, None, None] for values in IMAGENET)
    pixels = np.clip(255 * (mean + std * mixed), 0, 255).astype(np.uint8)
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(0, 2, 3, 1)))
