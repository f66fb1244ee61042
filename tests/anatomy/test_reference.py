"""Counts against PyTorch's own counter, on networks that others wrote."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import timm
import torch
import torchvision.models as published
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from striate.anatomy.costs.counting import macs, products
from striate.anatomy.graph.record import Graph, record
from striate.zoo.catalogue import Entry, entries
from striate.zoo.create import create

SLOW = pytest.mark.slow
#: Networks of thousands of operators.
DEEP = {"resnet1202", "preact_resnet1001"}

TORCHVISION = (
    "alexnet",
    "vgg11",
    "squeezenet1_1",
    "shufflenet_v2_x0_5",
    "mobilenet_v2",
    "mnasnet0_5",
    "googlenet",
    "resnet18",
    "convnext_tiny",
    "vit_b_32",
)
TIMM = (
    "botnet26t_256",
    "convmixer_768_32",
    "cspresnet50",
    "deit_tiny_distilled_patch16_224",
    "dla34",
    "eca_resnet33ts",
    "edgenext_xx_small",
    "ghostnet_050",
    "lcnet_050",
    "mixer_s32_224",
    "mobilenetv1_100",
    "mobilenetv3_small_050",
    "poolformer_s12",
    "repvgg_a0",
    "resmlp_12_224",
)
MORE_TORCHVISION = (
    "densenet121",
    "efficientnet_b0",
    "efficientnet_v2_s",
    "inception_v3",
    "maxvit_t",
    "mnasnet1_3",
    "mobilenet_v3_large",
    "regnet_x_400mf",
    "regnet_y_400mf",
    "resnet50",
    "resnext50_32x4d",
    "shufflenet_v2_x1_0",
    "squeezenet1_0",
    "swin_t",
    "swin_v2_t",
    "vgg16_bn",
    "wide_resnet50_2",
)
MORE_TIMM = (
    "beit_base_patch16_224",
    "cait_xxs24_224",
    "coat_lite_tiny",
    "coatnet_0_rw_224",
    "convit_tiny",
    "crossvit_tiny_240",
    "cspdarknet53",
    "darknet53",
    "davit_tiny",
    "densenet121",
    "dpn68",
    "efficientformer_l1",
    "efficientnet_lite0",
    "fastvit_t8",
    "focalnet_tiny_srf",
    "gmixer_24_224",
    "hardcorenas_a",
    "hgnet_tiny",
    "hrnet_w18_small",
    "inception_next_tiny",
    "inception_resnet_v2",
    "inception_v4",
    "legacy_senet154",
    "levit_128s",
    "mobilevit_xxs",
    "mvitv2_tiny",
    "nf_resnet50",
    "nfnet_f0",
    "pit_ti_224",
    "pvt_v2_b0",
    "regnetx_002",
    "res2net50_26w_4s",
    "resnest14d",
    "resnetv2_50",
    "rexnet_100",
    "skresnet18",
    "tresnet_m",
    "twins_pcpvt_small",
    "visformer_tiny",
    "volo_d1_224",
    "xception41",
    "xcit_nano_12_p16_224",
)


def shapeless(build: Callable[[], nn.Module]) -> nn.Module:
    """A network without weights, but for those that compute with tensors while they are built."""
    try:
        with torch.device("meta"):
            return build().eval()
    except (NotImplementedError, RuntimeError):
        return build().eval().to("meta")


def check(network: nn.Module, size: tuple[int, ...]) -> Graph:
    image = torch.empty(1, *size, device="meta")
    graph = record(network, image)
    with FlopCounterMode(display=False) as counter:
        network(image)
    ours = sum(macs(node, graph) + products(node) for node in graph.nodes)
    assert counter.get_total_flops() == 2 * ours
    return graph


@pytest.mark.parametrize(
    "entry",
    [pytest.param(e, marks=SLOW) if e.name in DEEP else e for e in entries()],
    ids=lambda entry: entry.name,
)
def test_the_catalogue(entry: Entry) -> None:
    """Our counter and PyTorch's agree on the catalogue's figures."""
    with torch.device("meta"):
        network, image = create(entry.name), torch.empty(1, *entry.input)
    graph = record(network, image)
    assert sum(macs(node, graph) for node in graph.nodes) == entry.macs
    assert sum(graph.parameters.values()) == entry.parameters
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network.eval()(image)
    # PyTorch counts kernels that are not in LeNet-5's table.
    absent = any(getattr(each, "absent_kernels", 0) for each in network.modules())
    assert absent or counter.get_total_flops() == 2 * entry.macs


def torchvision_network(name: str) -> nn.Module:
    random = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    return shapeless(lambda: published.get_model(name, weights=None, **random))


@pytest.mark.parametrize(
    "name", [*TORCHVISION, *(pytest.param(name, marks=SLOW) for name in MORE_TORCHVISION)]
)
def test_torchvision(name: str) -> None:
    side = 299 if name == "inception_v3" else 224
    if name == "swin_v2_t":
        side = 256
    check(torchvision_network(name), (3, side, side))


@pytest.mark.parametrize(
    "name", [*TIMM, *(pytest.param(name, marks=pytest.mark.exhaustive) for name in MORE_TIMM)]
)
def test_timm(name: str) -> None:
    size = timm.get_pretrained_cfg(name).input_size
    check(shapeless(lambda: timm.create_model(name)), size)
