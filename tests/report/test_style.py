"""The one style sheet of all pages."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import striate.report

SHEET = Path(striate.report.__file__).parent / "templates" / "report.css"


def test_no_two_parts_of_a_page_have_a_class_of_one_name() -> None:
    """The later would take the earlier's place on every page."""
    names: Counter[str] = Counter()
    for line in SHEET.read_text("utf-8").splitlines():
        if found := re.match(r"([^@\s{}/][^{}]*)\{", line):
            names.update(each.strip() for each in found[1].split(","))
    twice = [name for name, count in names.items() if count > 1]
    assert not [name for name in twice if re.fullmatch(r"\.[a-z-]+", name)]
