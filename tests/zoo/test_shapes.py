"""Parameters, multiply-accumulates, the shapes that the comments in the code claim, gradients."""

import importlib.util
import inspect
import re
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import Tensor, nn

from striate.zoo.catalogue import Entry, entries, entry
from striate.zoo.create import CONSTRUCTORS, NETWORKS, create
from striate.zoo.weightless import weightless

from .references import counts  # type: ignore[import-not-found]

# Parameters (auxiliary heads included), multiply-accumulates of one image of the paper's size.
COUNTS = {
    "lenet": (61_706, 416_520),
    "lenet5": (60_000, 325_680),
    "alexnet": (60_965_224, 724_406_816),
    "alexnet_owt": (61_100_840, 714_188_480),
    "alexnet_half": (14_591_685, 309_154_064),
    "zfnet": (62_357_608, 1_168_032_896),
    "nin": (7_595_176, 1_100_188_800),
    "nin_cifar": (966_986, 222_486_528),
    "vgg11": (132_863_336, 7_609_090_048),
    "vgg11_lrn": (132_863_336, 7_609_090_048),
    "vgg16_c": (133_638_952, 11_770_888_192),
    "vgg13": (133_047_848, 11_308_466_176),
    "vgg16": (138_357_544, 15_470_264_320),
    "vgg19": (143_667_240, 19_632_062_464),
    "vgg11_bn": (132_868_840, 7_609_090_048),
    "vgg13_bn": (133_053_736, 11_308_466_176),
    "vgg16_bn": (138_365_992, 15_470_264_320),
    "vgg19_bn": (143_678_248, 19_632_062_464),
    "googlenet": (13_378_280, 1_582_671_872),
    "googlenet_bn": (6_624_904, 1_498_376_192),
    "googlenet_naive": (97_526_008, 12_568_061_056),
    "inception_v2": (11_285_224, 2_032_600_064),
    "inception_v3": (27_161_264, 5_713_216_096),
    "plain18": (11_515_688, 1_794_805_760),
    "plain34": (21_623_848, 3_644_493_824),
    "resnet18": (11_689_512, 1_814_073_344),
    "resnet34": (21_797_672, 3_663_761_408),
    "resnet50": (25_557_032, 3_857_973_248),
    "resnet101": (44_549_160, 7_570_194_432),
    "resnet152": (60_192_808, 11_282_415_616),
    "resnet50_v1_5": (25_557_032, 4_089_184_256),
    "resnet101_v1_5": (44_549_160, 7_801_405_440),
    "resnet152_v1_5": (60_192_808, 11_513_626_624),
    "plain20": (269_722, 40_551_040),
    "plain32": (464_154, 68_862_592),
    "plain44": (658_586, 97_174_144),
    "plain56": (853_018, 125_485_696),
    "plain110": (1_727_962, 252_887_680),
    "resnet20": (269_722, 40_551_040),
    "resnet32": (464_154, 68_862_592),
    "resnet44": (658_586, 97_174_144),
    "resnet56": (853_018, 125_485_696),
    "resnet110": (1_727_962, 252_887_680),
    "resnet1202": (19_421_274, 2_829_238_912),
    "preact_resnet110": (1_727_962, 252_887_680),
    "preact_resnet164": (1_703_258, 244_500_992),
    "preact_resnet1001": (10_327_706, 1_487_849_984),
    "preact_resnet200": (64_666_152, 15_007_481_856),
    "inception_v4": (42_679_816, 12_253_974_624),
    "inception_resnet_v1": (22_756_328, 6_206_361_696),
    "inception_resnet_v2": (55_843_464, 13_155_794_016),
    "inception_resnet_v2_figures": (32_433_928, 9_257_953_632),
    "xception": (22_855_952, 8_357_403_496),
    "xception_timm": (22_855_952, 8_357_403_496),
    "se_inception": (11_931_622, 2_033_239_424),
    "se_resnet50": (28_088_024, 3_860_488_192),
    "se_resnet50_v1_5": (28_088_024, 4_091_699_200),
    "darknet53": (41_609_928, 9_285_115_904),
    "darknet53_timm": (41_609_928, 9_285_115_904),
    "cbam_resnet50": (28_089_624, 4_095_573_110),
    "hrnet_w18": (21_299_004, 4_283_537_072),
    "hrnet_w32": (41_232_680, 8_921_133_056),
    "hrnet_w48": (77_469_864, 17_277_996_032),
    "cspdarknet53": (27_642_184, 6_533_652_480),
    "cspdarknet53_timm": (27_642_184, 6_533_652_480),
    "mnist_example": (1_199_882, 11_992_448),
    "yolov4": (64_363_101, 64_194_741_248),
    "yolov4_tiny": (6_056_606, 3_453_938_176),
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

# The word that a comment uses for a network whose numbers differ from the first ones; of HRNet the
# number that C stands for.
FORMS = {
    "alexnet_owt": "owt",
    "alexnet_half": "half",
    "googlenet_naive": "naive",
    "inception_resnet_v2": "v2",
    "inception_resnet_v2_figures": "figures",
    "hrnet_w18": "18",
    "hrnet_w32": "32",
    "hrnet_w48": "48",
} | {name: "bottleneck" for name in NETWORKS if re.search(r"resnet(50|101|152|164|1001)", name)}
STAGE = re.compile(r"self\.(\w+)\((?:.*)# (.*)$")


def on_meta(name: str, **variant: object) -> tuple[nn.Module, Tensor]:
    with weightless():
        network = create(name, **variant).eval()
    return network, torch.empty(1, *network.input_size, device="meta")


def read_shape(text: str, width: int) -> tuple:
    """Read ``64×56×56``; of several maps, ``C×56×56 + 2C×28×28``, a tuple of their shapes."""
    maps = tuple(
        tuple(int(n[:-1] or 1) * width if n[-1] == "C" else int(n) for n in part.split("×"))
        for part in text.split(" + ")
    )
    return maps if " + " in text else maps[0]


def claimed_shapes(network: nn.Module, form: str) -> dict[str, tuple]:
    """Read ``x = self.stage(x)  # 64×56×56, bottleneck 256×56×56`` in the network's methods."""
    own = [each for each in type(network).__mro__ if each.__module__ == type(network).__module__]
    source = re.sub(r"self\.bn\d\(", "(", "".join(map(inspect.getsource, own)))
    width = int(form) if form.isdigit() else 0
    claims = {}
    for line in source.splitlines():
        if found := STAGE.search(line):
            stage, comment = found.groups()
            if stage in ("embed", "features", "trunk"):
                continue
            texts = dict.fromkeys(("", form), "")
            for part in comment.split(", "):
                word, shape = re.match(r"(?:([a-z]\w*) )?(.+)", part).groups(default="")
                texts[word] = shape
            claims[stage] = read_shape(texts[form] or texts[""], width)
    return claims


def test_the_catalogue_has_the_published_counts() -> None:
    assert {one.name: (one.parameters, one.macs) for one in entries()} == COUNTS


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    path = Path(__file__).parents[2] / "tools" / "catalogue.py"
    spec = importlib.util.spec_from_file_location("catalogue", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", CONSTRUCTORS)
def test_the_catalogue_is_what_the_networks_are(name: str, tool: ModuleType) -> None:
    described = tool.describe(name)
    assert Entry(**described | {"input": tuple(described["input"])}) == entry(name)


@pytest.mark.parametrize(("name", "variant", "parameters", "macs"), VARIANTS)
def test_counts_of_variants(name: str, variant: dict, parameters: int, macs: int) -> None:
    network, _ = on_meta(name, **variant)
    assert counts(network) == (parameters, macs)


# Whose classes and stages shallower networks have as well.
DEEP = ("resnet1202", "preact_resnet1001")


@pytest.mark.parametrize("name", [name for name in NETWORKS if name not in DEEP])
def test_the_comments_tell_every_stages_shape_and_the_graph_reaches_every_parameter(
    name: str,
) -> None:
    network, image = on_meta(name)
    claims = claimed_shapes(network, FORMS.get(name, ""))
    seen: dict[str, tuple] = {}

    def note(stage: str):
        def shape(output: Tensor | list[Tensor]) -> tuple:
            return tuple(map(shape, output)) if isinstance(output, list) else output.shape[1:]

        return lambda _module, _inputs, output: seen.update({stage: shape(output)})

    for stage, module in network.named_children():
        if stage in claims or not isinstance(module, nn.Dropout | nn.BatchNorm2d):
            module.register_forward_hook(note(stage))
    network(image).sum().backward()
    assert len(seen) >= 6
    assert claims == seen
    # Auxiliary heads speak in training only.
    missed = [key for key, value in network.named_parameters() if value.grad is None]
    assert [key for key in missed if not key.startswith("aux")] == []


@pytest.mark.parametrize(
    ("name", "features", "embedding"),
    [
        ("lenet", (16, 5, 5), 84),
        ("lenet5", (120, 1, 1), 84),
        ("alexnet", (256, 6, 6), 4096),
        ("alexnet_owt", (256, 6, 6), 4096),
        ("alexnet_half", (128, 6, 6), 2048),
        ("zfnet", (256, 6, 6), 4096),
        ("nin", (1024, 6, 6), 1024),
        ("nin_cifar", (192, 8, 8), 192),
        ("vgg16", (512, 7, 7), 4096),
        ("googlenet", (1024, 7, 7), 1024),
        ("googlenet_bn", (1024, 7, 7), 1024),
        ("resnet18", (512, 7, 7), 512),
        ("resnet50", (2048, 7, 7), 2048),
        ("resnet20", (64, 8, 8), 64),
        ("mnist_example", (64, 12, 12), 128),
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
