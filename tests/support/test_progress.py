"""What is shown while something goes on: rate, time left, and nothing where nobody looks."""

from __future__ import annotations

import io
from typing import Any

import pytest

from striate.support import progress
from striate.support.progress import Pace, clock, counting


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A clock that is set by hand: ``now[0] = seconds``."""
    held = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: held[0])
    return held


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00"), (59.4, "0:59"), (59.6, "1:00"), (3599, "59:59"), (3600, "1:00:00")],
)
def test_a_clock(seconds: float, text: str) -> None:
    assert clock(seconds) == text


def test_a_pace_counts_what_was_done_since(now: list[float]) -> None:
    pace = Pace(before=40)
    assert pace.left(40, 100) == "?"
    now[0] += 5
    assert pace.rate(50) == 2.0
    assert pace.left(50, 100) == "0:25"
    assert pace.left(100, 100) == "0:00"


def test_a_terminal_is_shown_count_rate_and_time_left(
    now: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = Screen()
    monkeypatch.setattr("sys.stderr", screen)
    with counting("checking images") as show:
        assert show is not None
        show(1, 2000)  # too early to say anything
        assert screen.getvalue() == ""
        now[0] += 2
        show(1000, 2000)
        assert "checking images: 1,000 of 2,000, 500 a second, 0:02 left" in screen.getvalue()
        now[0] += 0.1
        show(1100, 2000)  # too soon after the last
        assert "1,100" not in screen.getvalue()
    assert screen.getvalue().endswith("\r\x1b[2K")  # the line is gone afterwards


def test_nobody_is_shown_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    file = io.StringIO()
    monkeypatch.setattr("sys.stderr", file)
    with counting("checking images") as show:
        assert show is None
    monkeypatch.setattr("sys.stderr", Screen())
    with counting("checking images", wanted=False) as show:
        assert show is None
    assert file.getvalue() == ""
