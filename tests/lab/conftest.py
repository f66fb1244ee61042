"""A made-up experiment that measures in no time."""

from __future__ import annotations

import pytest
from markupsafe import Markup

from striate.lab.drawing import Axis, beside, curves, rows
from striate.lab.experiment import Conditions, Equal, Experiment, Measured
from striate.lab.results import Results
from striate.lab.verdict import Statement, against


def measure(setting: str, seed: int, conditions: Conditions) -> Measured:
    value = {"slow": 0.5, "fast": 0.75}[setting] + 0.01 * (seed % 3)
    return {"right": value, "layers": [value, 2 * value, 1.0], "seconds_a_step": 0.25}


def draw(results: Results) -> Markup:
    share = Axis(title="share of the <images>", low=0.0, high=1.0)
    return beside(
        "Made up",
        rows(results, "right", share),
        curves(results, "layers", Axis(title="layers", log=True), x=(1, 2, 3), x_title="layer"),
        rows(results, "seconds_a_step", Axis(title="seconds")),
    )


def statement(**changed: object) -> Statement:
    given: dict[str, object] = {
        "says": "fast is better",
        "figure": "right",
        "contrast": against("fast", "slow"),
        "wants": "more",
        "least": 0.1,
        "unit": "points",
    }
    return Statement(**(given | changed))  # type: ignore[arg-type]


@pytest.fixture
def experiment() -> Experiment:
    return Experiment(
        name="made-up",
        number=99,
        title="Made up",
        claim="Fast is better than slow.",
        source="Nobody.",
        chinese=("虚构", "快比慢好。"),
        settings=("slow", "fast"),
        measure=measure,
        equal=lambda _conditions: (Equal(what="parameters", values={"slow": 3.0, "fast": 3.0}),),
        statements=(statement(),),
        figure=draw,
        caption="A point is a seed.",
        shown=(("right", "right, %"), ("seconds_a_step", "seconds")),
        cannot=("Anything.",),
        seeds=3,
    )
