"""Gradients reach what they should, captured networks compute the same, papers' details hold."""

import copy
import io

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from striate.zoo.create import create
from striate.zoo.layers import TrainingOutput
from striate.zoo.lenet import TABLE_I, class_codes

SMALL = {  # a network of each class at the least size that is quick
    "lenet": 32,
    "lenet5": 32,
    "alexnet_half": 80,
    "googlenet": 64,
    "googlenet_bn": 64,
    "resnet18": 64,
    "resnet50": 64,
    "resnet50_v1_5": 64,
    "resnet20": 32,
}
LARGE = ("googlenet_bn", "resnet50")


def images_for(network: nn.Module, size: int, count: int = 4) -> torch.Tensor:
    return torch.randn(count, network.input_size[0], size, size)


def total_loss(output: torch.Tensor | TrainingOutput, weights: tuple[float, ...]) -> torch.Tensor:
    logits = output.logits if isinstance(output, TrainingOutput) else output
    labels = torch.arange(len(logits)) % logits.shape[1]
    loss = F.cross_entropy(logits, labels)
    for weight, head in zip(weights, getattr(output, "auxiliary", ()), strict=True):
        loss = loss + weight * F.cross_entropy(head, labels)
    return loss


@pytest.mark.parametrize(("name", "size"), SMALL.items())
def test_gradients_reach_every_parameter(name: str, size: int) -> None:
    torch.manual_seed(0)
    network = create(name, classes=4).train()
    output = network(images_for(network, size))
    total_loss(output, getattr(network, "auxiliary_weights", ())).backward()
    for key, parameter in network.named_parameters():
        assert parameter.grad is not None, key
        assert parameter.grad.abs().sum() > 0, key


@pytest.mark.parametrize("name", ["googlenet", "googlenet_bn"])
def test_auxiliary_gradients_reach_the_layers_below_and_no_others(name: str) -> None:
    torch.manual_seed(0)
    network = create(name, classes=4, auxiliary=True).train()
    output = network(images_for(network, 64))
    assert isinstance(output, TrainingOutput)
    assert network.auxiliary_weights == (0.3, 0.3)
    first = torch.autograd.grad(
        output.auxiliary[0].sum(), network.conv1.conv.weight, retain_graph=True
    )
    assert first[0].abs().sum() > 0
    output.auxiliary[1].sum().backward()
    reached = {
        key.split(".")[0] for key, value in network.named_parameters() if value.grad is not None
    }
    below = {f"inception_{module}" for module in ("3a", "3b", "4a", "4b", "4c", "4d")}
    assert reached == {"conv1", "conv2_reduce", "conv2", "aux2"} | below


def test_heads_speak_in_training_only() -> None:
    network = create("googlenet", classes=4)
    assert isinstance(network.eval()(images_for(network, 64)), torch.Tensor)
    without = create("googlenet", classes=4, auxiliary=False).train()
    assert isinstance(without(images_for(without, 64)), torch.Tensor)


def test_the_auxiliary_pooling_is_the_papers_on_its_grid() -> None:
    head = create("googlenet", classes=3).aux1.eval()
    grid = torch.randn(2, 512, 14, 14)
    pooled = F.avg_pool2d(grid, 5, stride=3)
    hidden = F.relu(head.fc1(head.conv(pooled).flatten(1)))
    torch.testing.assert_close(head(grid), head.fc2(hidden))
    assert head(torch.randn(2, 512, 8, 8)).shape == (2, 3)


@pytest.mark.parametrize(("name", "size"), SMALL.items())
def test_capture_copies_and_autocast_keep_the_outputs(name: str, size: int) -> None:
    torch.manual_seed(0)
    network = create(name, classes=4).eval()
    images = images_for(network, size, count=3)
    with torch.inference_mode():
        expected = network(images)
        tolerance = {"rtol": 1e-4, "atol": 1e-4 * float(expected.abs().max())}
        torch.testing.assert_close(copy.deepcopy(network)(images), expected)
        channels_last = network(images.to(memory_format=torch.channels_last))
        torch.testing.assert_close(channels_last, expected, **tolerance)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            half = network(images).float()
        assert float((half - expected).abs().max() / expected.abs().max()) < 0.05


@pytest.mark.parametrize(
    ("name", "size"),
    [
        pytest.param(name, size, marks=[pytest.mark.slow] * (name in LARGE))
        for name, size in SMALL.items()
        if name != "resnet50_v1_5"
    ],
)
@pytest.mark.parametrize("capture", ["script", "trace", "export"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_captured_networks_take_any_batch(name: str, size: int, capture: str) -> None:
    torch.manual_seed(0)
    network = create(name, classes=4).eval()
    images = images_for(network, size, count=2)
    if capture == "script":
        captured = torch.jit.script(network)
        torch.jit.save(captured, io.BytesIO())
    elif capture == "trace":
        captured = torch.jit.trace(network, images)
    else:
        batch = torch.export.Dim("batch", min=1, max=64)
        captured = torch.export.export(network, (images,), dynamic_shapes=({0: batch},)).module()
    more = images_for(network, size, count=3)
    with torch.no_grad():
        expected = network(more)
        tolerance = 1e-5 * float(expected.abs().max())
        torch.testing.assert_close(captured(more), expected, rtol=1e-5, atol=tolerance)


def test_resnet_option_a_keeps_every_second_position_and_adds_zeros() -> None:
    shortcut = create("resnet20").stage2[0].shortcut
    x = torch.randn(2, 16, 8, 8)
    y = shortcut(x)
    assert torch.equal(y[:, :16], x[:, :, ::2, ::2])
    assert not y[:, 16:].any()


def test_the_stride_of_a_bottleneck() -> None:
    with torch.device("meta"):
        paper, later = create("resnet50").conv3_x[0], create("resnet50_v1_5").conv3_x[0]
    assert (paper.conv1.stride, paper.conv2.stride) == ((2, 2), (1, 1))
    assert (later.conv1.stride, later.conv2.stride) == ((1, 1), (2, 2))


def test_c3_sees_only_the_maps_of_its_table() -> None:
    network = create("lenet5")
    x = torch.randn(1, 6, 14, 14, requires_grad=True)
    for output_map, row in enumerate(TABLE_I):
        gradient = torch.autograd.grad(network.C3(x)[0, output_map].sum(), x)[0]
        assert tuple(gradient.abs().sum((0, 2, 3)).nonzero().flatten().tolist()) == row
    first = F.conv2d(x[:, :3], network.C3.weight[:3].view(1, 3, 5, 5), network.C3.bias[:1])
    torch.testing.assert_close(network.C3(x)[:, :1], first)


def test_lenet5_answers_minus_the_distances_to_the_bitmaps() -> None:
    network = create("lenet5").eval()
    images = torch.randn(3, 1, 32, 32)
    codes = torch.tensor(class_codes(10))
    assert codes.shape == (10, 84)
    assert set(codes.flatten().tolist()) == {-1.0, 1.0}
    distances = (network.embed(images)[:, None] - codes).square().sum(2)
    torch.testing.assert_close(network(images), -distances)


@pytest.mark.parametrize("classes", [2, 10, 26, 1000])
def test_codes_are_distinct_and_always_the_same(classes: int) -> None:
    codes = class_codes(classes)
    assert codes == class_codes(classes)
    different = {tuple(code) for code in codes}
    assert len(different) == classes
    least = min(
        sum(a != b for a, b in zip(one, other, strict=True))
        for index, one in enumerate(codes[:50])
        for other in codes[:index]
    )
    assert least >= 3
