"""How long a report is expected to take."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

import striate
from striate.report.duration import seconds_of_report


def _images(number: int, side: int, clock: list[float]) -> Any:
    def read(_self: Any, _index: int) -> None:
        clock[0] += side / 10_000

    sizes = np.full((number, 2), side)
    return type("Images", (), {"__len__": lambda _self: number, "sizes": sizes, "read": read})


def test_photographs_and_dear_networks_take_longer() -> None:
    def seconds(net: str, size: int, side: int, *, held: int = 40, train: int = 160) -> float:
        clock = [0.0]
        setup: Any = SimpleNamespace(
            network=striate.create(net),
            now=lambda: clock[0],
            train=SimpleNamespace(images=_images(train, side, clock)()),
            validation=SimpleNamespace(
                images=_images(held, side, clock)(),
                preprocessing=SimpleNamespace(input_size=(3, size, size)),
            ),
        )
        return seconds_of_report(setup, 0.01)

    # 200 embeddings, 24 heat maps of three forwards each, 16 samples that are read.
    assert np.isclose(seconds("resnet20", 32, 100), 2.72 + 16 * 0.01)
    assert np.isclose(seconds("resnet20", 32, 4_000), 2.72 - 0.98 + 16 * 0.4)
    assert np.isclose(seconds("resnet20", 32, 100, held=4, train=10), 0.14 + 0.12 + 0.04)
    # At most 2.5e11 multiply-accumulates, of 3.86e9 an image.
    assert np.isclose(seconds("resnet50", 224, 100, held=80), (64 + 64 + 72) / 100 + 0.16)
