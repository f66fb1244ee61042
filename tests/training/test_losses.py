from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from striate.data.batch import Targets
from striate.errors import RecipeError
from striate.recipes.recipe import Loss
from striate.training.losses import Criterion, balanced_weights, parse_weights
from striate.zoo.create import create
from striate.zoo.layers import TrainingOutput

LABELS = torch.tensor([0, 2, 1])


class TwoHeads(nn.Module):
    auxiliary_weights = (0.3, 0.3)


def test_main_plus_weighted_auxiliary() -> None:
    heads = [torch.randn(3, 3) for _ in range(3)]
    output = TrainingOutput(heads[0], (heads[1], heads[2]))
    losses = [F.cross_entropy(head, LABELS) for head in heads]
    found = Criterion(Loss(), TwoHeads())(output, Targets(LABELS, None, None))
    assert torch.allclose(found.total, losses[0] + 0.3 * losses[1] + 0.3 * losses[2])
    assert torch.equal(found.main, losses[0])
    flagged = Criterion(Loss(auxiliary_weights=(0.0, 1.0)), TwoHeads())(
        output, Targets(LABELS, None, None)
    )
    assert torch.allclose(flagged.total, losses[0] + losses[2])


def test_wrong_number_of_weights() -> None:
    with pytest.raises(RecipeError, match="the network has 2 auxiliary heads; give 2 weights"):
        Criterion(Loss(auxiliary_weights=(0.3,)), TwoHeads())
    with pytest.raises(RecipeError, match="has 0 auxiliary heads; leave it out"):
        Criterion(Loss(auxiliary_weights=(0.3,)), nn.Identity())
    assert parse_weights("0.3, 0.2") == (0.3, 0.2)
    with pytest.raises(RecipeError, match="not a number"):
        parse_weights("a")


def test_auxiliary_gradients_reach_the_layers_below() -> None:
    torch.manual_seed(0)
    network = create("googlenet", classes=3).train()
    # With the main loss cut off, only the auxiliary heads can move the stem.
    output = network(torch.randn(2, 3, 224, 224))
    cut = TrainingOutput(output.logits.detach(), output.auxiliary)
    Criterion(Loss(), network)(cut, Targets(LABELS[:2], None, None)).total.backward()
    first = next(p for p in network.parameters() if p.ndim == 4)
    assert first.grad is not None
    assert first.grad.abs().sum() > 0


def test_map_loss_is_equation_nine() -> None:
    penalties = torch.rand(3, 3) * 5
    j = 0.1
    wanted = [
        y[d] + torch.log(torch.exp(torch.tensor(-j)) + torch.exp(-y).sum())
        for y, d in zip(penalties, LABELS, strict=True)
    ]
    found = Criterion(Loss(name="map", map_j=j), nn.Identity())(
        -penalties, Targets(LABELS, None, None)
    )
    assert torch.allclose(found.total, torch.stack(wanted).mean())


def test_mixed_targets() -> None:
    logits, others, share = (
        torch.randn(3, 3),
        torch.tensor([1, 1, 0]),
        torch.tensor([1.0, 0.25, 0.5]),
    )
    soft = F.one_hot(LABELS, 3) * share[:, None] + F.one_hot(others, 3) * (1 - share)[:, None]
    wanted = -(soft * logits.log_softmax(1)).sum(1).mean()
    found = Criterion(Loss(), nn.Identity())(logits, Targets(LABELS, others, share))
    assert torch.allclose(found.total, wanted)


def test_balanced_weights_make_classes_equal() -> None:
    weights = balanced_weights(np.array([0] * 90 + [1] * 10), 2)
    assert weights[1] / weights[0] == pytest.approx(9)
    assert (weights * torch.tensor([90.0, 10.0])).sum() == pytest.approx(100)


def test_a_class_without_images_has_a_finite_weight() -> None:
    weights = balanced_weights(np.array([0, 0, 2]), 3)
    assert torch.isfinite(weights).all()
    assert weights[2] / weights[0] == pytest.approx(2)


def test_label_smoothing_shares_out_its_part_among_all_classes() -> None:
    """Szegedy et al. 2016, Sec. 7: (1 - ε) on the true class, and ε / K on each of K."""
    logits, labels = torch.tensor([[2.0, 0.0, -1.0], [0.5, 1.0, 0.0]]), torch.tensor([0, 2])
    found = Criterion(Loss(label_smoothing=0.3), nn.Identity())(logits, Targets(labels, None, None))
    shares = 0.7 * torch.eye(3)[labels] + 0.3 / 3
    wanted = -(shares * logits.log_softmax(1)).sum(1).mean()
    torch.testing.assert_close(found.total, wanted)
