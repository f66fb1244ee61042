"""Which of our networks equal torchvision's, and how their weights are renamed."""

from __future__ import annotations

from striate.hub.conversion import INCEPTION_V3, RESNET, Counterpart, Rules

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

#: Our network -> torchvision's.
COUNTERPARTS: dict[str, Counterpart] = {
    "alexnet_owt": Counterpart(name="alexnet", rules=ALEXNET),
    **{
        f"vgg{depth}{bn}": Counterpart(
            name=f"vgg{depth}{bn}", rules=vgg(counts, batch_norm=bool(bn))
        )
        for bn in ("", "_bn")
        for depth, counts in _VGG.items()
    },
    "googlenet_bn": Counterpart(name="googlenet", rules=GOOGLENET, heads=r"^aux\d\."),
    "inception_v3": Counterpart(name="inception_v3", rules=INCEPTION_V3, heads=r"^aux\."),
    "resnet18": Counterpart(name="resnet18", rules=RESNET),
    "resnet34": Counterpart(name="resnet34", rules=RESNET),
    "resnet50_v1_5": Counterpart(name="resnet50", rules=RESNET),
    "resnet101_v1_5": Counterpart(name="resnet101", rules=RESNET),
    "resnet152_v1_5": Counterpart(name="resnet152", rules=RESNET),
}
