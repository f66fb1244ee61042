"""The number of processors that there are to compute with."""

from __future__ import annotations

import os

import pytest

from striate.support.processors import processor_threads


@pytest.mark.parametrize(
    ("given", "threads"), [("3", 3), (" 2 ", 2), ("4,2", 4), ("1, 8, 2", 1), ("007", 7)]
)
def test_threads_are_those_asked_for(
    monkeypatch: pytest.MonkeyPatch, given: str, threads: int
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", given)
    assert processor_threads(1) == processor_threads(2) == threads


@pytest.mark.parametrize("nonsense", ["", "many", "0", "-2", "1.5", ",3", "9" * 40])
def test_nonsense_leaves_the_processors(monkeypatch: pytest.MonkeyPatch, nonsense: str) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    own = processor_threads(1)
    assert 1 <= own <= (os.cpu_count() or 1)
    monkeypatch.setenv("OMP_NUM_THREADS", nonsense)
    assert processor_threads(1) == own
    assert processor_threads(10_000) == 1
