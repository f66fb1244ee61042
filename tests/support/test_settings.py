"""What a context changes for the whole process is as before when it ends, however it ends."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress

import numpy as np
import pytest
import torch

from striate.support.settings import Shared, deterministic, seed, seeded, threads, training


def test_threads() -> None:
    before = torch.get_num_threads()

    def fail() -> None:
        with threads(before + 1):
            assert torch.get_num_threads() == before + 1
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert torch.get_num_threads() == before


def test_seeded() -> None:
    torch.manual_seed(1)
    alone = torch.rand(4)
    torch.manual_seed(1)
    first = torch.rand(2)
    with seeded(5):
        inside = torch.rand(2)
    assert torch.equal(torch.cat([first, torch.rand(2)]), alone)
    torch.manual_seed(5)
    assert torch.equal(inside, torch.rand(2))


def test_deterministic() -> None:
    cudnn = torch.backends.cudnn
    before = cudnn.benchmark, cudnn.deterministic
    with deterministic():
        assert (cudnn.benchmark, cudnn.deterministic) == (False, True)
    assert (cudnn.benchmark, cudnn.deterministic) == before


def test_threads_that_nobody_chose_stay() -> None:
    before = torch.get_num_threads()
    with threads(None):
        assert torch.get_num_threads() == before


def test_other_generators_are_seeded_and_go_on() -> None:
    random.seed(1)
    np.random.seed(1)
    alone = [random.random() for _ in range(2)], np.random.rand(2).tolist()
    random.seed(1)
    np.random.seed(1)
    first = random.random(), np.random.rand()
    inside = []
    for _ in range(2):
        with seeded(2**40):
            inside.append((random.random(), np.random.rand()))
    assert inside[0] == inside[1]
    assert ([first[0], random.random()], [first[1], np.random.rand()]) == alone


def test_a_device_that_nobody_uses_is_not_touched(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a caller has asked of a device before its first use would be lost."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: False)
    touched: list[int] = []
    monkeypatch.setattr(torch.cuda, "manual_seed_all", touched.append)
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: True)
    with seeded(3):
        drawn = torch.rand(2)
        seed(3)
        assert torch.equal(torch.rand(2), drawn)
    assert touched == []


def test_a_training_has_all_of_them() -> None:
    count, cudnn = torch.get_num_threads(), torch.backends.cudnn
    state = torch.get_rng_state()
    with training(count + 1, 7):
        assert torch.get_num_threads() == count + 1
        assert torch.initial_seed() == 7
        assert cudnn.deterministic
    assert torch.get_num_threads() == count
    assert torch.equal(torch.get_rng_state(), state)


def test_a_shared_setting_is_changed_by_the_first_and_put_back_by_the_last() -> None:
    told: list[str] = []

    def change() -> Callable[[], None]:
        told.append("changed")
        return lambda: told.append("put back")

    setting = Shared(change)
    with setting.changed():
        with suppress(ZeroDivisionError), setting.changed():
            raise ZeroDivisionError
        assert told == ["changed"]
    assert told == ["changed", "put back"]
    with setting.changed():
        pass
    assert told == ["changed", "put back"] * 2
