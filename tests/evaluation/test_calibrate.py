"""A calibrated run: the same top-1 and other probabilities, wherever it is used; and taken back."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import striate
from striate.cli.main import app
from striate.data.images import ImageSet
from striate.errors import RunError
from striate.inference.classifier import Classifier
from striate.runs import layout as names
from striate.runs.calibration import with_temperature
from striate.runs.predictions import keep_predictions
from striate.runs.run import Run


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Run:
    """A run of its own for each test."""
    return Run.open(shutil.copytree(trained, tmp_path / "run"))


def keep(run: Run, shares: Any, labels: Any) -> None:
    """Make `shares` what is kept of the run's held-out images."""
    count = len(labels)
    images = ImageSet(
        classes=run.classes,
        labels=np.asarray(labels, np.int64),
        names=[f"{number}.png" for number in range(count)],
        digests=[f"{number:032x}" for number in range(count)],
        sizes=np.ones((count, 2), np.int32),
        grey=np.ones(count, np.bool_),
    )
    keep_predictions(run, images, np.asarray(shares, np.float32), split="split")


def overconfident(images: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """Always sure of class 0 at 0.99, and right in seven of ten images."""
    shares = np.full((images, 10), 0.01 / 9, np.float32)
    shares[:, 0] = 0.99
    return shares, np.where(np.arange(images) % 10 < 7, 0, 1 + np.arange(images) % 9)


def test_a_run_is_calibrated_everywhere_and_taken_back(run: Run) -> None:
    before = json.loads((run.path / names.EVALUATION).read_text())
    kept = run.predictions()
    assert kept is not None
    keep(run, *overconfident())
    found = striate.calibrate(run.path)
    assert found.kept
    assert (found.images, run.temperature) == (400, found.temperature)
    assert found.after is not None
    assert found.before is not None
    assert found.before.ece == pytest.approx(0.29, abs=1e-6)
    assert found.after.ece < 0.01
    # What is kept of it are the network's own probabilities all the same.
    digits = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 1)).astype(np.uint8)
    with Classifier.of_run(run) as one, Classifier.of_run(run, calibrated=False) as other:
        own = other.probabilities(list(digits))
        wanted = with_temperature(own, found.temperature)
        assert one.probabilities(list(digits)) == pytest.approx(wanted, abs=1e-5)
    assert not np.allclose(own, wanted, atol=1e-2)
    measured = striate.evaluate(run.path, workers=0)
    assert measured.top1 == before["top1"]
    assert measured.scaling is not None
    assert measured.scaling.used == found.temperature
    assert measured.scaling.before.loss == pytest.approx(before["loss"])
    assert f"before calibration (temperature {found.temperature:.3g}), " in str(measured)
    again = run.predictions(calibrated=False)
    assert again is not None
    assert (again.probabilities == kept.probabilities).all()
    shown = run.predictions()
    assert shown is not None
    assert (shown.probabilities == with_temperature(again.probabilities, run.temperature)).all()
    assert striate.calibrate(run.path, off=True).summary().endswith("the network's own")
    assert json.loads((run.path / names.EVALUATION).read_text()) == before


def test_an_exported_file_has_calibrated_probabilities(run: Run, tmp_path: Path) -> None:
    keep(run, *overconfident())
    temperature = striate.calibrate(run.path).temperature
    file = striate.export(run.path, tmp_path / "digits.onnx", capture="trace", cam=True).file
    digits = list(np.random.default_rng(0).integers(0, 256, (3, 32, 32, 1)).astype(np.uint8))
    with Classifier.of_file(file) as exported, Classifier.of_run(run) as own:
        found = exported.probabilities(digits)
        assert found == pytest.approx(own.probabilities(digits), abs=1e-5)
    import onnx

    written = {each.key: each.value for each in onnx.load(file).metadata_props}
    assert json.loads(written["temperature"]) == temperature


def test_probabilities_of_older_weights_are_not_calibrated(run: Run) -> None:
    keep(run, *overconfident())
    striate.calibrate(run.path)
    path = run.path / names.CALIBRATION
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {"weights": "those of another epoch"}))
    assert run.temperature == 1
    path.write_text(json.dumps(content | {"temperature": 0}))
    with pytest.raises(RunError, match=r"calibration.json.*temperature.*striate calibrate "):
        striate.predict(run.path, np.zeros((8, 8), np.uint8))
    path.unlink()


def test_what_would_not_help_changes_nothing(run: Run) -> None:
    shares = np.full((400, 10), 0.3 / 9, np.float32)
    shares[:, 0] = 0.7
    keep(run, shares, overconfident()[1])
    found = striate.calibrate(run.path)
    assert not found.kept
    assert "no better: nothing was changed" in found.summary()
    assert run.temperature == 1


def test_images_that_no_temperature_fits(run: Run) -> None:
    shares, labels = overconfident()
    keep(run, shares[:19], labels[:19])
    with pytest.raises(RunError, match=r"19 images are too few \(at least 20\); give more images"):
        striate.calibrate(run.path)
    keep(run, shares, np.zeros(400))
    with pytest.raises(RunError, match="all 400 images are classified correctly"):
        striate.calibrate(run.path)


def test_other_images_are_fitted_to(run: Run) -> None:
    (run.path / names.PREDICTIONS).unlink()
    found = CliRunner().invoke(app, ["calibrate", str(run.path), "digits", "--json"])
    told = json.loads(found.stdout)
    assert told["images"] == 359
    # And so are its own, of which nothing is kept.
    assert striate.calibrate(run.path).images == 359
    assert (run.path / names.PREDICTIONS).exists()
