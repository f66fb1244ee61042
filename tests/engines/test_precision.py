from __future__ import annotations

import pytest
import torch
from torch import nn

from striate.anatomy.costs.counting import count_macs
from striate.engines.precision import (
    WORTH_CASTING,
    choose_device,
    choose_precision,
)
from striate.errors import StriateError


def test_devices_that_are_here() -> None:
    assert choose_device("cpu") == torch.device("cpu")
    choose_device("auto")


@pytest.mark.parametrize("name", ["meta", "abacus", "", "cpu:x", "cpu:-3", "fpga:0"])
def test_devices_that_nothing_can_be_computed_on(name: str) -> None:
    with pytest.raises(StriateError, match=r"`device=.*; take auto or cpu"):
        choose_device(name)


class Product(nn.Module):
    """A dense layer of `macs` multiply-accumulates an image of 1×1×1."""

    def __init__(self, macs: int) -> None:
        super().__init__()
        self.layer = nn.Linear(1, macs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x.flatten(1))


@pytest.mark.parametrize(
    ("macs", "ability", "wanted"),
    [
        (WORTH_CASTING, True, "bfloat16"),
        (WORTH_CASTING - 1, True, "float32"),
        (WORTH_CASTING, False, "float32"),
    ],
)
def test_bfloat16_is_for_large_networks_on_processors_that_have_it(
    monkeypatch: pytest.MonkeyPatch, macs: int, ability: bool, wanted: str
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": ability})
    with torch.device("meta"):
        network = Product(macs)
    assert count_macs(network, (1, 1, 1)) == macs
    cpu = torch.device("cpu")
    assert choose_precision("auto", network, (1, 1, 1), cpu) == wanted
    assert choose_precision("float32", network, (1, 1, 1), cpu) == "float32"
    assert choose_precision("bfloat16", network, (1, 1, 1), cpu) == "bfloat16"
