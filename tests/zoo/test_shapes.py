"""Parameters, multiply-accumulates, and the shapes that the comments in the code claim."""

import inspect
import re

import pytest
import torch
from torch import Tensor, nn

from striate.zoo.catalogue import Entry, entries, entry
from striate.zoo.create import NETWORKS, create
from striate.zoo.generate import count_macs, count_parameters, describe

# Parameters (auxiliary heads included), multiply-accumulates of one image of the paper's size.
COUNTS = {
    "lenet": (61_706, 416_520),
    "lenet5": (60_000, 325_680),
    "alexnet": (60_965_224, 724_406_816),
    "alexnet_owt": (61_100_840, 714_188_480),
    "alexnet_half": (14_591_685, 309_154_064),
    "vgg11": (132_863_336, 7_609_090_048),
    "vgg13": (133_047_848, 11_308_466_176),
    "vgg16": (138_357_544, 15_470_264_320),
    "vgg19": (143_667_240, 19_632_062_464),
    "vgg11_bn": (132_868_840, 7_609_090_048),
    "vgg13_bn": (133_053_736, 11_308_466_176),
    "vgg16_bn": (138_365_992, 15_470_264_320),
    "vgg19_bn": (143_678_248, 19_632_062_464),
    "googlenet": (13_378_280, 1_582_671_872),
    "googlenet_bn": (6_624_904, 1_498_376_192),
    "resnet18": (11_689_512, 1_814_073_344),
    "resnet34": (21_797_672, 3_663_761_408),
    "resnet50": (25_557_032, 3_857_973_248),
    "resnet101": (44_549_160, 7_570_194_432),
    "resnet152": (60_192_808, 11_282_415_616),
    "resnet50_v1_5": (25_557_032, 4_089_184_256),
    "resnet101_v1_5": (44_549_160, 7_801_405_440),
    "resnet152_v1_5": (60_192_808, 11_513_626_624),
    "resnet20": (269_722, 40_551_040),
    "resnet32": (464_154, 68_862_592),
    "resnet44": (658_586, 97_174_144),
    "resnet56": (853_018, 125_485_696),
    "resnet110": (1_727_962, 252_887_680),
}

VARIANTS = [
    ("googlenet", {"auxiliary": False}, 6_998_552, 1_582_671_872),
    ("googlenet_bn", {"auxiliary": True}, 13_004_888, 1_498_376_192),
    ("alexnet_half", {"classes": 1000}, 16_630_440, 311_191_824),
    ("resnet18", {"shortcut": "A"}, 11_515_688, 1_794_805_760),
    ("resnet18", {"shortcut": "C"}, 12_043_816, 1_878_298_624),
    ("resnet50", {"shortcut": "A"}, 22_780_456, 3_498_311_680),
    ("resnet50", {"shortcut": "C"}, 40_128_552, 6_324_224_000),
]

# The word that a comment uses for a network whose numbers differ from the first ones.
FORMS = {"alexnet_owt": "owt", "alexnet_half": "half"} | {
    name: "bottleneck" for name in NETWORKS if re.match(r"resnet(50|101|152)", name)
}
STAGE = re.compile(r"self\.(\w+)\((?:.*)# (.*)$")


def on_meta(name: str, **variant: object) -> tuple[nn.Module, Tensor]:
    with torch.device("meta"):
        network = create(name, **variant).eval()
        return network, torch.empty(1, *network.input_size)


def claimed_shapes(network: nn.Module, form: str) -> dict[str, tuple[int, ...]]:
    """Read ``x = self.stage(x)  # 64×56×56, bottleneck 256×56×56`` in the network's methods."""
    source = inspect.getsource(type(network)).replace("self.bn1(", "(")
    claims = {}
    for line in source.splitlines():
        if found := STAGE.search(line):
            stage, comment = found.groups()
            if stage in ("embed", "features", "trunk"):
                continue
            texts = dict.fromkeys(("", form), "")
            for part in comment.split(", "):
                word, _, shape = part.rpartition(" ")
                texts[word] = shape
            claims[stage] = tuple(int(size) for size in (texts[form] or texts[""]).split("×"))
    return claims


def test_the_catalogue_has_the_published_counts() -> None:
    assert {one.name: (one.parameters, one.macs) for one in entries()} == COUNTS


@pytest.mark.parametrize("name", NETWORKS)
def test_the_catalogue_is_what_the_networks_are(name: str) -> None:
    described = describe(name)
    assert Entry(**described | {"input": tuple(described["input"])}) == entry(name)


@pytest.mark.parametrize(("name", "variant", "parameters", "macs"), VARIANTS)
def test_counts_of_variants(name: str, variant: dict, parameters: int, macs: int) -> None:
    network, image = on_meta(name, **variant)
    assert (count_parameters(network), count_macs(network, image)) == (parameters, macs)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_comments_tell_the_shape_after_every_stage(name: str) -> None:
    network, image = on_meta(name)
    claims = claimed_shapes(network, FORMS.get(name, ""))
    seen: dict[str, tuple[int, ...]] = {}

    def note(stage: str):
        return lambda _module, _inputs, output: seen.update({stage: tuple(output.shape[1:])})

    for stage, module in network.named_children():
        if stage in claims or not isinstance(module, nn.Dropout | nn.BatchNorm2d):
            module.register_forward_hook(note(stage))
    network(image)
    assert len(seen) >= 6
    assert claims == seen


@pytest.mark.parametrize(
    ("name", "features", "embedding"),
    [
        ("lenet", (16, 5, 5), 84),
        ("lenet5", (120, 1, 1), 84),
        ("alexnet", (256, 6, 6), 4096),
        ("alexnet_owt", (256, 6, 6), 4096),
        ("alexnet_half", (128, 6, 6), 2048),
        ("vgg16", (512, 7, 7), 4096),
        ("googlenet", (1024, 7, 7), 1024),
        ("googlenet_bn", (1024, 7, 7), 1024),
        ("resnet18", (512, 7, 7), 512),
        ("resnet50", (2048, 7, 7), 2048),
        ("resnet20", (64, 8, 8), 64),
    ],
)
def test_features_and_embedding(name: str, features: tuple[int, int, int], embedding: int) -> None:
    network, image = on_meta(name, classes=3)
    image = torch.cat([image, image])
    assert network.features(image).shape == (2, *features)
    assert network.embed(image).shape == (2, embedding)
    assert network(image).shape == (2, 3)


@pytest.mark.parametrize("name", ["resnet18", "resnet20", "googlenet", "googlenet_bn", "vgg11"])
@pytest.mark.parametrize("size", [32, 100, 128])
def test_global_pooling_adapts_to_other_sizes(name: str, size: int) -> None:
    network, _ = on_meta(name, classes=7, in_channels=1)
    assert network(torch.empty(2, 1, size, size, device="meta")).shape == (2, 7)
