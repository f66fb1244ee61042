"""Every network gives its feature maps by stride: where, how many channels, and whose they are."""

import sys
from pathlib import Path

import pytest
import timm
import torch
import torch.fx
from torch import Tensor, nn

from striate.anatomy.graph.record import record
from striate.anatomy.receptive_field.fields import receptive_fields
from striate.errors import NetworkError
from striate.hub.conversion import renamed
from striate.hub.libraries import LIBRARIES
from striate.zoo.create import NETWORKS, choices, create
from striate.zoo.googlenet import GoogLeNet
from striate.zoo.hrnet import HRNet
from striate.zoo.inception_v3 import InceptionV3
from striate.zoo.layers import Network, collect
from striate.zoo.weightless import weightless

sys.path.insert(0, str(Path(__file__).parent))
from references import assert_same, filled

#: What the papers' tables and figures say of one network of each kind: stride, channels and grid.
PAPERS = {
    "lenet": ((1, 6, 28), (2, 16, 10), (4, 16, 5)),
    "lenet5": ((1, 6, 28), (2, 16, 10), (4, 120, 1)),
    "mnist_example": ((1, 64, 24), (2, 64, 12)),
    "alexnet": ((4, 96, 55), (8, 256, 27), (16, 256, 13), (32, 256, 6)),
    "alexnet_owt": ((4, 64, 55), (8, 192, 27), (16, 256, 13), (32, 256, 6)),
    "alexnet_half": ((4, 48, 55), (8, 128, 27), (16, 128, 13), (32, 128, 6)),
    "zfnet": ((2, 96, 110), (4, 96, 55), (8, 256, 26), (16, 256, 13), (32, 256, 6)),
    "nin": ((4, 96, 54), (8, 256, 27), (16, 384, 13), (32, 1024, 6)),
    "nin_cifar": ((1, 96, 32), (2, 192, 16), (4, 192, 8)),
    "vgg16": ((1, 64, 224), (2, 128, 112), (4, 256, 56), (8, 512, 28), (16, 512, 14), (32, 512, 7)),
    "googlenet": ((2, 64, 112), (4, 192, 56), (8, 480, 28), (16, 832, 14), (32, 1024, 7)),
    "googlenet_naive": ((2, 64, 112), (4, 192, 56), (8, 832, 28), (16, 3344, 14), (32, 4944, 7)),
    "inception_v2": ((2, 64, 112), (4, 192, 56), (8, 320, 28), (16, 608, 14), (32, 1024, 7)),
    "inception_v3": ((2, 64, 147), (4, 192, 71), (8, 288, 35), (16, 768, 17), (32, 2048, 8)),
    "inception_v4": ((2, 64, 147), (4, 192, 71), (8, 384, 35), (16, 1024, 17), (32, 1536, 8)),
    "inception_resnet_v1": ((2, 64, 147), (4, 192, 71), (8, 256, 35), (16, 896, 17), (32, 1792, 8)),
    "inception_resnet_v2": (
        (2, 64, 147), (4, 192, 71), (8, 320, 35), (16, 1088, 17), (32, 1536, 8),
    ),
    "inception_resnet_v2_figures": (
        (2, 64, 147), (4, 192, 71), (8, 384, 35), (16, 1152, 17), (32, 2144, 8),
    ),
    "xception": ((2, 64, 147), (4, 128, 74), (8, 256, 37), (16, 728, 19), (32, 2048, 10)),
    "resnet18": ((2, 64, 112), (4, 64, 56), (8, 128, 28), (16, 256, 14), (32, 512, 7)),
    "resnet50": ((2, 64, 112), (4, 256, 56), (8, 512, 28), (16, 1024, 14), (32, 2048, 7)),
    "preact_resnet200": ((2, 64, 112), (4, 256, 56), (8, 512, 28), (16, 1024, 14), (32, 2048, 7)),
    "resnet20": ((1, 16, 32), (2, 32, 16), (4, 64, 8)),
    "preact_resnet110": ((1, 16, 32), (2, 32, 16), (4, 64, 8)),
    "preact_resnet164": ((1, 64, 32), (2, 128, 16), (4, 256, 8)),
    "darknet53": (
        (1, 32, 256), (2, 64, 128), (4, 128, 64), (8, 256, 32), (16, 512, 16), (32, 1024, 8),
    ),
    "cspdarknet53": (
        (1, 32, 256), (2, 64, 128), (4, 128, 64), (8, 256, 32), (16, 512, 16), (32, 1024, 8),
    ),
    "hrnet_w32": ((2, 64, 112), (4, 32, 56), (8, 64, 28), (16, 128, 14), (32, 256, 7)),
}  # fmt: skip

#: One network of every class, and whatever is built in a way of its own, at small sizes.
SMALL = {
    "lenet": 32,
    "lenet5": 32,
    "mnist_example": 28,
    "alexnet": 227,
    "alexnet_half": 95,
    "zfnet": 224,
    "nin": 64,
    "nin_cifar": 32,
    "vgg11_bn": 64,
    "googlenet": 64,
    "inception_v2": 64,
    "inception_v3": 96,
    "inception_v4": 96,
    "inception_resnet_v1": 96,
    "inception_resnet_v2": 96,
    "xception": 64,
    "resnet18": 64,
    "resnet50": 64,
    "resnet20": 32,
    "preact_resnet164": 32,
    "darknet53": 64,
    "cspdarknet53": 64,
    "hrnet_w18": 64,
}

#: Whose classes and stages shallower networks have as well.
DEEP = ("resnet1202", "preact_resnet1001")

#: Convolutions and pools without padding, so that a shifted image gives shifted maps.
UNPADDED = ("lenet", "lenet5", "mnist_example")

#: Networks that equal one of timm's, which they name; then timm's name of all that it has.
COUNTERPARTS = LIBRARIES["timm"].counterparts
TIMM = {name: one.name.partition(".")[0] for name, one in COUNTERPARTS.items()} | {
    name: name for name in NETWORKS if name.startswith("vgg") and timm.is_model(name)
}


class Staged(nn.Module):
    """A network that answers with its stages, for whoever calls a module."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return self.network.stages(x)


class Versions(list):
    """Maps with the number of times that each was written to when it was handed over."""

    def append(self, x: Tensor) -> None:
        super().append((x, x._version))


def on_meta(name: str, **variant: object) -> Network:
    with weightless():
        return create(name, **variant).eval()


def in_earnest(name: str, size: int, **variant: object) -> tuple[Network, Tensor]:
    network = on_meta(name, **variant)
    filled(network)
    for part in network.modules():  # what is neither convolution, linear layer nor batch norm
        own = (*part.named_parameters(recurse=False), *part.named_buffers(recurse=False))
        for _, value in own:
            if not isinstance(part, nn.BatchNorm2d | nn.Conv2d | nn.Linear):
                nn.init.uniform_(value) if value.is_floating_point() else value.zero_()
    return network, torch.rand(2, network.input_size[0], size, size)


@pytest.mark.parametrize("name", [name for name in NETWORKS if name not in DEEP])
def test_strides_and_channels_are_those_of_the_recorded_graph_and_of_the_paper(name: str) -> None:
    network = on_meta(name)
    graph = record(Staged(network), torch.empty(1, *network.input_size, device="meta"))
    fields = receptive_fields(graph, gates=False)
    found = []
    for index in graph.outputs:
        (_, channels, height, width), field = graph.nodes[index].shape, fields[index]
        assert field is not None
        assert field[0].jump == field[1].jump
        assert height == width
        found.append((int(field[0].jump), channels, height))
    assert [stride for stride, *_ in found] == list(network.strides)
    assert [channels for _, channels, _ in found] == list(network.channels)
    assert list(network.strides) == sorted(set(network.strides))
    assert tuple(found) == PAPERS.get(name, tuple(found))


@pytest.mark.parametrize(
    "name", ["alexnet_half", "nin", "vgg11_bn", "googlenet", "inception_v3", "xception", "resnet18"]
)
def test_a_larger_image_has_as_many_more_positions_as_the_strides_say(name: str) -> None:
    network = on_meta(name)
    less, more = (network.stages(torch.empty(1, 3, h, 96, device="meta")) for h in (96, 96 + 64))
    grown = [after.shape[2] - before.shape[2] for before, after in zip(less, more, strict=True)]
    assert grown == [64 // stride for stride in network.strides]
    assert [map_.shape[3] for map_ in more] == [map_.shape[3] for map_ in less]


@pytest.mark.parametrize("name", UNPADDED)
def test_a_shifted_image_gives_shifted_maps(name: str) -> None:
    network, images = in_earnest(name, SMALL[name])
    by = network.strides[-1]
    with torch.inference_mode():
        before = network.stages(images)
        after = network.stages(images.roll((-by, -by), (2, 3)))
    for first, second, stride in zip(before, after, network.strides, strict=True):
        steps = by // stride
        if first.shape[2] > steps:
            expected = first[:, :, steps:, steps:]
            torch.testing.assert_close(second[:, :, :-steps, :-steps], expected)
            assert float(expected.std()) > 0


@pytest.mark.parametrize("name", SMALL)
@torch.inference_mode()
def test_the_last_stage_is_what_features_gives_and_leads_to_the_logits(name: str) -> None:
    network, images = in_earnest(name, SMALL[name], classes=5)
    maps = network.stages(images)
    last = network.features(images)
    logits, embedding = network(images), network.embed(images)
    assert float(logits.std()) > 0
    if isinstance(network, HRNet):
        assert all(map(torch.equal, maps[1:], network.branches(images)))
        assert torch.equal(network.head(list(maps[1:])), last)
    else:
        assert torch.equal(maps[-1], last)
    if isinstance(network, GoogLeNet | InceptionV3):
        pool = network.pool5 if isinstance(network, GoogLeNet) else network.pool
        assert torch.equal(network.fc(pool(last).flatten(1)), logits)
    else:
        network.features = lambda x: last  # type: ignore[method-assign]
        nothing = torch.full_like(images, torch.nan)
        assert torch.equal(network(nothing), logits)
        assert torch.equal(network.embed(nothing), embedding)


@pytest.mark.parametrize("name", SMALL)
def test_no_map_is_written_to_after_it_was_given(name: str) -> None:
    network, maps = on_meta(name).train(), Versions()
    network.features(
        torch.empty(2, network.input_size[0], SMALL[name], SMALL[name]).to("meta"), maps
    )
    assert len(maps) == len(network.strides) - (1 if not isinstance(network, HRNet) else 4)
    assert all(map_._version == version for map_, version in maps)


@pytest.mark.parametrize(
    ("name", "variant"),
    [
        (name, {key: value})
        for name in ("resnet18", "resnet50", "resnet20", "preact_resnet164", "inception_v2")
        for key, value in (
            ("shortcut", "A"),
            ("shortcut", "C"),
            ("attention", "cbam"),
            ("separable_stem", True),
            ("checkpointing", True),
            ("in_channels", 5),
        )
        if key == "in_channels" or key in choices(name)
    ],
)
def test_variants_tell_theirs(name: str, variant: dict) -> None:
    network = on_meta(name, **variant)
    maps = network.stages(torch.empty(1, network.input_size[0], 64, 64, device="meta"))
    assert tuple(map_.shape[1] for map_ in maps) == network.channels
    assert [64 // map_.shape[2] for map_ in maps] == list(network.strides)


@pytest.mark.parametrize("checkpointing", [False, True])
def test_a_loss_on_every_stage_reaches_every_layer_below(checkpointing: bool) -> None:
    network, images = in_earnest("resnet20", 32, checkpointing=checkpointing)
    sum(map_.square().mean() for map_ in network.train().stages(images)).backward()
    missed = [key for key, value in network.named_parameters() if value.grad is None]
    assert missed == ["fc.weight", "fc.bias"]


def test_auxiliary_heads_have_no_part_in_stages() -> None:
    for name in ("googlenet", "inception_v3"):
        network = on_meta(name).train()
        assert network.auxiliary_weights
        assert len(network.stages(torch.empty(2, 3, 96, 96, device="meta"))) == 5


def test_a_wrong_image_is_refused_as_everywhere() -> None:
    with pytest.raises(NetworkError, match=r"takes \(N, 3, "):
        on_meta("resnet18").stages(torch.empty(1, 1, 64, 64, device="meta"))


def test_collect_passes_a_map_on_and_keeps_it_where_it_is_wanted() -> None:
    map_, maps = torch.zeros(1), [torch.ones(1)]
    assert collect(map_, None) is map_
    assert collect(map_, maps) is map_
    assert maps[1] is map_
    assert len(maps) == 2


@pytest.mark.parametrize("name", TIMM)
def test_timm_says_the_same_of_strides_and_channels(name: str) -> None:
    """But of two networks.

    The map at stride 4 of its Inception v4 is the one after the first of two modules on that grid;
    HRNet's are those of the classification head, not of the branches.
    """
    network = on_meta(name)
    with torch.device("meta"):
        info = timm.create_model(TIMM[name], features_only=True).feature_info
    assert tuple(info.reduction()) == network.strides
    theirs = {
        "inception_v4": (64, 160, 384, 1024, 1536),
        **dict.fromkeys(("hrnet_w18", "hrnet_w32", "hrnet_w48"), (64, 128, 256, 512, 1024)),
    }
    assert tuple(info.channels()) == theirs.get(name, network.channels)


@pytest.mark.parametrize(
    "name",
    [
        "resnet18",
        "se_resnet50_v1_5",
        "inception_v3",
        "inception_v4",
        "inception_resnet_v2",
        "xception_timm",
        "darknet53_timm",
        "cspdarknet53_timm",
        "hrnet_w18",
    ],
)
@torch.inference_mode()
def test_our_maps_are_timms(name: str) -> None:
    """Xception's of timm are those after the ReLU of the next module; the last is the same."""
    with torch.device("meta"):
        reference = timm.create_model(TIMM[name]).eval()
    network = on_meta(name, **({"auxiliary": False} if name == "inception_v3" else {}))
    weights = renamed(filled(reference).state_dict(), COUNTERPARTS[name].rules)
    own = network.state_dict()
    weights = {key: value.view(own[key].shape) for key, value in weights.items()}
    network.load_state_dict(weights, assign=True)
    size = 96 if "inception" in name else 64
    images = torch.randn(2, 3, size, size)
    maps = network.stages(images)
    found: dict[int, Tensor] = {}
    if isinstance(network, HRNet):
        x = reference.act1(reference.bn1(reference.conv1(images)))
        theirs = [x, *reference.stages(reference.act2(reference.bn2(reference.conv2(x))))]
        found = dict(enumerate(theirs))
    else:
        for index, each in enumerate(reference.feature_info):
            reference.get_submodule(each["module"]).register_forward_hook(
                lambda _module, _inputs, output, at=index: found.update({at: output.clone()})
            )
        reference(images)
    assert len(found) == len(maps)
    for index, map_ in enumerate(maps):
        if name == "inception_v4" and index == 1:
            continue  # the one that differs, see above
        ours = map_.relu() if name == "xception_timm" else map_
        assert_same(ours, found[index])


@pytest.mark.parametrize("name", ["vgg11_bn", "googlenet", "resnet20"])
@torch.inference_mode()
def test_stages_can_be_exported(name: str) -> None:
    network, images = in_earnest(name, SMALL[name])
    exported = torch.export.export(Staged(network).eval(), (images,)).module()
    assert all(map(torch.equal, exported(images), network.stages(images)))


@pytest.mark.parametrize("name", ["vgg11_bn", "googlenet", "hrnet_w18"])
@torch.inference_mode()
def test_stages_can_be_traced(name: str) -> None:
    network, images = in_earnest(name, SMALL[name])
    traced = torch.fx.symbolic_trace(Staged(network).eval())
    assert all(map(torch.equal, traced(images), network.stages(images)))


@torch.inference_mode()
def test_stages_can_be_compiled() -> None:
    network, images = in_earnest("resnet20", 32)
    compiled = torch.compile(Staged(network), backend="eager", fullgraph=True)
    assert all(map(torch.equal, compiled(images), network.stages(images)))
