"""Where timm has a residual network, its (random) weights give its outputs to 1e-5."""

import sys
from functools import partial
from pathlib import Path

import pytest
import timm
import torch
from timm.layers import BatchNormAct2d, create_conv2d
from timm.layers.cbam import CbamModule
from timm.models.resnetv2 import ResNetV2
from torch import nn

from striate.hub.conversion import RESNET, Rules, renamed
from striate.hub.from_timm import SE_RESNET
from striate.hub.libraries import LIBRARIES
from striate.zoo.create import create

sys.path.insert(0, str(Path(__file__).parent))
from references import assert_same, filled

LEGACY: Rules = (
    (r"^layer0\.", ""),
    (r"\.se_module\.", ".attention."),
    (r"^last_linear\.", "fc."),
    *RESNET,
)
CBAM: Rules = (*SE_RESNET, (r"\.spatial\.conv\.(conv|bn)\.", r".spatial.\1."))
PREACT: Rules = (
    (r"^stem\.conv\.", "conv1."),
    (r"^stages\.0\.blocks\.0\.norm1\.", "bn1."),
    *((rf"^stages\.{at}\.blocks\.", f"conv{at + 2}_x.") for at in range(4)),
    (r"\.norm(\d)\.", r".bn\1."),
    (r"^norm\.", "bn."),
    (r"\.downsample\.conv\.", ".shortcut."),
    (r"^head\.fc\.", "fc."),
)


def legacy_seresnet50() -> nn.Module:
    """Hu's network as timm keeps it, with the pool of the residual networks' own paper."""
    reference = timm.create_model("legacy_seresnet50")
    reference.pool0 = nn.MaxPool2d(3, stride=2, padding=1)
    return reference


def resnetv2_200() -> nn.Module:
    """Its first batch norm is after the max pool, ours before: alike for scales above 0."""
    return ResNetV2([3, 24, 36, 3], conv_layer=create_conv2d, norm_layer=BatchNormAct2d)


def timm_model(name: str, **options: object):
    return lambda: timm.create_model(name, **options)


cbam = partial(CbamModule, mlp_bias=True)
CASES = [
    *(
        (
            name,
            timm_model(LIBRARIES["timm"].counterparts[name].name.partition(".")[0]),
            LIBRARIES["timm"].counterparts[name].rules,
        )
        for name in (
            "hrnet_w18",
            "hrnet_w32",
            "hrnet_w48",
            "darknet53_timm",
            "cspdarknet53_timm",
            "se_resnet50_v1_5",
        )
    ),
    ("se_resnet50", legacy_seresnet50, LEGACY),
    ("cbam_resnet50", timm_model("resnet50", block_args={"attn_layer": cbam}), CBAM),
    ("preact_resnet200", resnetv2_200, PREACT),
]

WIDE = ("hrnet_w32", "hrnet_w48")  # as hrnet_w18, with other widths


@pytest.mark.parametrize(
    ("name", "make", "rules"),
    [
        pytest.param(*case, id=case[0], marks=[pytest.mark.slow] * (case[0] in WIDE))
        for case in CASES
    ],
)
@torch.inference_mode()
def test_equals_timm(name: str, make, rules: Rules) -> None:
    with torch.device("meta"):
        reference = make().eval()
        network = create(name).eval()
    weights = renamed(filled(reference).state_dict(), rules)
    own = network.state_dict()
    weights = {key: value.view(own[key].shape) for key, value in weights.items()}
    network.load_state_dict(weights, assign=True)
    images = torch.randn(2, 3, 64, 64)
    assert_same(network(images), reference(images))
