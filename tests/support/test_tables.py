"""Tables become dataclasses, and what they may not hold is named in one line."""

from __future__ import annotations

import codecs
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest

from striate.errors import RecipeError, RunError
from striate.support.tables import (
    ADDED,
    Bounds,
    check_bounds,
    decided,
    from_table,
    plain,
    read_toml,
    stored,
)

TEXT = 'name = "é"\nnumber = 3\n'


@dataclass(frozen=True, kw_only=True)
class Inner:
    side: Annotated[int, Bounds(1, 100)]


@dataclass(frozen=True, kw_only=True)
class Outer:
    number: Annotated[int, Bounds(0, 9)] = 0
    rate: Annotated[float, Bounds(0, 1, above=True)] = 0.5
    rates: Annotated[tuple[float, ...] | None, Bounds(0, 1)] = None
    kind: Literal["a", "b"] = "a"
    free: Mapping[str, Any] = field(default_factory=dict)
    inner: Inner = Inner(side=1)

    def __post_init__(self) -> None:
        check_bounds(self, "outer", kind=RunError)


@pytest.mark.parametrize(
    ("encode", "why"),
    [
        (lambda text: codecs.BOM_UTF8 + text.encode(), None),
        (lambda text: text.encode(), None),
        (lambda text: text.encode("utf-16"), "is saved as UTF-16; save it as UTF-8"),
        (lambda text: codecs.BOM_UTF16_BE + text.encode("utf-16-be"), "is saved as UTF-16"),
        (lambda text: text.encode("latin-1"), r"is not UTF-8 \(byte 9\)"),
        (lambda text: b"a = " + b"[" * 20_000, "cannot be read as TOML.*; look"),
        (lambda text: b"a = 1\0", "cannot be read as TOML"),
    ],
)
def test_what_editors_write(tmp_path: Path, encode: Any, why: str | None) -> None:
    path = tmp_path / "a.toml"
    path.write_bytes(encode(TEXT))
    if why is None:
        assert read_toml(path, kind=RunError, remedy="look") == {"name": "é", "number": 3}
        return
    with pytest.raises(RunError, match=why) as caught:
        read_toml(path, kind=RunError, remedy="look")
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.toml")
    with pytest.raises(RunError, match="is a named pipe, not a file"):
        read_toml(tmp_path / "a.toml", kind=RunError, remedy="")
    with pytest.raises(RunError, match="there is no such file"):
        read_toml(tmp_path / "b.toml", kind=RunError, remedy="")


@pytest.mark.parametrize(
    ("table", "why"),
    [
        ({"number": 10}, "t: number = 10: must be at most 9"),
        ({"number": -1}, "t: number = -1: must be at least 0"),
        ({"number": True}, "must be a whole number, not bool"),
        ({"number": 10**5000}, "a number of thousands of digits: must be at most 9"),
        ({"rate": 0}, "t: rate = 0.0: must be more than 0"),
        ({"rate": float("nan")}, "must be a finite number"),
        ({"rates": [0.5, 2.0]}, "t: rates = 2.0: must be at most 1"),
        ({"rates": "no"}, "t: rates = 'no': must be a list"),
        ({"kind": "x" * 1000}, "is unknown"),
        ({"kind": ["a"]}, "is unknown"),
        ({"free": 3}, "must be a table"),
        ({"inner": {}}, "t: inner: side: is missing"),
        ({"inner": {"side": 101}}, "t: inner: side = 101: must be at most 100"),
        ({"innner": {}}, "innner: is not a key here; did you mean 'inner'"),
    ],
)
def test_what_no_table_may_hold(table: dict[str, Any], why: str) -> None:
    with pytest.raises(RunError, match=why) as caught:
        from_table(Outer, table, "t", kind=RunError)
    assert len(str(caught.value)) < 200


def test_bounds_hold_without_a_table_too() -> None:
    assert from_table(Outer, {"rates": [0, 1], "free": {"x": [1]}}, "t").rates == (0.0, 1.0)
    for wrong in ({"number": 10}, {"rate": 0.0}, {"rate": float("nan")}, {"rates": (0.5, -1.0)}):
        with pytest.raises(RunError, match=r"outer: (rate|number)"):
            Outer(**wrong)  # type: ignore[arg-type]
    with pytest.raises(RecipeError, match="outer: number"):
        check_bounds(_Unchecked(number=10), "outer")


@dataclass
class _Unchecked:
    number: Annotated[int, Bounds(0, 9)]


def test_a_class_may_grow_without_changing_what_was_decided_before() -> None:
    @dataclass
    class Small:
        side: int = 3
        note: str | None = None

    @dataclass
    class Before:
        name: str
        small: Small

    @dataclass
    class LaterSmall(Small):
        filter: str = field(default="linear", metadata=ADDED)

    @dataclass
    class Later(Before):
        rule: int = field(default=0, metadata=ADDED)

    def digest(value: object) -> str:
        return hashlib.sha256(json.dumps(decided(value), sort_keys=True).encode()).hexdigest()

    old = digest(Before("x", Small()))
    assert digest(Later("x", LaterSmall())) == old
    assert digest(Later("x", LaterSmall(), rule=1)) != old
    assert digest(Later("x", LaterSmall(filter="cubic"))) != old
    assert digest(Before("x", Small(side=4))) != old


@dataclass(frozen=True, kw_only=True)
class Renamed:
    gamma: float = field(metadata=stored("width"))
    folds: int = 5


@dataclass(frozen=True, kw_only=True)
class Either:
    part: Inner | Renamed | None = None


def test_a_field_may_have_another_name_in_files() -> None:
    made = from_table(Renamed, {"width": 2.0}, "it")
    assert made == from_table(Renamed, {"gamma": 2.0}, "it") == Renamed(gamma=2.0)
    assert decided(made) == plain(made) == {"width": 2.0, "folds": 5}
    with pytest.raises(RecipeError, match=r"it: width = 'x': must be a number"):
        from_table(Renamed, {"width": "x"}, "it")
    with pytest.raises(RecipeError, match=r"it: width: is another name of 'gamma'; leave one"):
        from_table(Renamed, {"width": 1.0, "gamma": 1.0}, "it")
    with pytest.raises(RecipeError, match=r"it: widht: is not a key here"):
        from_table(Renamed, {"widht": 1.0}, "it")


def test_of_several_tables_it_is_the_one_that_has_the_keys() -> None:
    assert from_table(Either, {"part": {"side": 3}}, "it").part == Inner(side=3)
    found = from_table(Either, {"part": {"gamma": 3.0, "folds": 2}}, "it")
    assert found.part == Renamed(gamma=3.0, folds=2)
    assert from_table(Either, {"part": found.part}, "it") == found
    assert from_table(Either, {"part": None}, "it").part is None
    assert plain(found) == {"part": {"width": 3.0, "folds": 2}}
    for table, why in (
        ({"folds": "x", "gamma": 1.0}, r"it: part: folds = 'x': must be a whole number"),
        ({"side": 0}, r"it: part: side = 0: must be at least 1"),
        (3, r"it: part: must be a table, not 3"),
    ):
        with pytest.raises(RecipeError, match=why):
            from_table(Either, {"part": table}, "it")
