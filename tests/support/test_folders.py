"""Where caches are."""

from __future__ import annotations

from pathlib import Path

import pytest

from striate.errors import StriateError
from striate.support.folders import cache_at


def test_the_folder_is_the_one_given_or_the_usual_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("STRIATE_CACHE", "/some/where")
    assert cache_at(None) == Path("/some/where")
    assert cache_at(tmp_path) == tmp_path
    assert cache_at("~/mine") == Path.home() / "mine"
    with pytest.raises(StriateError, match="names the home folder of nobody"):
        cache_at("~nobody-here/x")


def test_a_cache_that_cannot_be_had_is_no_condition(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRIATE_CACHE", "~nobody-here/x")
    notes: list[str] = []
    assert cache_at(None, notes) is None
    (line,) = notes
    assert line.startswith("nothing is cached: ~nobody-here/x: names the home folder of nobody")
