"""The class that an image is of, where the folder that it lies in says so."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Generator, Iterator
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from striate.data.finding.inputs import Item
    from striate.inference.prediction import Prediction


def label_of(item: Item, classes: Collection[str]) -> str:
    """The nearest of an image's folders that is called as a class; empty where none is.

    Folders above the one that was named do not count.
    """
    return next((each for each in item.folders if each in classes), "")


def with_labels(
    items: Iterator[Item],
    classes: Collection[str],
    predict: Callable[[Iterator[Item]], Generator[Prediction]],
) -> Generator[Prediction]:
    """What is predicted of `items`, each with its label.

    Args:
        items: may have no end.
        classes: names.
        predict: gives a prediction for each of the items that it is given, in their order.
    """
    labels: deque[str] = deque()
    known = frozenset(classes)

    def noted() -> Iterator[Item]:
        for item in items:
            labels.append(label_of(item, known))
            yield item

    with closing(predict(noted())) as found:
        for each in found:
            label = labels.popleft()
            yield replace(each, label=label) if label else each
