"""What a context changes for the whole process is as before when it ends, however it ends."""

from __future__ import annotations

import pytest
import torch

from striate.support.settings import deterministic, seeded, threads


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
