"""How the weights of other libraries' networks are renamed to those of ours that equal them.

Each library has a file of its own for that (`from_torchvision`, `from_timm`); what several share is
here. `NAMESAKES` says which networks of ours look like a library's but compute something else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

#: (pattern, replacement) for `re.sub`, all tried in order on every name.
Rules = tuple[tuple[str, str], ...]
Value = TypeVar("Value")


@dataclass(frozen=True, kw_only=True)
class Counterpart:
    """A network of another library that equals one of ours.

    Attributes:
        name: what the library calls it; for timm with the tag of the weights,
            ``inception_v4.tf_in1k``.
        rules: from its names to ours.
        heads: pattern, after renaming, of auxiliary heads that its weights hold and our network may
            be created without.
    """

    name: str
    rules: Rules = ()
    heads: str = ""


RESNET: Rules = (
    (r"^layer1\.", "conv2_x."),
    (r"^layer2\.", "conv3_x."),
    (r"^layer3\.", "conv4_x."),
    (r"^layer4\.", "conv5_x."),
    (r"\.downsample\.", ".shortcut."),
)

# torchvision and timm name Inception v3's weights alike.
INCEPTION_V3: Rules = (
    (r"^Conv2d_(\d\w)_\dx\d\.", r"conv_\1."),
    (r"^AuxLogits\.conv1\.", "aux.conv2."),
    (r"^AuxLogits\.conv0\.", "aux.conv1."),
    (r"^AuxLogits\.", "aux."),
    (r"\.branch_pool\.", ".branchpool.1."),
    (r"^Mixed_(\d\w)\.branch", r"mixed_\1.branches."),
    (r"\.(\dx\d)dbl", r".double\1"),
    (r"\.7x7x3_", ".7x7_"),
    *(
        (rf"(?<=x3)_{index + 1}{letter}\.", f".{index}.branches.{kernel}.")
        for index in (1, 2)
        for letter, kernel in (("a", "1x3"), ("b", "3x1"))
    ),
    *((rf"(?<=x\d)_{index + 1}\.", f".{index}.") for index in range(5)),
)

#: Networks whose namesakes elsewhere follow another convention: the variant that equals those, and
#: what they do.
NAMESAKES: dict[str, tuple[str, str]] = {
    "alexnet": ("alexnet_owt", "one tower without groups or normalisation"),
    "googlenet": ("googlenet_bn", "batch normalisation and 3×3 for 5×5"),
    "inception_resnet_v2_figures": ("inception_resnet_v2", "twice the blocks on another stem"),
    "xception": ("xception_timm", "pools padded on both sides and batch norm's epsilon at 1e-5"),
    "resnet50": ("resnet50_v1_5", "the stride in the 3×3 convolution"),
    "resnet101": ("resnet101_v1_5", "the stride in the 3×3 convolution"),
    "resnet152": ("resnet152_v1_5", "the stride in the 3×3 convolution"),
    "se_resnet50": ("se_resnet50_v1_5", "the stride in the 3×3 convolution"),
    "darknet53": ("darknet53_timm", "leaky ReLU with a slope of 0.01"),
    "cspdarknet53": ("cspdarknet53_timm", "leaky ReLU with a slope of 0.01"),
}


def renamed(weights: Mapping[str, Value], rules: Rules) -> dict[str, Value]:
    """`weights` under the names that `rules` make of theirs."""
    compiled = [(re.compile(pattern), replacement) for pattern, replacement in rules]

    def rename(name: str) -> str:
        for pattern, replacement in compiled:
            name = pattern.sub(replacement, name)
        return name

    return {rename(name): value for name, value in weights.items()}
