"""The one list of networks, with their sizes; reading it needs no torch."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from striate.errors import NetworkError, nearest

# Written by tools/catalogue.py; a test counts the networks again.
Task = Literal["classification", "detection"]

FILE = Path(__file__).with_name("catalogue.json")


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What the catalogue says about a network in its paper's form."""

    name: str
    family: str
    title: str
    paper: str
    year: int
    input: tuple[int, int, int]  # channels, height, width
    classes: int
    parameters: int  # what training changes, auxiliary heads included
    macs: int  # multiply-accumulates of convolution and linear layers for one image at prediction
    task: Task = "classification"  # what it gives: classes, or boxes with classes


@functools.cache
def entries() -> tuple[Entry, ...]:
    """Give all networks, oldest family first."""
    rows = json.loads(FILE.read_text(encoding="utf-8"))
    return tuple(Entry(**{**row, "input": tuple(row["input"])}) for row in rows)


def entry(name: str) -> Entry:
    """Give the network called `name`.

    Raises:
        NetworkError: if there is none, with the nearest name.
    """
    for one in entries():
        if one.name == name:
            return one
    names = [one.name for one in entries()]
    raise NetworkError(f"network '{name}'", "not in the catalogue", nearest(name, names))


def classifier(name: str) -> Entry:
    """Give the network called `name`, which has to be one that classifies.

    Raises:
        NetworkError: there is none, or it finds boxes.
    """
    one = entry(name)
    if one.task != "classification":
        raise NetworkError(
            f"network '{name}'",
            "finds boxes, and is not trained or fitted here",
            "`striate detect` uses it with the weights that others trained; take a network that "
            "classifies, such as 'cspdarknet53'",
        )
    return one
