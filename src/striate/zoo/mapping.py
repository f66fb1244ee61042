"""How other libraries name the weights of the networks that equal ours.

`ORIGINS` says, for a network of the catalogue and a library, under which name the library has that
network and how its weights are renamed: a list of (pattern, replacement) for `re.sub`, all tried in
order on every name. `OTHERS` says which networks look alike there but compute something else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeVar

Source = Literal["torchvision", "timm"]
Rules = tuple[tuple[str, str], ...]
Value = TypeVar("Value")


@dataclass(frozen=True, kw_only=True)
class Origin:
    """A network of another library that equals one of ours.

    Parameters
    ----------
    name: what the library calls it; for timm with the tag of the weights, ``inception_v4.tf_in1k``.
    rules: (pattern, replacement), in order, from its names to ours.
    heads: pattern, after renaming, of auxiliary heads that its weights hold and our network may be
        created without.
    transform_input: whether the library's network itself turns ImageNet's normalisation of the
        input into (image - 0.5) / 0.5, which ours leaves to the pre-processing.
    """

    name: str
    rules: Rules = ()
    heads: str = ""
    transform_input: bool = False


RESNET: Rules = (
    (r"^layer1\.", "conv2_x."),
    (r"^layer2\.", "conv3_x."),
    (r"^layer3\.", "conv4_x."),
    (r"^layer4\.", "conv5_x."),
    (r"\.downsample\.", ".shortcut."),
)

ALEXNET: Rules = (
    *((rf"^features\.{at}\.", f"conv{n}.") for n, at in enumerate((0, 3, 6, 8, 10), start=1)),
    *((rf"^classifier\.{at}\.", f"fc{n}.") for n, at in enumerate((1, 4, 6), start=6)),
)

GOOGLENET: Rules = (
    (r"^conv2\.", "conv2_reduce."),
    (r"^conv3\.", "conv2."),
    (r"^inception(\d.)\.", r"inception_\1."),
    (r"\.branch1\.", ".branch_1x1."),
    (r"\.branch2\.", ".branch_3x3."),
    (r"\.branch3\.", ".branch_5x5."),
    (r"\.branch4\.", ".branch_pool."),
)


def vgg(convolutions: tuple[int, int, int, int, int], *, batch_norm: bool = False) -> Rules:
    """Rules for a VGG of torchvision, which numbers the layers of all five stages through."""
    layers, found = 3 if batch_norm else 2, []
    position = 0
    for stage, count in enumerate(convolutions, start=1):
        for index in range(count * layers + 1):  # and the pool
            found.append((rf"^features\.{position}\.", f"conv{stage}.{index}."))
            position += 1
    dense = ((rf"^classifier\.{at}\.", f"fc{n}.") for n, at in enumerate((0, 3, 6), start=6))
    return (*found, *dense)


_VGG = {"11": (1, 1, 2, 2, 2), "13": (2, 2, 2, 2, 2), "16": (2, 2, 3, 3, 3), "19": (2, 2, 4, 4, 4)}

ORIGINS: dict[tuple[str, Source], Origin] = {
    ("alexnet_owt", "torchvision"): Origin(name="alexnet", rules=ALEXNET),
    **{
        (f"vgg{depth}{bn}", "torchvision"): Origin(
            name=f"vgg{depth}{bn}", rules=vgg(counts, batch_norm=bool(bn))
        )
        for bn in ("", "_bn")
        for depth, counts in _VGG.items()
    },
    ("googlenet_bn", "torchvision"): Origin(
        name="googlenet", rules=GOOGLENET, heads=r"^aux\d\.", transform_input=True
    ),
    ("resnet18", "torchvision"): Origin(name="resnet18", rules=RESNET),
    ("resnet34", "torchvision"): Origin(name="resnet34", rules=RESNET),
    ("resnet50_v1_5", "torchvision"): Origin(name="resnet50", rules=RESNET),
    ("resnet101_v1_5", "torchvision"): Origin(name="resnet101", rules=RESNET),
    ("resnet152_v1_5", "torchvision"): Origin(name="resnet152", rules=RESNET),
}

# Networks whose namesakes elsewhere follow another convention: the variant that equals those, and
# what they do.
OTHERS: dict[str, tuple[str, str]] = {
    "alexnet": ("alexnet_owt", "one tower without groups or normalisation"),
    "googlenet": ("googlenet_bn", "batch normalisation and 3×3 for 5×5"),
    "resnet50": ("resnet50_v1_5", "the stride in the 3×3 convolution"),
    "resnet101": ("resnet101_v1_5", "the stride in the 3×3 convolution"),
    "resnet152": ("resnet152_v1_5", "the stride in the 3×3 convolution"),
}


def renamed(weights: Mapping[str, Value], rules: Rules) -> dict[str, Value]:
    """`weights` under the names that `rules` make of theirs."""
    compiled = [(re.compile(pattern), replacement) for pattern, replacement in rules]

    def rename(name: str) -> str:
        for pattern, replacement in compiled:
            name = pattern.sub(replacement, name)
        return name

    return {rename(name): value for name, value in weights.items()}
