"""What answers with something else than classes shares all but the answer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torch import Tensor, nn

from striate.data.finding.inputs import items
from striate.data.preprocessing import Preprocessing
from striate.engines.choosing import open_session
from striate.engines.session import Answers
from striate.errors import DataError
from striate.inference.predictor import Predictor

PREPROCESSING = Preprocessing(resize=6, height=6, width=6, mean=(0.0,) * 3, std=(1.0,) * 3)


class Mean(nn.Module):
    """The mean of each channel, from 0 to 1."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean((2, 3))


class Colours(Predictor[tuple[str, float]]):
    """Answers with a number: how bright an image is; -1 for what is none."""

    @property
    def outputs(self) -> int:
        return 3

    def answer(self, name: str, row: Answers) -> tuple[str, float]:
        return name, round(float(row.mean()), 3)

    def failed(self, name: str, error: DataError) -> tuple[str, float]:
        return name, -1.0


@pytest.mark.parametrize("engine", ["torch", "onnxruntime", "openvino"])
@pytest.mark.parametrize("workers", [0, 3])
@pytest.mark.parametrize("batch_size", [1, 4])
def test_a_predictor_of_numbers(engine: str, workers: int, batch_size: int, tmp_path: Path) -> None:
    if engine != "torch":
        pytest.importorskip(engine)
    expected = []
    for number in range(23):
        path = tmp_path / f"{number:02}.png"
        if number % 5 == 2 or number in range(9, 15):  # a batch of nothing but these, among others
            path.write_bytes(b"no image")
            expected.append((str(path), -1.0))
        else:
            level = number * 11
            Image.new("RGB", (7 + number % 3, 7), (level,) * 3).save(path)
            expected.append((str(path), round(level / 255, 3)))
    session = open_session(Mean(), PREPROCESSING, engine, batch_size=batch_size)
    with Colours(session, PREPROCESSING) as colours:
        assert (colours.input, colours.batch_size) == ((3, 6, 6), batch_size)
        found = list(colours.answers(items(tmp_path), workers=workers))
    assert [name for name, _ in found] == [name for name, _ in expected]
    np.testing.assert_allclose([a for _, a in found], [a for _, a in expected], atol=2e-3)


def test_nothing_readable_is_answered_at_once() -> None:
    def missing():  # type: ignore[no-untyped-def]
        while True:
            yield "gone.png"

    session = open_session(Mean(), PREPROCESSING, "torch", batch_size=2)
    found = Colours(session, PREPROCESSING).answers(items(missing()))
    assert [next(found) for _ in range(5)] == [("gone.png", -1.0)] * 5
