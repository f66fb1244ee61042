"""Which of our networks equal timm's, and how their weights are renamed."""

from __future__ import annotations

from striate.hub.conversion import INCEPTION_V3, RESNET, Counterpart, Rules


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

#: Our network -> timm's, with the tag of its weights.
COUNTERPARTS: dict[str, Counterpart] = {
    # The only one whose weights include the auxiliary head.
    "inception_v3": Counterpart(name="inception_v3.tv_in1k", rules=INCEPTION_V3, heads=r"^aux\."),
    "inception_v4": Counterpart(name="inception_v4.tf_in1k", rules=INCEPTION_V4),
    "inception_resnet_v2": Counterpart(
        name="inception_resnet_v2.tf_in1k", rules=INCEPTION_RESNET_V2
    ),
    "xception_timm": Counterpart(name="legacy_xception.tf_in1k", rules=XCEPTION),
    "resnet18": Counterpart(name="resnet18.a1_in1k", rules=RESNET),
    "resnet34": Counterpart(name="resnet34.a1_in1k", rules=RESNET),
    "resnet50_v1_5": Counterpart(name="resnet50.a1_in1k", rules=RESNET),
    "resnet101_v1_5": Counterpart(name="resnet101.a1_in1k", rules=RESNET),
    "resnet152_v1_5": Counterpart(name="resnet152.a1_in1k", rules=RESNET),
    "se_resnet50_v1_5": Counterpart(name="seresnet50.ra2_in1k", rules=SE_RESNET),
    "hrnet_w18": Counterpart(name="hrnet_w18.ms_in1k", rules=HRNET),
    "hrnet_w32": Counterpart(name="hrnet_w32.ms_in1k", rules=HRNET),
    "hrnet_w48": Counterpart(name="hrnet_w48.ms_in1k", rules=HRNET),
    "darknet53_timm": Counterpart(name="darknet53.c2ns_in1k", rules=DARKNET),
    "cspdarknet53_timm": Counterpart(name="cspdarknet53.ra_in1k", rules=DARKNET),
}
