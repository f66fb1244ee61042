"""What was predicted of several images: a list that prints as lines and shows itself as a table."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import TypeVar

from striate.inference.estimate import Estimate
from striate.inference.prediction import Prediction
from striate.support.notebook import page, table, text
from striate.support.shown import Listed
from striate.support.text import printable
from striate.support.words import percent

Answer = TypeVar("Answer", bound=Prediction | Estimate)


class Predictions(Listed[Answer]):
    """What was predicted of each of several images, in their order."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        """What Jupyter shows: a table, with a bar for each probability."""
        shown: list[Prediction | Estimate] = [*self.shown]
        classes = [each for each in shown if isinstance(each, Prediction)]
        numbers = [each for each in shown if isinstance(each, Estimate)]
        found = _of_classes(classes) if classes else ""
        found += _of_numbers(numbers) if numbers else ""
        return page(found, text("".join(self.others)))


def _escaped(told: str) -> str:
    return html.escape(printable(told))


def _of_classes(shown: Sequence[Prediction]) -> str:
    labelled = any(each.label for each in shown)
    head = ["image", "class", "probability", "next", *(["label"] if labelled else [])]
    rows = []
    for each in shown:
        if each.error:
            rows.append([_escaped(each.file), _escaped(each.error), "", "", *([""] * labelled)])
            continue
        named = list(zip(each.classes, each.probabilities, strict=True))
        (likeliest, share), *others = named
        rest = ", ".join(f"{_escaped(name)} {html.escape(percent(one))}" for name, one in others)
        sure = _escaped(likeliest) + (" (unsure)" if each.unsure else "")
        row = [_escaped(each.file), sure, _bar(share), rest]
        if labelled:
            row.append(_escaped(each.label) + (" ✗" if each.right is False else ""))
        rows.append(row)
    return table(head, rows)


def _bar(share: float) -> str:
    """A probability with its length."""
    width = f'<span class="bar" style="width:{100 * share:.0f}%"></span>'
    return f'<span class="track">{width}</span>{html.escape(percent(share))}'


def _of_numbers(shown: Sequence[Estimate]) -> str:
    targets = shown[0].targets
    head = ["image"]
    for target in targets:
        head += [_escaped(target.name), "90 %"]
    rows = []
    for each in shown:
        told = [_escaped(each.file)]
        if each.error:
            told += [_escaped(each.error), *([""] * (2 * len(targets) - 1))]
        for pair in () if each.error else each.shown:
            told += map(html.escape, pair)
        rows.append(told)
    return table(head, rows, range(1, len(head)))
