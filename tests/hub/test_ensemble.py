from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from striate.engines.values import Values
from striate.hub.ensemble import ClassEnsemble, EachMember, NumberEnsemble

MEAN, STD = (0.5, 0.5, 0.5), (0.2, 0.2, 0.2)


class Channels(nn.Module):
    """Logits from the mean of each normalised channel."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        return self.factor * x.mean((2, 3))


def ensemble(other: tuple[tuple[float, ...], tuple[float, ...]]) -> ClassEnsemble:
    members = [Channels(1.0), Channels(3.0)]
    return ClassEnsemble(members, [None, (2, 0, 1)], [(MEAN, STD), other]).eval()


@torch.inference_mode()
def test_it_is_the_mean_of_probabilities_with_classes_in_order_and_own_normalisation() -> None:
    pixels = torch.rand(4, 3, 5, 5, generator=torch.Generator().manual_seed(0))
    mean, std = (0.4, 0.3, 0.1), (0.3, 0.25, 0.5)

    def normalised(mean: tuple[float, ...], std: tuple[float, ...]) -> Tensor:
        return (pixels - torch.tensor(mean).view(1, 3, 1, 1)) / torch.tensor(std).view(1, 3, 1, 1)

    first = normalised(MEAN, STD).mean((2, 3)).softmax(1)
    second = (3 * normalised(mean, std).mean((2, 3))).softmax(1)[:, [2, 0, 1]]
    found = ensemble((mean, std))(normalised(MEAN, STD)).softmax(1)
    torch.testing.assert_close(found, (first + second) / 2)
    each = EachMember(ensemble((mean, std)))(normalised(MEAN, STD))
    torch.testing.assert_close(each, torch.cat([first, second], dim=1))


@torch.inference_mode()
def test_a_probability_of_nothing_has_a_logarithm() -> None:
    found = ClassEnsemble([Channels(1e6)] * 2, [None] * 2, [(MEAN, STD)] * 2)
    logits = found(torch.tensor([1.0, 0.0, -1.0]).view(1, 3, 1, 1))
    assert torch.isfinite(logits).all()
    assert logits.softmax(1).tolist()[0] == pytest.approx([1, 0, 0])


def test_others_take_the_places_of_its_members() -> None:
    own = ensemble((MEAN, (0.1, 0.1, 0.1)))
    twin = own.with_members([Channels(1.0), Channels(3.0)])
    x = torch.rand(2, 3, 4, 4, generator=torch.Generator().manual_seed(1))
    assert torch.equal(own(x), twin(x))


@torch.inference_mode()
def test_numbers_are_the_mean_in_their_units_whatever_scale_each_learnt_them_on() -> None:
    scales = [([10.0, 20.0, 0.0], [2.0, 4.0, 1.0]), ([-1.0, 11.0, 19.0], [0.5, 1.0, 8.0])]
    own = ([1.0, 2.0, 3.0], [5.0, 6.0, 7.0])
    members = [Channels(1.0), Channels(3.0)]
    found = NumberEnsemble(members, [None, (1, 2, 0)], [(MEAN, STD)] * 2, scales, own).eval()
    x = torch.rand(4, 3, 5, 5, generator=torch.Generator().manual_seed(0))
    means = x.mean((2, 3)).double().numpy()
    first = means * scales[0][1] + scales[0][0]
    second = (3 * means * scales[1][1] + scales[1][0])[:, [1, 2, 0]]
    wanted = (first + second) / 2
    assert Values(found, *own)(x).numpy() == pytest.approx(wanted, abs=1e-5)
    assert found.answers(x).numpy() == pytest.approx(
        torch.stack([torch.tensor(first), torch.tensor(second)], 1).numpy(), abs=1e-5
    )
    twin = found.with_members(members)
    assert torch.equal(found(x), twin(x))
