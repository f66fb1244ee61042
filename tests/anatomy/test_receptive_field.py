"""Receptive fields against gradients, published figures and the papers' recursion."""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from striate.anatomy.graph.record import Graph, record
from striate.anatomy.receptive_field.fields import (
    Axis,
    last_feature_map,
    receptive_fields,
    recursion,
    windows,
)
from striate.anatomy.show.text import totals
from striate.anatomy.table import table
from striate.zoo.create import create

sys.path.insert(0, str(Path(__file__).parent))
from random_networks import ROUGH, STEP, RandomNetwork, Spec, seen

SIZE = st.tuples(st.integers(6, 17), st.integers(6, 17))
QUIET = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def graph_of(name: str) -> Graph:
    with torch.device("meta"):
        network = create(name)
        return record(network, torch.empty(1, *network.input_size), name=name)


def check(steps: list[Spec], size: tuple[int, int], *, exact: bool) -> None:
    network = RandomNetwork(steps)
    graph = record(network, torch.empty(1, 1, *size))
    field = receptive_fields(graph)[graph.outputs[0]]
    window = windows(graph)[graph.outputs[0]]
    assert field is not None
    assert window is not None
    whole = [
        [(int(a), int(b)) if a <= b else None for a, b in zip(*pixels, strict=True)]
        for pixels in window
    ]
    truths = [seen(network, size, axis) for axis in (0, 1)]
    if not any(truths[0]):  # padding alone along one axis leaves nothing to see along the other
        assert not all(any(pixels) for pixels in whole)
        return
    assert whole == truths
    for axis, truth in enumerate(truths):
        mirrored = any(step[0] == "border" for step in steps)
        for position, pixels in enumerate(truth):
            low, high = field[axis].window(position)
            if pixels is None or mirrored:
                continue
            assert low <= pixels[0]
            assert pixels[1] <= high
            if exact and low >= 0 and high < size[axis]:
                assert (low, high) == pixels


@settings(QUIET, max_examples=40)
@given(st.lists(STEP, min_size=1, max_size=5), SIZE)
def test_the_rule_finds_what_gradients_find(steps: list[Spec], size: tuple[int, int]) -> None:
    check(steps, size, exact=True)


@settings(QUIET, max_examples=40)
@given(st.lists(st.one_of(STEP, ROUGH), min_size=1, max_size=5), SIZE)
def test_resampled_branches_are_bounded_and_their_windows_exact(
    steps: list[Spec], size: tuple[int, int]
) -> None:
    check(steps, size, exact=False)


# Araujo, Norris, Sim: Computing Receptive Fields of Convolutional Neural Networks, Distill 2019.
@pytest.mark.parametrize(
    ("name", "pixels"),
    [
        ("alexnet_owt", 195),
        ("vgg16", 212),
        ("resnet50", 483),
        ("resnet101", 1027),
        ("resnet152", 1507),
        ("inception_v2", 699),
        ("inception_v3", 1311),
        ("inception_v4", 2071),
        ("inception_resnet_v2", 3039),
    ],
)
def test_published_figures_hold(name: str, pixels: int) -> None:
    graph = graph_of(name)
    last = last_feature_map(graph)
    assert last is not None
    field = receptive_fields(graph)[last]
    assert field is not None
    assert (field[0].size, field[1].size) == (pixels, pixels)
    assert field[0].jump == 32
    assert recursion(graph, last)[-1].size == pixels


def test_the_recursion_of_a_chain_is_the_papers() -> None:
    network = nn.Sequential(nn.Conv2d(1, 1, 5), nn.MaxPool2d(2), nn.Conv2d(1, 1, 3, dilation=2))
    steps = recursion(record(network, torch.empty(1, 1, 32, 32)), 3)
    # 1 -> (1 - 1)·1 + 5 = 5 -> (5 - 1)·2 + 2 = 10 -> (10 - 1)·1 + 5 = 14
    assert [(step.kernel, step.stride, step.size) for step in steps if step.node] == [
        (5, 1, 5),
        (2, 2, 10),
        (5, 1, 14),
    ]


def fields(network: nn.Module, *shapes: tuple[int, ...]) -> tuple[Graph, list]:
    graph = record(network, *(torch.empty(shape) for shape in shapes))
    return graph, list(receptive_fields(graph))


class Lambda(nn.Module):
    def __init__(self, function) -> None:
        super().__init__()
        self.function = function

    def forward(self, *x: Tensor) -> Tensor:
        return self.function(*x)


def test_max_pooling_sees_what_average_pooling_sees() -> None:
    shape = (1, 1, 13, 9)
    for ceil in (False, True):
        pools = (
            nn.MaxPool2d(3, 2, 1, ceil_mode=ceil),
            nn.AvgPool2d(3, 2, 1, ceil_mode=ceil),
        )
        first, second = (fields(pool, shape)[1][-1] for pool in pools)
        assert first == second


def test_global_pooling_sees_what_the_map_saw_and_no_more() -> None:
    _, found = fields(nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1)), (1, 3, 8, 9))
    height, width = found[-1]
    assert (height.size, width.size, height.jump) == (8, 9, 0)
    assert height.everything
    # Stride 3 with a kernel of 2 leaves the last of 9 pixels unseen.
    network = nn.Sequential(nn.Conv2d(3, 4, 2, stride=3), nn.Flatten(), nn.Linear(4 * 9, 2))
    _, found = fields(network, (1, 3, 9, 9))
    assert (found[-1][0].low, found[-1][0].high, found[-1][0].everything) == (0, 7, False)


def test_gates_see_everything_and_can_be_left_aside() -> None:
    network = create("se_resnet50")
    graph = record(network, torch.empty(1, 3, 224, 224))
    last = last_feature_map(graph)
    assert last is not None
    gated, local = receptive_fields(graph)[last], receptive_fields(graph, gates=False)[last]
    assert gated is not None
    assert local is not None
    assert (gated[0].size, gated[0].everything, gated[0].jump) == (224, True, 32)
    assert (local[0].size, local[0].everything) == (483, False)


def test_group_normalisation_mixes_positions_and_layer_norm_of_channels_does_not() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.GroupNorm(2, 4))
    assert fields(network, (1, 3, 9, 9))[1][-1][0].everything
    pointwise = Lambda(lambda x: torch.layer_norm(x.permute(0, 2, 3, 1), (3,)))
    assert fields(pointwise, (1, 3, 9, 9))[1][-1][0].size == 1


def test_tokens_keep_their_place_until_attention() -> None:
    def forward(x: Tensor) -> Tensor:
        tokens = x.flatten(2).transpose(1, 2)
        return tokens.transpose(1, 2).reshape(1, 4, 3, 5)

    network = nn.Sequential(nn.Conv2d(3, 4, 4, stride=4), Lambda(forward))
    field = fields(network, (1, 3, 12, 20))[1][-1]
    assert [(axis.jump, axis.low, axis.high) for axis in field] == [(4, 0, 3), (4, 0, 3)]


def test_windows_of_a_transformer_are_windows() -> None:
    def attend(x: Tensor) -> Tensor:
        windows = x.view(1, 2, 4, 6, 2, 3).permute(0, 2, 4, 3, 5, 1).reshape(8, 18, 2)
        mixed = nn.functional.softmax(windows @ windows.transpose(1, 2), -1) @ windows
        return mixed.view(1, 4, 2, 6, 3, 2).permute(0, 5, 1, 3, 2, 4).reshape(1, 2, 24, 6)

    field = fields(Lambda(attend), (1, 2, 24, 6))[1][-1]
    # A window is 6 by 3; the rule bounds where in it a position lies.
    assert [axis.jump for axis in field] == [1, 1]
    assert [axis.size for axis in field] == [11, 5]


def test_what_cannot_be_followed_sees_everything() -> None:
    _, found = fields(Lambda(lambda x: x.sort(2).values), (1, 3, 6, 7))
    assert all(axis.everything for axis in found[-1])


def test_a_second_input_of_another_size_is_laid_over_the_first() -> None:
    network = Lambda(lambda a, b: a + nn.functional.interpolate(b, scale_factor=2))
    _, found = fields(network, (1, 3, 8, 8), (1, 3, 4, 4))
    assert (found[1][0].jump, found[1][0].size) == (2, 2)
    assert found[-1][0].jump == 1
    assert found[-1][0].low <= -1 + Fraction(0)
    _, found = fields(Lambda(lambda a, b: a + b[:, :, None, None]), (1, 3, 8, 8), (1, 3))
    assert found[1] is None
    assert found[-1][0].size == 1


class Mirror(nn.Module):
    """Everything after the flip looks from the image's far end."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Conv2d(1, 2, 5, padding=2, stride=2)
        self.b = nn.Conv2d(2, 2, 7, padding=3)

    def forward(self, x: Tensor) -> Tensor:
        return self.b(self.a(x.flip(3)))


def test_a_flip_turns_positions_and_no_sizes() -> None:
    graph, found = fields(Mirror(), (1, 1, 64, 64))
    height, width = found[-1]
    assert (height.size, width.size) == (17, 17)
    assert (height.jump, width.jump) == (2, -2)
    assert width.window(0) == (63 - height.window(0)[1], 63 - height.window(0)[0])
    assert recursion(graph, graph.outputs[0], 1)[-1].size == 17
    found_table = table(graph)
    assert found_table.totals.receptive_field == (17, 17)
    assert found_table.totals.jump == (2, 2)
    image = torch.ones(1, 1, 64, 64, requires_grad=True)
    (gradient,) = torch.autograd.grad(Mirror()(image)[0, 0, 10, 10], image)
    lit = gradient[0, 0].abs().sum(0).nonzero().flatten()
    assert (lit[0].item(), lit[-1].item()) == width.window(10)


@pytest.mark.parametrize(
    ("norm", "training", "whole"),
    [
        (nn.GroupNorm(2, 4), False, True),
        (nn.InstanceNorm2d(4), False, True),
        (nn.InstanceNorm2d(4, track_running_stats=True), False, False),
        (nn.InstanceNorm2d(4, track_running_stats=True), True, True),
        (nn.BatchNorm2d(4), False, False),
        (nn.BatchNorm2d(4), True, True),
        (nn.BatchNorm2d(4, track_running_stats=False), False, True),
        (nn.Dropout(0.5), True, False),
    ],
    ids=str,
)
def test_what_a_normalisation_sees_hangs_on_where_its_statistics_come_from(
    norm: nn.Module, training: bool, whole: bool
) -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), norm, nn.Conv2d(4, 4, 3, padding=1))
    network.train(training)
    totals = table(record(network, torch.empty(1, 3, 16, 16), training=training)).totals
    assert totals.receptive_field == ((16, 16) if whole else (5, 5))
    assert totals.convolutional_receptive_field == (5, 5)
    image = torch.rand(1, 3, 16, 16, requires_grad=True)
    (gradient,) = torch.autograd.grad(network(image)[0].sum(0)[8, 8], image)
    assert bool(gradient[0, :, 0].any()) == whole


def circular() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1, padding_mode="circular"), nn.Conv2d(4, 4, 3, padding=1)
    )


def classified(x: Tensor) -> Tensor:
    """Tokens with a class token among them, mixed, of which the first is kept."""
    tokens = nn.functional.avg_pool2d(x, 4).flatten(2).transpose(1, 2)
    tokens = torch.cat((torch.ones(1, 1, 3), tokens), 1)
    return nn.functional.scaled_dot_product_attention(tokens, tokens, tokens)[:, 0]


def attended(x: Tensor) -> Tensor:
    """Tokens that keep their places, each with something of all others."""
    tokens = nn.functional.avg_pool2d(x, 4).flatten(2).transpose(1, 2)
    return nn.functional.scaled_dot_product_attention(tokens, tokens, tokens).mean(1)


def mixed(x: Tensor) -> Tensor:
    """A multilayer perceptron over positions beside the map itself, as gMLP weighs it."""
    tokens = nn.functional.avg_pool2d(x, 4).flatten(2)
    return (tokens * (tokens @ torch.ones(16, 16))).mean(2)


@pytest.mark.parametrize(
    "network",
    [
        circular(),
        Lambda(classified),
        Lambda(attended),
        Lambda(mixed),
        Lambda(lambda x: torch.fft.irfft2(torch.fft.rfft2(x) * 2)),
        Lambda(lambda x: x.repeat(1, 1, 2, 2)),
        Lambda(lambda x: nn.functional.glu(x.cumsum(3), 2)),
        Lambda(lambda x: nn.functional.fold(nn.functional.unfold(x, 3), (16, 16), 3)),
        nn.Sequential(nn.Flatten(), nn.Linear(768, 4)),
    ],
)
def test_a_network_that_mixes_positions_sees_the_whole_image(network: nn.Module) -> None:
    """And not what its stem saw before they were mixed."""
    found = table(record(network, torch.empty(1, 3, 16, 16)))
    assert found.totals.receptive_field == (16, 16)
    assert found.totals.convolutional_receptive_field == (16, 16)
    assert "16" in dict(totals(found))["Sees"]


def test_the_whole_input_is_said_in_words() -> None:
    found = table(record(Lambda(classified), torch.empty(1, 3, 16, 16)))
    assert dict(totals(found))["Sees"] == (
        "the whole input, 16×16: positions are mixed before the last feature map"
    )
    nothing = table(record(nn.Sequential(), torch.empty(1, 3, 16, 16)))
    assert dict(totals(nothing))["Sees"] == (
        "nothing is computed: the forward gives back what it is given"
    )


def test_what_all_positions_see_alike_does_not_move_with_them() -> None:
    network = Lambda(lambda x: x + nn.functional.avg_pool2d(x[:, :, :4, :4], 4))
    for axis in fields(network, (1, 3, 16, 16))[1][-1]:
        # Position q sees itself and 0 to 3: from -15 + q to 3 + q, the tightest for all of them.
        assert (axis.jump, axis.low, axis.high) == (1, -15, 3)


FRACTION = st.fractions(-30, 30, max_denominator=6)


@settings(QUIET, max_examples=200)
@given(FRACTION, FRACTION, st.fractions(0, 40, max_denominator=6))
def test_a_size_is_what_the_best_placed_position_sees(
    jump: Fraction, low: Fraction, width: Fraction
) -> None:
    axis = Axis(jump, low, low + width)
    seen = [axis.window(position) for position in range(jump.denominator)]
    assert axis.size == max(last - first + 1 for first, last in seen)


@pytest.mark.parametrize("scale", [1.7, 0.37, 1.0001])
def test_scales_that_are_no_fractions_are_answered_at_once(scale: float) -> None:
    resized = nn.Upsample(scale_factor=scale, mode="bilinear")
    network = nn.Sequential(resized, nn.Conv2d(3, 3, 3), resized)
    assert min(axis.size for axis in fields(network, (1, 3, 32, 32))[1][-1]) >= 2


def test_lists_of_shapes_without_an_image_see_nothing() -> None:
    _, found = fields(nn.Linear(4, 2), (1, 4))
    assert found == [None, None]


@pytest.mark.parametrize(
    "activation",
    [nn.Mish(inplace=True), nn.SiLU(inplace=True), nn.Hardswish(inplace=True), nn.PReLU()],
)
def test_activations_see_one_position_also_in_place(activation: nn.Module) -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), activation, nn.Conv2d(4, 4, 3))
    graph = record(network, torch.empty(1, 3, 32, 32))
    last = receptive_fields(graph)[graph.outputs[0]]
    assert last is not None
    assert last[0].size == 5
