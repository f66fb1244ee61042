"""A run whose images were listed by a table finds them again, and others like them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import striate
from striate.data.labelled import open_labelled
from striate.data.targets import Answers
from striate.errors import DataError, StriateError
from striate.runs.data import own_data, training_of
from striate.training.distributed import Group
from striate.training.options import TrainOptions
from striate.training.plan import plan


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """24 pictures whose classes are in the column animal, and numbers in the column label."""
    lines = []
    for number in range(24):
        name = ("cat", "dog")[number % 2]
        (tmp_path / name).mkdir(exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 256, (12, 12, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / name / f"{number:02}.png")
        lines.append(f"{name}/{number:02}.png;{name};{number % 3}\n")
    path = tmp_path / "animals.csv"
    path.write_text("file;animal;label\n" + "".join(lines[::-1]))
    return path


def test_the_column_that_was_named_is_known_to_the_run(table: Path) -> None:
    out = table.parent.parent / f"{table.parent.name}-run"
    options = TrainOptions(table, net="lenet", label="animal", batch_size=8, out=out)
    planned = plan(options, group=Group())
    assert planned.held is not None
    planned.held.release()
    run = striate.open_run(out)
    assert run.classes == ("cat", "dog")
    assert (run.config.data.label, run.config.data.origin) == ("animal", str(table.resolve()))
    assert len(own_data(run, workers=1).val) == run.config.data.val_images
    training = training_of(run)
    every = open_labelled(table, run.classes, training=training, all_images=True).images
    # Folders have no columns, and need none.
    folders = open_labelled(table.parent, run.classes, training=training, all_images=True).images
    assert list(folders.digests) == list(every.digests)
    other = table.with_name("other.csv")
    other.write_text(table.read_text().replace("animal", "kind"))
    kind = Answers(label="kind")
    given = open_labelled(other, run.classes, training=training, answers=kind, all_images=True)
    assert (given.images.labels == every.labels).all()
    with pytest.raises(DataError, match="class '0' is not in the network's classes"):
        open_labelled(other, run.classes, training=training)
    with pytest.raises(StriateError, match="`label='kind'`: the run's own images are known"):
        striate.evaluate(out, label="kind")
