from __future__ import annotations

import math
import re
from pathlib import Path

import pytest

from striate.support import words
from striate.support.words import THIN, count, duration, figure, listing, percent, plural, power


@pytest.mark.parametrize(
    ("share", "shown"),
    [(0.8764, "87.6_%"), (1.0, "100.0_%"), (0.9999, "99.9_%"), (0.0, "0.0_%"), (1e-5, "<_0.1_%")],
)
def test_percent_never_rounds_to_all_or_nothing(share: float, shown: str) -> None:
    assert percent(share) == shown.replace("_", THIN)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"),
        (2.345678, "2.35"),
        (0.012345, "0.0123"),
        (1234.5, "1234"),
        (-0.5, "−0.500"),
        (1e-9, "10⁻⁹"),
        (1.23e12, "1.23_×_10¹²"),
        (math.nan, "–"),
        (None, "–"),
        (math.inf, "∞"),
    ],
)
def test_figures_have_three_digits(value: float | None, shown: str) -> None:
    assert figure(value) == shown.replace("_", THIN)


def test_powers_of_ten() -> None:
    assert [power(10.0**i) for i in (-5, -2, 0, 3, 4)] == ["10⁻⁵", "0.01", "1", "1000", "10⁴"]


def test_words() -> None:
    assert count(12345) == "12,345"
    assert plural(1, "image") == "1 image"
    assert plural(2, "class", "classes") == "2 classes"
    assert listing(["a", "b", "c"]) == "a, b and c"
    assert duration(0.5) == f"0.50{THIN}s"
    assert duration(75) == f"1{THIN}min 15{THIN}s"
    assert duration(3700) == f"1{THIN}h 1{THIN}min"


def test_percentages_are_written_in_one_place() -> None:
    """No other file has a style of its own for them, and no page's script but two."""
    styles = re.compile(r":[\d.,<>+]*%\}|\{100 \* [^}]*\}\S{0,8} ?%(?!;)|\)\}%`")
    src = Path(words.__file__).parents[1]
    own = {src / "support" / "words.py"}
    own |= {src / "anatomy/view/assets/model.js", src / "serving/page/page.js"}
    found = [
        f"{path.relative_to(src)}:{number}: {line.strip()}"
        for path in (*src.rglob("*.py"), *src.rglob("*.js"))
        if path not in own
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if styles.search(line) and not re.search(r"\.style\.|style=", line)
    ]
    assert found == []
