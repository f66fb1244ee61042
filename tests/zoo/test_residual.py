"""The residual family: variants, starts, capture, and what the papers say."""

import io

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from striate.anatomy.graph.record import record
from striate.anatomy.table import table
from striate.errors import NetworkError
from striate.zoo import cspdarknet, darknet, hrnet
from striate.zoo.attention import CBAM, SpatialGate, SqueezeExcitation
from striate.zoo.catalogue import entry
from striate.zoo.create import NETWORKS, choices, create
from striate.zoo.preact_resnet import CifarPreActResNet, PreActResNet
from striate.zoo.resnet import Form, ResNet
from striate.zoo.resnet_cifar import CifarResNet

from .references import count_parameters, counts  # type: ignore[import-not-found]

NAMES = (
    "plain18",
    "plain20",
    "preact_resnet110",
    "se_resnet50",
    "cbam_resnet50",
    "darknet53",
    "cspdarknet53",
    "hrnet_w18",
)


def on_meta(name: str, **variant: object) -> nn.Module:
    with torch.device("meta"):
        return create(name, **variant).eval()


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Darknet and HRNet have few layers."""
    monkeypatch.setattr(darknet, "TABLE_1", ((8, 1), (8, 1), (8, 1), (8, 1), (1024, 1)))
    row = (8, 8, 4, 1)
    monkeypatch.setattr(cspdarknet, "TABLE", (row, row, row, row, (1024, 8, 8, 1)))
    monkeypatch.setattr(hrnet, "MODULES", {2: 1, 3: 1, 4: 1})


@pytest.mark.parametrize(
    ("name", "variant", "parameters", "macs"),
    [
        # Option B: two projections, (16·32 + 32·64) weights and 2·(32 + 64) of batch norm.
        ("resnet20", {"shortcut": "B"}, 269_722 + 2_752, 40_551_040 + 262_144),
        ("resnet20", {"shortcut": "C"}, 269_722 + 2_752 + 11_488, 40_551_040 + 2_097_152),
        ("preact_resnet110", {"shortcut": "B"}, 1_727_962 + 2_560, 252_887_680 + 262_144),
        ("resnet50", {"attention": "se"}, 28_088_024, 3_860_488_192),
        ("resnet50_v1_5", {"attention": "cbam"}, 28_089_624, 4_095_573_110),
        ("resnet18", {"attention": "se"}, 11_689_512 + 89_080, 1_814_073_344 + 87_040),
    ],
)
def test_counts_of_variants(name: str, variant: dict, parameters: int, macs: int) -> None:
    network = on_meta(name, **variant)
    assert counts(network) == (parameters, macs)


# Channels, grid and number of the residual blocks at the papers' sizes; HRNet's of its stages' main
# branches by the modules' numbers, then its head's.
BLOCKS = {
    "darknet53": [(64, 128, 1), (128, 64, 2), (256, 32, 8), (512, 16, 8), (1024, 8, 4)],
    "cspdarknet53": [(64, 128, 1), (64, 64, 2), (128, 32, 8), (256, 16, 8), (512, 8, 4)],
    "hrnet_w18": [
        *((256, 56, 4), (18, 56, 4 + 16 + 12), (36, 28, 4 + 16 + 12), (72, 14, 16 + 12)),
        *((144, 7, 12), (128, 56, 1), (256, 28, 1), (512, 14, 1), (1024, 7, 1)),
    ],
}


@pytest.mark.parametrize("attention", ["se", "cbam"])
@pytest.mark.parametrize("name", BLOCKS)
def test_attention_stands_in_every_residual_block(name: str, attention: str) -> None:
    """Two dense layers, at 1/16 of the channels; CBAM's work twice, its 7×7 at each position."""
    dense = [(2 * c * (c // 16), c + c // 16, count) for c, _, count in BLOCKS[name]]
    parameters = sum((weights + biases) * count for weights, biases, count in dense)
    macs = sum(weights * count for weights, _, count in dense)
    if attention == "cbam":
        parameters += (98 + 2) * sum(count for _, _, count in BLOCKS[name])
        macs = 2 * macs + 98 * sum(grid**2 * count for _, grid, count in BLOCKS[name])
    plain, network = on_meta(name), on_meta(name, attention=attention)
    before = counts(plain)
    assert counts(network) == (before[0] + parameters, before[1] + macs)


def test_every_network_of_these_kinds_takes_attention_and_no_other() -> None:
    """By the constructors' names: what has it built in offers no choice of it."""
    kinds = ("resnet", "preact", "inception", "googlenet", "xception", "hrnet", "darknet", "csp")
    built_in = {"se_inception", "se_resnet50", "se_resnet50_v1_5", "cbam_resnet50"}
    taking = {name for name in NETWORKS if "attention" in choices(name)}
    assert taking == {name for name in NETWORKS if name.startswith(kinds)} - built_in


@pytest.mark.parametrize("depth", [20, 110])
def test_residual_networks_of_option_a_have_exactly_their_plain_ones_parameters(depth: int) -> None:
    plain, residual = on_meta(f"plain{depth}"), on_meta(f"resnet{depth}")
    assert list(plain.state_dict()) == list(residual.state_dict())


@pytest.mark.parametrize(
    ("name", "features"),
    [
        ("plain18", (512, 7, 7)),
        ("preact_resnet110", (64, 56, 56)),
        ("preact_resnet200", (2048, 7, 7)),
        ("se_resnet50", (2048, 7, 7)),
        ("darknet53", (1024, 7, 7)),
        ("cspdarknet53", (1024, 7, 7)),
    ],
)
def test_features_and_embedding_at_224(name: str, features: tuple[int, int, int]) -> None:
    network = on_meta(name, classes=3, in_channels=1)
    images = torch.empty(2, 1, 224, 224, device="meta")
    seen = network.features(images)
    assert seen.shape == (2, *features)
    assert network.embed(images).shape == (2, features[0])


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize("name", NAMES)
def test_any_size_will_do(name: str) -> None:
    network = on_meta(name, classes=7)
    for size in ((1, 1), (97, 50)):
        assert network(torch.empty(2, 3, *size, device="meta")).shape == (2, 7)


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("plain20", "CifarResNet"),
        ("preact_resnet110", "CifarPreActResNet"),
        ("preact_resnet200", "PreActResNet"),
        ("darknet53", "Darknet53"),
        ("cspdarknet53", "CSPDarknet53"),
        ("hrnet_w18", "HRNet"),
    ],
)
def test_other_channels_are_told_the_right_ones(name: str, title: str) -> None:
    with pytest.raises(NetworkError, match=rf"{title} takes \(N, 3, ≥1, ≥1\)"):
        on_meta(name)(torch.empty(1, 1, 32, 32, device="meta"))


@pytest.mark.parametrize(
    ("name", "variant", "message"),
    [
        ("resnet18", {"attention": "eca"}, "one of se, cbam, none here"),
        ("preact_resnet164", {"shortcut": "D"}, "one of A, B, C here"),
        ("cspdarknet53", {"activation": "relu"}, "one of leaky, mish here"),
        ("plain18", {"shortcut": "A"}, "no variants"),
        ("se_resnet50", {"attention": "cbam"}, "does not have it"),
    ],
)
def test_unknown_choices_are_refused(name: str, variant: dict, message: str) -> None:
    with pytest.raises(NetworkError, match=message):
        on_meta(name, **variant)


def test_attention_needs_as_many_channels_as_its_reduction() -> None:
    with pytest.raises(NetworkError, match="attention on 8 channels"):
        SqueezeExcitation(8)
    assert CBAM(8, reduction=4)(torch.ones(1, 8, 2, 2)).shape == (1, 8, 2, 2)


def test_squeeze_and_excitation_is_the_papers() -> None:
    block, x = SqueezeExcitation(32), torch.randn(2, 32, 5, 3)
    for parameter in block.parameters():
        nn.init.normal_(parameter, std=0.3)
    z = x.mean((2, 3))  # Eq. 2
    w1, w2 = block.fc1.weight[:, :, 0, 0], block.fc2.weight[:, :, 0, 0]
    s = torch.sigmoid(torch.relu(z @ w1.T + block.fc1.bias) @ w2.T + block.fc2.bias)  # Eq. 3
    torch.testing.assert_close(block(x), x * s[:, :, None, None])  # Eq. 4


def test_the_spatial_gate_weighs_positions_alike_in_all_channels() -> None:
    gate, x = SpatialGate().eval(), torch.rand(2, 6, 9, 9) + 0.5
    nn.init.normal_(gate.conv.weight)
    weights = gate(x) / x
    torch.testing.assert_close(weights, weights[:, :1].expand_as(weights))
    assert weights.std() > 0
    assert gate.bn.momentum == 0.01


def test_every_first_activation_is_shared_and_no_projection_is_normalised() -> None:
    """Appendix of the pre-activation paper; the authors' release."""
    network = on_meta("preact_resnet164")
    first = network.stage1[0]
    assert first.bn1 is None
    for stage in (network.stage1, network.stage2, network.stage3):
        assert [unit.shared for unit in stage] == [True] + [False] * 17
        assert isinstance(stage[0].shortcut, nn.Conv2d)
        assert all(isinstance(unit.shortcut, nn.Identity) for unit in stage[1:])
    assert (network.stage2[0].conv1.stride, network.stage2[0].conv2.stride) == ((2, 2), (1, 1))
    imagenet = on_meta("preact_resnet200").conv3_x[0]
    assert (imagenet.conv1.stride, imagenet.conv2.stride) == ((1, 1), (2, 2))


def test_identity_units_carry_the_signal_unchanged() -> None:
    """Eq. 4 of the pre-activation paper: without residuals the input arrives at every unit."""
    network = CifarPreActResNet((1, 4, 1), Form(shortcut="A"))
    for unit in network.stage2[1:]:
        nn.init.zeros_(unit.conv2.weight)
    x = torch.randn(2, 32, 8, 8)
    assert torch.equal(network.stage2[1:](x), x)


def test_mish_is_yolov4s_choice() -> None:
    torch.manual_seed(0)
    unit = darknet.Unit(3, 4, 3, slope=None).eval()
    nn.init.normal_(unit.conv.weight)
    x = torch.randn(2, 3, 5, 5)
    y = unit.bn(unit.conv(x))
    torch.testing.assert_close(unit(x), y * torch.tanh(F.softplus(y)))
    layers = on_meta("cspdarknet53", activation="mish").modules()
    assert {layer.slope for layer in layers if isinstance(layer, darknet.Unit)} == {None}


def test_darknets_slope_is_a_tenth_and_timms_a_hundredth() -> None:
    for name in ("darknet53", "cspdarknet53"):
        for suffix, slope in (("", 0.1), ("_timm", 0.01)):
            layers = on_meta(name + suffix).modules()
            assert {x.slope for x in layers if isinstance(x, darknet.Unit)} == {slope}


FORMS = {
    "plain": lambda: CifarResNet(1, Form(residual=False)),
    "se": lambda: CifarResNet(1, Form(shortcut="C", attention="se"), checkpointing=True),
    "cbam": lambda: ResNet((1, 1, 1, 1), Form(bottleneck=True, attention="cbam")),
    "preact": lambda: CifarPreActResNet((2, 1, 1), Form(bottleneck=True), checkpointing=True),
    "preact imagenet": lambda: PreActResNet(
        (1, 1, 1, 1), Form(bottleneck=True, stride_in_3x3=True)
    ),
    "darknet": darknet.darknet53,
    "cspdarknet": lambda: cspdarknet.cspdarknet53(activation="mish"),
    "hrnet": lambda: hrnet.HRNet(4),
}
LARGE = ("cbam", "cspdarknet", "darknet", "hrnet")


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize("form", FORMS)
def test_the_start_follows_the_seed_and_is_he_initialisation(form: str) -> None:
    starts = []
    for seed in (7, 7, 8):
        torch.manual_seed(seed)
        starts.append(FORMS[form]())
    first, second, other = (network.state_dict() for network in starts)
    for key, value in first.items():
        assert torch.equal(value, second[key]), key
    assert not all(torch.equal(value, other[key]) for key, value in first.items())
    for layer in starts[0].modules():
        if isinstance(layer, nn.BatchNorm2d):
            assert (layer.weight == 1).all()
            assert not layer.bias.any()
        if isinstance(layer, nn.Conv2d | nn.Linear) and layer.bias is not None:
            assert not layer.bias.any()
        if isinstance(layer, nn.Conv2d) and layer.weight.numel() > 5000:
            outputs, inputs, height, width = layer.weight.shape
            fan = (outputs if form == "hrnet" else inputs) * height * width
            assert float(layer.weight.detach().std()) == pytest.approx((2 / fan) ** 0.5, rel=0.1)
    assert float(starts[0].fc.weight.detach().std()) == pytest.approx(0.01, rel=0.15)


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize(
    "form",
    [pytest.param(form, marks=[pytest.mark.slow] * (form in LARGE)) for form in FORMS],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_captured_networks_take_any_batch(form: str) -> None:
    torch.manual_seed(0)
    network = FORMS[form]().eval()
    images, more = torch.randn(2, 3, 32, 32), torch.randn(3, 3, 32, 32)
    batch = torch.export.Dim("batch", min=1, max=64)
    exported = torch.export.export(network, (images,), dynamic_shapes=({0: batch},)).module()
    scripted = torch.jit.script(network)
    torch.jit.save(scripted, io.BytesIO())
    with torch.no_grad():
        expected = network(more)
        for captured in (exported, scripted):
            torch.testing.assert_close(captured(more), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "depth"),
    [
        ("preact_resnet164", 164),
        pytest.param("preact_resnet1001", 1001, marks=pytest.mark.slow),
        pytest.param("resnet1202", 1202, marks=pytest.mark.slow),
    ],
)
def test_the_deepest_networks_have_as_many_weight_layers_as_their_names_say(
    name: str, depth: int
) -> None:
    network = on_meta(name)
    totals = table(record(network, torch.empty(1, 3, 32, 32, device="meta"))).totals
    assert totals.depth == depth
    assert totals.parameters == totals.stored == count_parameters(network)
    assert totals.macs == entry(name).macs
