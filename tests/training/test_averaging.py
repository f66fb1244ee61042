from __future__ import annotations

import torch
from torch import nn

from striate.recipes.recipe import Averaging
from striate.training.averaging import AveragedNetwork


def network() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))


def drift(net: nn.Module, value: float) -> None:
    with torch.no_grad():
        for tensor in net.state_dict().values():
            tensor.fill_(value)


def test_ema_follows_its_recurrence_and_averages_batch_norm() -> None:
    net = network()
    drift(net, 0.0)
    mean = AveragedNetwork(net, Averaging(name="ema", decay=0.9), 100)
    expected = 0.0
    for step in range(1, 40):
        drift(net, float(step))
        mean.update(net)
        decay = min(0.9, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * step
    state = mean.network.state_dict()
    for name in ("0.weight", "1.running_mean"):
        assert torch.allclose(state[name], torch.tensor(expected), rtol=1e-4)
    assert state["1.num_batches_tracked"] == 39


def test_polyak_is_the_plain_mean_of_the_last_part() -> None:
    net = network()
    mean = AveragedNetwork(net, Averaging(name="polyak", start=0.5), 10)
    for step in range(1, 11):
        drift(net, float(step))
        mean.update(net)
    assert torch.allclose(mean.network.state_dict()["0.weight"], torch.tensor(8.0))


def test_polyak_begins_at_its_share_of_a_run_that_became_shorter() -> None:
    net = network()
    mean = AveragedNetwork(net, Averaging(name="polyak", start=0.5), 100)
    coming = {4: 6, 7: 93}  # the second comes when the mean has begun
    for step in range(1, 11):
        drift(net, float(step))
        mean.update(net)
        if step in coming:
            mean.expect(coming[step])
    assert torch.allclose(mean.network.state_dict()["0.weight"], torch.tensor(8.0))


def test_restored_average_goes_on_alike() -> None:
    net = network()
    spec = Averaging(name="ema", decay=0.9)
    one, two = AveragedNetwork(net, spec, 9), AveragedNetwork(network(), spec, 9)
    drift(net, 3.0)
    one.update(net)
    two.restore(one.state())
    drift(net, 5.0)
    for each in (one, two):
        each.update(net)
    for a, b in zip(one.network.parameters(), two.network.parameters(), strict=True):
        assert torch.equal(a, b)
