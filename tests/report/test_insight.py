"""What the page shows beyond figures: heat maps, neighbours, doubtful labels, the map of images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import striate
from striate.data.sources import open_data
from striate.errors import NetworkError
from striate.evaluation.wrong_labels import doubtful_labels
from striate.report import embedded as embedding_module
from striate.report import insight as insight_module
from striate.report.build import render
from striate.report.doubts import doubts_sections
from striate.report.embedded import Embedded, embedded
from striate.report.embedding_map import MOST_TILES, TILE, embedding_section
from striate.report.inputs import ReportInputs
from striate.report.insight import ClassInsight, class_insight, surest_wrong
from striate.report.mistakes import explained_mistakes, mistakes_sentence
from striate.runs.layout import EMBEDDINGS
from striate.runs.run import Run

Make = Callable[..., ReportInputs]


class Known:
    """Training images whose names and labels are known."""

    def __init__(self, labels: np.ndarray) -> None:
        self.labels = labels
        self.names = [f"train/<b>{i}.png" for i in range(len(labels))]

    def read_fitted(self, index: int, preprocessing: Any) -> np.ndarray:
        return np.full((80, 80, 3), index, np.uint8)


@pytest.fixture
def with_insight(make_inputs: Make) -> ReportInputs:
    """Sixty held-out images, whose embeddings lie by their number, beside thirty for training."""
    inputs = make_inputs()
    labels = np.asarray(inputs.images.labels)
    random = np.random.default_rng(1)
    doubts = doubtful_labels(inputs.probabilities, labels)
    angles = np.linspace(0, 3, 60)
    held = np.stack([np.cos(angles), np.sin(angles), 0.01 * random.normal(size=60)], 1)
    chosen = np.arange(0, 60, 2)
    return replace(
        inputs,
        train=Known(labels[chosen]),
        insight=ClassInsight(
            maps={
                (index, int(inputs.probabilities[index].argmax())): random.normal(
                    size=(5, 5)
                ).astype(np.float32)
                for index in surest_wrong(inputs.probabilities, labels, 24)
            },
            told="CAM of <layer>, 5 × 5",
            embedded=Embedded(
                held=np.arange(60),
                held_values=held.astype(np.float32),
                train=np.arange(30),
                train_values=held[chosen].astype(np.float32),
                of_held=60,
                of_train=90,
            ),
            doubts=doubts,
            doubted=len(doubts),
        ),
    )


def test_mistakes_have_a_heat_map_and_their_neighbours(with_insight: ReportInputs) -> None:
    rows = explained_mistakes(with_insight)
    assert rows
    for row in rows:
        assert row.heat.startswith("data:image/jpeg;base64,")
        assert len(row.neighbours) == 3
        at = row.mistake.index
        near = [int(each.file.removeprefix("<b>").removesuffix(".png")) for each in row.neighbours]
        assert max(abs(2 * each - at) for each in near) <= 6
        for each in row.neighbours:
            assert each.as_predicted == (each.label == row.mistake.predicted)
    said = mistakes_sentence(with_insight)
    assert "by CAM of <layer>, 5 × 5" in said
    assert "nearest to it among 30 of 90, drawn at random" in said
    plain = replace(with_insight, insight=ClassInsight())
    assert not any(row.heat or row.neighbours for row in explained_mistakes(plain))
    assert "nearest" not in mistakes_sentence(plain)


def test_doubtful_labels_come_with_their_evidence(with_insight: ReportInputs) -> None:
    (part,) = doubts_sections(with_insight)
    assert part.title == "Among the validation images"
    assert f"{with_insight.insight.doubted} of 60 validation images are likely" in part.sentence
    assert len(part.shown) == with_insight.insight.doubted
    for each in part.shown:
        assert each.nearby.startswith("of the 10 nearest training images ")
        assert each.label != each.other
    (part,) = doubts_sections(replace(with_insight, insight=ClassInsight()))
    assert part.shown == []
    assert "None of the 60 validation images is likely" in part.sentence


def test_doubtful_training_labels_are_those_that_a_transfer_wrote_down(
    with_insight: ReportInputs,
) -> None:
    shown = [
        {
            "image": 7,
            "label": 0,
            "other": 2,
            "label_probability": 0.1,
            "other_probability": 0.8,
            "threshold": 0.6,
            "nearby": [2, 2, 0],
        }
    ]
    record = {"doubts": {"images": 30, "doubted": 1, "shown": shown}}
    _, part = doubts_sections(replace(with_insight, transfer=record))
    assert "1 of 30 training images" in part.sentence
    (row,) = part.shown
    assert (row.name, row.label, row.other) == ("train/<b>7.png", "cat", "owl")
    assert row.nearby == "of the 3 nearest training images 2 are “owl”, 1 “cat”"


def test_the_map_shows_every_image_once(with_insight: ReportInputs) -> None:
    section = embedding_section(with_insight)
    assert section is not None
    (drawn,) = section.maps
    assert drawn.title == "Principal components"
    assert drawn.svg.count("<circle") + drawn.svg.count("<image") == 60
    assert 5 < drawn.svg.count("<image") <= MOST_TILES
    wrong = with_insight.probabilities.argmax(1) != with_insight.images.labels
    assert drawn.svg.count("missed") == wrong.sum()
    assert [name for _, name in section.legend] == list(with_insight.evaluation.classes)
    assert TILE > 20
    assert embedding_section(replace(with_insight, insight=ClassInsight())) is None


def test_the_page_holds_all_of_it_escaped(with_insight: ReportInputs) -> None:
    page = render(with_insight)
    for anchor in ('id="labels"', 'id="embedding"', 'class="nearby"', "&lt;layer&gt;"):
        assert anchor in page
    assert "<b>0.png" not in page
    assert "<layer>" not in page
    assert render(with_insight) == page
    noted = replace(with_insight, insight=ClassInsight(notes=("There are no heat maps: <i>.",)))
    assert "There are no heat maps: &lt;i&gt;." in render(noted)


@pytest.fixture(scope="module")
def run(photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("runs") / "run"
    return striate.open_run(striate.create_run("resnet20", folder, classes=3, seed=1).path)


def test_of_a_run_and_its_images(
    run: Run, photographs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = open_data(str(photographs), val_fraction=0.5, seed=0)
    images = len(data.val)
    shares = np.full((images, 3), 0.2, np.float32)
    shares[:, 0] = 0.6
    found = class_insight(run, data, shares)
    assert found.notes == ()
    wrong = np.flatnonzero(data.val.labels != 0).tolist()
    assert sorted(found.maps) == [(image, 0) for image in wrong]
    assert {each.shape for each in found.maps.values()} == {(8, 8)}
    assert found.told == "CAM of stage3.2.relu#2, 8 × 8"
    assert found.embedded is not None
    assert (found.embedded.of_held, found.embedded.of_train) == (images, len(data.train))
    assert found.embedded.held_values.shape == (images, 64)
    monkeypatch.setattr(embedding_module, "_computed", lambda *_: 1 / 0)
    again = class_insight(run, data, shares).embedded
    assert again is not None, "the run keeps them"
    for one, other in zip(vars(found.embedded).values(), vars(again).values(), strict=True):
        np.testing.assert_array_equal(one, other)
    monkeypatch.setattr(Run, "weights_epoch", 3)
    assert class_insight(run, data, shares).embedded is None, "those of other weights are not taken"
    monkeypatch.undo()
    (run.path / EMBEDDINGS).write_bytes(b"damaged")
    assert class_insight(run, data, shares).notes == ()


def test_what_is_dear_is_sampled(
    run: Run, photographs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = open_data(str(photographs), val_fraction=0.5, seed=0)
    (run.path / EMBEDDINGS).unlink(missing_ok=True)
    monkeypatch.setattr(embedding_module, "LEAST", 4)
    monkeypatch.setattr(embedding_module, "MOST_MACS", 1.0)
    found = embedded(run, data, [3, 1])
    assert {1, 3} <= set(found.held.tolist())
    assert 4 <= len(found.held) <= 6
    assert (np.diff(found.held) > 0).all()
    assert len(found.train) == 4


def test_a_network_that_cannot_be_explained_leaves_a_note(
    run: Run, photographs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise NetworkError("network 'x'", "has no last feature map")

    monkeypatch.setattr(insight_module, "_maps", refuse)
    monkeypatch.setattr(insight_module, "embedded", lambda *_, **__: 1 / 0)
    data = open_data(str(photographs), val_fraction=0.5, seed=0)
    found = class_insight(run, data, np.full((len(data.val), 3), 1 / 3, np.float32))
    assert found.notes == (
        "There are no heat maps: network 'x' has no last feature map.",
        "There are no embeddings: ZeroDivisionError: division by zero.",
    )
