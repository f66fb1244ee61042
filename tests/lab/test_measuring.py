"""What single claims measure, against what was worked out by hand."""

from __future__ import annotations

import json
import time
from functools import partial

import numpy as np
import pytest
import torch

from striate.lab.book import experiment_of
from striate.lab.claims import (
    auxiliary_heads,
    crops_and_ensembles,
    factorised,
    small_kernels,
    transfer,
)
from striate.lab.claims.batch_norm import on_the_way
from striate.lab.claims.leaving_out import changes, inner
from striate.lab.experiment import QUICK
from striate.lab.learning import images_of, preprocessed, sample_of
from striate.lab.modular import INCEPTION, Modular, Plan
from striate.lab.networks import reach
from striate.lab.timing import least_seconds


def test_what_moves_evenly_is_half_of_the_time_on_its_way() -> None:
    ends = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])
    assert on_the_way([ends[0], ends[1], ends[1]]) == pytest.approx(1 / 3)
    assert on_the_way([ends[0], ends[0], 2 * ends[1]]) == pytest.approx(2 / 3)


def test_heads_without_weight_bring_no_gradient() -> None:
    torch.manual_seed(0)
    x, labels = torch.randn(4, 3, 16, 16), torch.tensor([0, 1, 2, 0])
    given = {"width": 8, "blocks": 1, "branches": INCEPTION, "normalised": False, "classes": 3}
    for weight, more in ((0.0, False), (1.0, True)):
        network = Modular(Plan(**given, auxiliary=(weight, weight)))  # type: ignore[arg-type]
        found = auxiliary_heads.more_gradient(network, x, labels)
        assert (abs(found - 1) > 1e-3) is more


def test_changes_are_those_of_blocks_that_could_be_left_out() -> None:
    torch.manual_seed(0)
    network = Modular(Plan(width=4, blocks=2, shortcut="a")).eval()
    assert len(inner(network)) == 4  # all but the two that halve the grid
    for block in inner(network):
        block.left_out = True
    assert changes(network, torch.randn(2, 3, 16, 16)) == [0.0] * 4


def test_a_factorised_network_sees_as_far() -> None:
    for setting in factorised.SETTINGS:
        make = partial(Modular, factorised.plan(setting))
        # 3×3 at steps of 1, then 2, 2, 2, 4, 4, 8 pixels: 1 + 2 · 23.
        assert reach(make) == 47
        assert make().features(torch.zeros(1, 3, 32, 32)).shape == (1, 64, 4, 4)


def test_a_stack_costs_what_the_paper_counts_and_sees_as_far() -> None:
    found = {}
    for setting in small_kernels.SETTINGS:
        make = partial(Modular, small_kernels.plan(setting))
        network = make()
        compared = [stage[1] for stage in network.stages]  # type: ignore[index]
        assert all((each.stride, each.before) == (1, each.after) for each in compared)
        weights = sum(p.numel() for p in compared[0].parameters() if p.ndim == 4)
        found[setting] = weights / small_kernels.WIDTH**2, reach(make)
    # Simonyan and Zisserman 2015, Sec. 2.3: 27 C² instead of 49 C².
    assert {name: each[0] for name, each in found.items()} == {
        "5×5": 25,
        "3×3 twice": 18,
        "7×7": 49,
        "3×3 three times": 27,
    }
    assert found["5×5"][1] == found["3×3 twice"][1] < found["7×7"][1]
    assert found["7×7"][1] == found["3×3 three times"][1]


def test_least_seconds_are_of_the_processor() -> None:
    calls = []

    def work() -> None:
        calls.append(1)
        time.sleep(0.05)

    assert 0 <= least_seconds(work, times=3) < 0.04
    assert len(calls) == 4

    def busy() -> None:
        end = time.process_time() + 0.02
        while time.process_time() < end:
            pass

    assert 0.02 <= least_seconds(busy, times=2) < 0.04


def test_a_sample_has_every_class_in_its_share() -> None:
    train = images_of(QUICK).train
    by_class = train.subset(np.argsort(train.labels, kind="stable"))  # as folders are
    for most in (4, 8):
        images, labels = sample_of(by_class, preprocessed(by_class, 16, 3), most)
        assert np.bincount(labels).tolist() == [most // 4] * 4
        assert images.shape == (most, 3, 16, 16)


def test_transfer_shares_out_classes_and_images() -> None:
    data = images_of(experiment_of("transfer").quick)
    old, new = (transfer.half(data, upper=upper) for upper in (False, True))
    assert old.classes + new.classes == data.classes
    assert len(old.train) + len(new.train) == len(data.train)
    some = transfer.few(new, 6)
    assert [int((some.train.labels == label).sum()) for label in range(2)] == [3, 3]


@pytest.mark.parametrize(
    ("name", "first", "then"),
    [
        ("transfer", "head, few", "all, few"),
        ("crops-and-ensembles", "3 networks", "one view"),
    ],
)
def test_networks_that_settings_share_are_the_same_whoever_asks(
    name: str, first: str, then: str
) -> None:
    experiment = experiment_of(name)
    found = []
    for settings in ((first, then), (then,)):
        transfer.learnt_before.cache_clear()
        crops_and_ensembles.member.cache_clear()
        measured = [experiment.measure(each, 0, experiment.quick) for each in settings][-1]
        told = {key: value for key, value in measured.items() if not key.startswith("seconds")}
        found.append(json.dumps(told))
    assert found[0] == found[1]
