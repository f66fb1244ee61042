"""Whole journeys through the public functions, as a stranger takes them."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import striate
from striate.errors import DataError, RunError, StriateError

NAMES = ("<b>rosé's<b>", 'a "quoted" one', "玫瑰 with spaces")


@pytest.fixture(scope="module")
def journey(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with images under odd names and a run trained on them."""
    folder = tmp_path_factory.mktemp("a journey")
    rng = np.random.default_rng(0)
    for number, name in enumerate(NAMES):
        (folder / "photos" / name).mkdir(parents=True)
        for index in range(12):
            pixels = rng.integers(0, 90, (40 + index, 50, 3)).astype(np.uint8)
            pixels[..., number] += 120
            picture = Image.fromarray(pixels)
            if index % 4 == 1:
                picture.save(folder / "photos" / name / f"{index} ü.png")
            elif index % 4 == 2:
                picture.convert("CMYK").save(folder / "photos" / name / f"{index}.jpg")
            else:
                picture.save(folder / "photos" / name / f"{index}.webp")
    striate.train(folder / "photos", net="resnet20", epochs=2, out=folder / "run", workers=1)
    return folder


def test_classes_with_odd_names(journey: Path) -> None:
    run = striate.open_run(journey / "run")
    assert set(run.classes) == set(NAMES)
    page = (journey / "run" / "report.html").read_text(encoding="utf-8")
    assert "<b>rosé" not in page
    assert "玫瑰" in page


def test_predict_says_what_folders_say(journey: Path, tmp_path: Path) -> None:
    target = tmp_path / "predicted.csv"
    (tmp_path / "bad.jpg").write_bytes(b"\xff\xd8\xff")
    named = [journey / "photos", tmp_path / "bad.jpg"]
    found = striate.predict(journey / "run", named, top=1, csv=target)
    with target.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["file"] for row in rows] == [each.file for each in found]
    assert [row["label"] for row in rows] == [each.label for each in found]
    assert {each.label for each in found} == {*NAMES, ""}
    assert all(Path(row["file"]).parent.name == row["label"] for row in rows[:-1])
    assert rows[-1]["error"] == found[-1].error != ""
    assert all(len(each.classes) == 1 for each in found[:-1])
    assert sum(float(rows[0][f"p({name})"]) for name in NAMES) == pytest.approx(1)
    assert found[0].to_json().keys() == {"file", "label", "right", "predictions"}
    assert found[-1].to_json().keys() == {"file", "error"}


def test_evaluate_takes_only_held_out_images(journey: Path) -> None:
    run = striate.open_run(journey / "run")
    own = striate.evaluate(run.path)
    assert own.images == run.config.data.val_images
    # The same images given by name, and given from another place, are the same question.
    moved = journey / "elsewhere"
    shutil.copytree(journey / "photos", moved)
    for place in (journey / "photos", moved):
        assert striate.evaluate(run.path, place).to_json() == own.to_json()


def test_a_run_is_all_that_predict_and_export_need(journey: Path, tmp_path: Path) -> None:
    alone = tmp_path / "alone"
    shutil.copytree(journey / "run", alone)
    shutil.copytree(journey / "photos", tmp_path / "kept")
    hidden = journey / "photos"
    hidden.rename(journey / "hidden")
    try:
        report = striate.export(alone, tmp_path / "out.onnx")
        found = striate.predict(alone, tmp_path / "kept")
        with pytest.raises(DataError):
            striate.evaluate(alone)
    finally:
        (journey / "hidden").rename(hidden)
    assert report.verified.images > 3
    assert len(found) == 36
    assert sum(found[0].probabilities) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"out": "photos/run"}, "lies in the folder of the images"),
        ({"net": "lenet", "size": 48, "precision": "float32"}, "32"),
        ({"seed": 2**70}, r"^`seed=\d+`: must be at most"),
        ({"val_fraction": 1.5}, r"^`val_fraction=1\.5`: must be less than 1"),
        ({"batch_size": 1}, "batch norm"),
        ({"auxiliary_weights": (0.3,)}, "0 auxiliary heads"),
        ({"variant": {"shortcutt": "A"}}, "shortcut"),
        ({"workers": -1}, "^`workers=-1`: must be at least 0"),
    ],
)
def test_refused_options_leave_nothing_behind(
    journey: Path, options: dict[str, object], message: str
) -> None:
    given = {"net": "resnet20", "out": "new", **options}
    out = journey / str(given.pop("out"))
    with pytest.raises(StriateError, match=message):
        striate.train(journey / "photos", out=out, **given)  # type: ignore[arg-type]
    assert not out.exists()


def test_a_folder_is_a_folder_even_if_called_digits(tmp_path: Path) -> None:
    (tmp_path / "digits").mkdir()
    with pytest.raises(DataError, match=str(tmp_path / "digits")):
        striate.train(tmp_path / "digits", net="lenet", out=tmp_path / "run")


def test_bad_files_stop_training_unless_skipped(
    journey: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "photos"
    shutil.copytree(journey / "photos", folder)
    (folder / NAMES[0] / "page.jpg").write_text("<html>")
    (folder / NAMES[1] / "empty.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"page\.jpg.*empty\.png|empty\.png.*page\.jpg"):
        striate.train(folder, net="resnet20", epochs=1, out=tmp_path / "run")
    striate.train(
        folder, net="resnet20", epochs=1, out=tmp_path / "run", skip_bad=True, progress=True
    )
    assert striate.open_run(tmp_path / "run").config.data.skipped == 2
    told = capfd.readouterr().err
    assert "skipped" in told
    assert "page.jpg" in told


def test_one_image_in_a_class_and_one_class(journey: Path, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    shutil.copytree(journey / "photos", folder)
    for path in sorted((folder / NAMES[0]).iterdir())[1:]:
        path.unlink()
    result = striate.train(folder, net="resnet20", epochs=1, out=tmp_path / "run")
    assert result is not None
    for name in NAMES[1:]:
        shutil.rmtree(folder / name)
    with pytest.raises(DataError, match="class"):
        striate.train(folder, net="resnet20", epochs=1, out=tmp_path / "one")


def test_moved_images_and_resume(journey: Path, tmp_path: Path) -> None:
    shutil.copytree(journey / "photos", tmp_path / "first")
    run = tmp_path / "run"
    striate.train(tmp_path / "first", net="resnet20", epochs=1, out=run)
    (tmp_path / "first").rename(tmp_path / "second")
    with pytest.raises(RunError, match="move them back, or say where they are now"):
        striate.train(run, resume=True)
    striate.train(tmp_path / "second", out=run, resume=True)
    assert striate.evaluate(run).images
    next((tmp_path / "second").rglob("*.webp")).unlink()
    with pytest.raises(RunError, match="other images"):
        striate.evaluate(run)


def test_the_reader_of_our_output_may_leave() -> None:
    done = subprocess.run(
        f"{sys.executable} -m striate list-networks | true; exit ${{PIPESTATUS[0]}}",
        shell=True,
        executable="/bin/bash",
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr


def test_command_line_prints_the_documented_json(journey: Path) -> None:
    run = str(journey / "run")
    picture = str(next((journey / "photos").rglob("*.jpg")))
    for command, keys in (
        (["evaluate", run], {"images", "top1", "top5", "loss", "ece", "interval", "per_class"}),
        (["predict", run, picture], {"file", "predictions"}),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "striate", *command, "--json"],
            capture_output=True,
            text=True,
            check=True,
        )
        found = json.loads(done.stdout)
        assert keys <= set(found[0] if isinstance(found, list) else found)
