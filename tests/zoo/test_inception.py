"""The Inception line: sizes, stems, attention, capture, and each one's own."""

import inspect
import io
import re

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from striate.errors import NetworkError
from striate.zoo.catalogue import entry
from striate.zoo.create import create
from striate.zoo.inception_resnet import InceptionResNet, Residual, StemV1, StemV2
from striate.zoo.inception_v4 import Stem
from striate.zoo.layers import MaxPoolSame

from .references import count_parameters, counts  # type: ignore[import-not-found]

# The smallest image of each; 7 for Xception's two unpadded convolutions.
LEAST = {
    "googlenet_naive": 32,
    "inception_v2": 1,
    "inception_v3": 75,
    "inception_v4": 75,
    "inception_resnet_v1": 75,
    "xception": 7,
    "xception_timm": 7,
}


def on_meta(name: str, **variant: object) -> nn.Module:
    with torch.device("meta"):
        return create(name, **variant).eval()


@pytest.mark.parametrize(
    ("name", "variant", "parameters", "macs"),
    [
        ("inception_v2", {"separable_stem": True}, 11_278_528, 1_948_605_440),
        ("inception_v3", {"auxiliary": False}, 23_834_568, 5_713_216_096),
        ("inception_v3", {"count_padding": False}, 27_161_264, 5_713_216_096),
        ("inception_v2", {"attention": "se"}, 11_931_622, 2_033_239_424),
    ],
)
def test_counts_of_variants(name: str, variant: dict, parameters: int, macs: int) -> None:
    network = on_meta(name, **variant)
    assert counts(network) == (parameters, macs)


@pytest.mark.parametrize(
    ("name", "attention"),
    [
        ("googlenet", "cbam"),
        ("googlenet_naive", "se"),
        ("inception_v3", "cbam"),
        ("inception_v4", "se"),
        ("inception_resnet_v1", "cbam"),
        ("xception", "se"),
    ],
)
def test_every_network_takes_attention(name: str, attention: str) -> None:
    network = on_meta(name, attention=attention)
    assert network(torch.empty(1, 3, 75, 75, device="meta")).shape == (1, 1000)
    assert 1.02 < count_parameters(network) / entry(name).parameters < 1.2
    with pytest.raises(NetworkError, match="one of se, cbam, none here"):
        on_meta(name, attention="sa")


@pytest.mark.parametrize("stem", [Stem, StemV1, StemV2])
def test_the_comments_tell_the_shapes_within_the_stems(stem: type[nn.Module]) -> None:
    lines = re.findall(r"self\.(\w+)\(.*\)  # (\S+)", inspect.getsource(stem))
    claims = {stage: tuple(int(n) for n in shape.split("×")) for stage, shape in lines}
    seen: dict[str, tuple[int, ...]] = {}
    with torch.device("meta"):
        network = stem(3)
        for stage, module in network.named_children():
            module.register_forward_hook(
                lambda _module, _inputs, output, stage=stage: seen.update(
                    {stage: tuple(output.shape[1:])}
                )
            )
        network(torch.empty(1, 3, 299, 299))
    assert claims == seen


@pytest.mark.parametrize(("name", "least"), LEAST.items())
def test_sizes_from_the_least_up(name: str, least: int) -> None:
    network = on_meta(name, classes=7, in_channels=1)
    assert network(torch.empty(2, 1, least, least, device="meta")).shape == (2, 7)
    image = torch.empty(2, 1, least + 1, least + 26, device="meta")
    assert network.features(image).shape[1] == network.fc.in_features
    assert network.embed(image).shape == (2, network.fc.in_features)
    wanted = re.escape(f"takes (N, 1, ≥{least}, ≥{least})")
    with pytest.raises(NetworkError, match=wanted):
        network(torch.empty(2, 1, least - 1, 200, device="meta"))
    with pytest.raises(NetworkError, match=wanted):
        network(torch.empty(2, 3, 200, 200, device="meta"))


@pytest.mark.parametrize("name", [*LEAST, "se_inception", "inception_resnet_v2"])
def test_every_weight_is_set(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On meta nothing is computed: note which tensors an initialiser was called for."""
    filled: set[int] = set()

    def note(tensor: torch.Tensor, *_args: object, **_options: object) -> torch.Tensor:
        filled.add(id(tensor))
        return tensor

    for rule in ("kaiming_normal_", "xavier_uniform_", "normal_", "zeros_", "ones_"):
        monkeypatch.setattr(nn.init, rule, note)
    network = on_meta(name)
    assert [key for key, value in network.named_parameters() if id(value) not in filled] == []


@pytest.mark.parametrize(
    ("name", "size", "capture"),
    [
        ("inception_v2", 32, "script"),
        pytest.param("xception", 32, "export", marks=pytest.mark.slow),
        pytest.param("inception_v3", 75, "script", marks=pytest.mark.slow),
        pytest.param("se_inception", 32, "export", marks=pytest.mark.slow),
        pytest.param("inception_resnet_v1", 75, "script", marks=pytest.mark.slow),
        pytest.param("inception_v3", 75, "export", marks=pytest.mark.exhaustive),
        pytest.param("inception_resnet_v1", 75, "export", marks=pytest.mark.exhaustive),
    ],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_captured_networks_take_any_batch(name: str, size: int, capture: str) -> None:
    torch.manual_seed(0)
    network = create(name, classes=4).eval()
    images = torch.randn(2, 3, size, size)
    if capture == "script":
        captured = torch.jit.script(network)
        torch.jit.save(captured, io.BytesIO())
    else:
        batch = torch.export.Dim("batch", min=1, max=64)
        captured = torch.export.export(network, (images,), dynamic_shapes=({0: batch},)).module()
    more = torch.randn(3, 3, size, size)
    with torch.no_grad():
        expected = network(more)
        tolerance = 1e-5 * float(expected.abs().max())
        torch.testing.assert_close(captured(more), expected, rtol=1e-5, atol=tolerance)


@pytest.mark.parametrize("size", range(1, 10))
def test_same_pooling_halves_upwards_and_starts_where_tensorflow_does(size: int) -> None:
    x = torch.randn(1, 2, size, 9)
    before = size % 2  # the rest of "SAME" padding goes after the end
    padded = F.pad(x, (1, 1, before, 1), value=-torch.inf)
    expected = F.max_pool2d(padded, 3, stride=2)
    pooled = MaxPoolSame()(x)
    assert pooled.shape[2:] == (-(-size // 2), 5)
    torch.testing.assert_close(pooled, expected)


def test_blocks_of_inception_resnet_add_a_scaled_difference() -> None:
    network: InceptionResNet = on_meta("inception_resnet_v2")
    blocks = [module for module in network.modules() if isinstance(module, Residual)]
    scales = [block.scale for block in blocks]
    assert scales == [0.17] * 10 + [0.1] * 20 + [0.2] * 9 + [1.0]
    assert [block.linear for block in blocks] == [False] * 39 + [True]
    torch.manual_seed(0)
    one = nn.Identity()
    block = Residual(2, {"same": one}, width=2, scale=0.5, attention=None, linear=False)
    nn.init.normal_(block.conv.weight)
    nn.init.normal_(block.conv.bias)
    x = torch.randn(3, 2, 4, 4)
    torch.testing.assert_close(block(x), F.relu(x + 0.5 * block.conv(x)))


def test_the_auxiliary_head_of_v3() -> None:
    torch.manual_seed(0)
    with torch.device("meta"):
        head = create("inception_v3", classes=3).aux
    head.to_empty(device="cpu").eval()
    for module in head.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_parameters()
            module.reset_running_stats()
        elif isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.normal_(module.weight, std=0.1)
    nn.init.zeros_(head.fc.bias)
    grid = torch.randn(2, 768, 17, 17)
    pooled = F.avg_pool2d(grid, 5, stride=3)
    hidden = head.conv2(head.conv1(pooled))
    assert hidden.shape[2:] == (1, 1)
    torch.testing.assert_close(head(grid), head.fc(hidden.flatten(1)))
    assert head(torch.randn(2, 768, 3, 4)).shape == (2, 3)
    network = on_meta("inception_v3", auxiliary=False).train()
    assert network.auxiliary_weights == ()
    assert isinstance(network(torch.empty(2, 3, 75, 75, device="meta")), torch.Tensor)
