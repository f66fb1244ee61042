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

    Args:
        name: what the library calls it; for timm with the tag of the weights,
            ``inception_v4.tf_in1k``.
        rules: (pattern, replacement), in order, from its names to ours.
        heads: pattern, after renaming, of auxiliary heads that its weights hold and our network may
            be created without.
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


def branches(theirs: str, ours: str, *names: str) -> Rules:
    """Rules from timm's numbered branches of the module `theirs` to the named ones of `ours`."""
    return tuple(
        (rf"^{theirs}\.branch{index}\.", f"{ours}.branches.{name}.")
        for index, name in enumerate(names)
    )


INCEPTION_V4: Rules = (
    *((rf"^features\.{at}\.(conv|bn)\.", rf"stem.conv{at + 1}.\1.") for at in range(3)),
    (r"^features\.3\.conv\.", "stem.mixed1.branches.3x3."),
    *branches(r"features\.4", "stem.mixed2", "3x3", "7x7"),
    (r"^features\.5\.conv\.", "stem.mixed3.branches.3x3."),
    *((rf"^features\.{6 + at}\.", f"inception_a.{at}.") for at in range(4)),
    (r"^features\.10\.", "reduction_a."),
    *((rf"^features\.{11 + at}\.", f"inception_b.{at}.") for at in range(7)),
    (r"^features\.18\.", "reduction_b."),
    *((rf"^features\.{19 + at}\.", f"inception_c.{at}.") for at in range(3)),
    *branches(r"(inception_a\.\d)", r"\1", "1x1", "3x3", "double3x3", "pool"),
    *branches("reduction_a", "reduction_a", "3x3", "double3x3"),
    *branches(r"(inception_b\.\d)", r"\1", "1x1", "7x7", "double7x7", "pool"),
    *branches("reduction_b", "reduction_b", "3x3", "7x7"),
    (r"\.branch0\.", ".branches.1x1."),
    (r"\.branch3\.", ".branches.pool."),
    (r"\.branch1_", ".branches.3x3."),
    (r"\.branch2_", ".branches.double3x3."),
    (r"\.(\d)a\.", r".\1.branches.1x3."),
    (r"\.(\d)b\.", r".\1.branches.3x1."),
    (r"^last_linear\.", "fc."),
)

INCEPTION_RESNET_V2: Rules = (
    *(
        (rf"^conv2d_{theirs}\.", f"stem.conv{at}.")
        for at, theirs in enumerate(("1a", "2a", "2b", "3b", "4a"), start=1)
    ),
    *branches("mixed_5b", "stem.mixed", "1x1", "5x5", "double3x3", "pool"),
    *branches("mixed_6a", "reduction_a", "3x3", "double3x3"),
    *branches("mixed_7a", "reduction_b", "3x3", "3x3b", "double3x3"),
    *branches(r"repeat\.(\d+)", r"inception_a.\1", "1x1", "3x3", "double3x3"),
    *branches(r"repeat_1\.(\d+)", r"inception_b.\1", "1x1", "7x7"),
    *branches(r"repeat_2\.(\d+)", r"inception_c.\1", "1x1", "3x3"),
    *branches("block8", "inception_c.9", "1x1", "3x3"),
    (r"^repeat\.(\d+)\.conv2d\.", r"inception_a.\1.conv."),
    (r"^repeat_1\.(\d+)\.conv2d\.", r"inception_b.\1.conv."),
    (r"^repeat_2\.(\d+)\.conv2d\.", r"inception_c.\1.conv."),
    (r"^block8\.conv2d\.", "inception_c.9.conv."),
    (r"^conv2d_7b\.", "conv."),
    (r"^classif\.", "fc."),
)

XCEPTION: Rules = (
    *((rf"^conv{at}\.", f"conv{at}.conv.") for at in (1, 2)),
    *((rf"^bn{at}\.", f"conv{at}.bn.") for at in (1, 2)),
    *((rf"^conv{2 + at}\.", f"separable{at}.0.") for at in (1, 2)),
    *((rf"^bn{2 + at}\.", f"separable{at}.0.bn.") for at in (1, 2)),
    # The first block lacks the ReLU that stands before the others' layers; batch norm is a layer of
    # its own there.
    *(
        (rf"^block1\.rep\.{theirs}\.", f"entry1.layers.{ours}.")
        for theirs, ours in (("0", "0"), ("1", "0.bn"), ("3", "2"), ("4", "2.bn"))
    ),
    *(
        (rf"\.rep\.{theirs}\.", f".layers.{ours}.")
        for theirs, ours in (
            ("1", "1"),
            ("2", "1.bn"),
            ("4", "3"),
            ("5", "3.bn"),
            ("7", "5"),
            ("8", "5.bn"),
        )
    ),
    *((rf"^block{at}\.", f"entry{at}.") for at in (1, 2, 3)),
    *((rf"^block{4 + at}\.", f"middle.{at}.") for at in range(8)),
    (r"^block12\.", "exit."),
    (r"\.conv1\.", ".depthwise."),
    (r"\.skip\.", ".shortcut.0."),
    (r"\.skipbn\.", ".shortcut.1."),
)


SE_RESNET: Rules = (*RESNET, (r"\.se\.", ".attention."))

HRNET: Rules = (
    (r"^layer1\.", "stage1."),
    (r"\.downsample\.", ".shortcut."),
    (r"^transition1\.0\.", "transition1.paths.0."),
    *((rf"^transition{at}\.{at}\.0\.", f"transition{at}.new.") for at in (1, 2, 3)),
    (r"^(stage[234])\.(\d)\.", r"\1.steps.\2."),
    (r"\.fuse_layers\.(\d)\.", r".fusions.\1.paths."),
    (r"^incre_modules\.(\d)\.0\.", r"head.raised.\1."),
    (r"^downsamp_modules\.", "head.down."),
    (r"^final_layer\.", "head.last."),
    (r"^classifier\.", "fc."),
)

DARKNET: Rules = (
    (r"^stem\.conv1\.", "conv0."),
    *((rf"^stages\.{at - 1}\.", f"stage{at}.") for at in range(1, 6)),
    (r"\.conv_down\.", ".down."),
    (r"\.conv_exp\.", ".split."),
    (r"\.conv_transition\.", ".union."),
    (r"\.conv_transition_b\.", ".transition."),
    (r"^head\.fc\.", "fc."),
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
    ("inception_v3", "torchvision"): Origin(
        name="inception_v3", rules=INCEPTION_V3, heads=r"^aux\.", transform_input=True
    ),
    # The only one of timm's whose weights include the auxiliary head.
    ("inception_v3", "timm"): Origin(
        name="inception_v3.tv_in1k", rules=INCEPTION_V3, heads=r"^aux\."
    ),
    ("inception_v4", "timm"): Origin(name="inception_v4.tf_in1k", rules=INCEPTION_V4),
    ("inception_resnet_v2", "timm"): Origin(
        name="inception_resnet_v2.tf_in1k", rules=INCEPTION_RESNET_V2
    ),
    ("xception_timm", "timm"): Origin(name="legacy_xception.tf_in1k", rules=XCEPTION),
    ("resnet18", "torchvision"): Origin(name="resnet18", rules=RESNET),
    ("resnet34", "torchvision"): Origin(name="resnet34", rules=RESNET),
    ("resnet50_v1_5", "torchvision"): Origin(name="resnet50", rules=RESNET),
    ("resnet101_v1_5", "torchvision"): Origin(name="resnet101", rules=RESNET),
    ("resnet152_v1_5", "torchvision"): Origin(name="resnet152", rules=RESNET),
    ("resnet18", "timm"): Origin(name="resnet18.a1_in1k", rules=RESNET),
    ("resnet34", "timm"): Origin(name="resnet34.a1_in1k", rules=RESNET),
    ("resnet50_v1_5", "timm"): Origin(name="resnet50.a1_in1k", rules=RESNET),
    ("resnet101_v1_5", "timm"): Origin(name="resnet101.a1_in1k", rules=RESNET),
    ("resnet152_v1_5", "timm"): Origin(name="resnet152.a1_in1k", rules=RESNET),
    ("se_resnet50_v1_5", "timm"): Origin(name="seresnet50.ra2_in1k", rules=SE_RESNET),
    ("hrnet_w18", "timm"): Origin(name="hrnet_w18.ms_in1k", rules=HRNET),
    ("hrnet_w32", "timm"): Origin(name="hrnet_w32.ms_in1k", rules=HRNET),
    ("hrnet_w48", "timm"): Origin(name="hrnet_w48.ms_in1k", rules=HRNET),
    ("darknet53_timm", "timm"): Origin(name="darknet53.c2ns_in1k", rules=DARKNET),
    ("cspdarknet53_timm", "timm"): Origin(name="cspdarknet53.ra_in1k", rules=DARKNET),
}

# Networks whose namesakes elsewhere follow another convention: the variant that equals those, and
# what they do.
OTHERS: dict[str, tuple[str, str]] = {
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
