"""From what a person names to the files that are served."""

from __future__ import annotations

import json
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import striate
from striate.errors import ExportError, StriateError
from striate.runs.run import Run
from striate.runs.samples import keep_samples
from striate.serving import examples, offers
from striate.serving.offers import offers_of

from .conftest import as_file, noise, write_file  # type: ignore[import-not-found]

STORED = Path(__file__).parents[1] / "runs" / "stored"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run whose folder has a name that is no plain word."""
    with tarfile.open(STORED / "format0" / "trained.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    return (tmp_path / "trained").rename(tmp_path / "my run <b>")


def exported(folder: Path, **changes: Any) -> Path:
    """An export beside the run, as `striate export` marks it."""
    onnx = pytest.importorskip("onnx")
    opened = Run.open(folder)
    path = write_file(folder / f"{opened.config.stem}.onnx")
    model = onnx.load(path)
    marks = {
        "run": opened.config.identity,
        "epochs": json.dumps({"done": opened.epochs_done, "planned": 9}),
        **changes,
    }
    for key, value in marks.items():
        model.metadata_props.add(key=key, value=value)
    path.write_bytes(model.SerializeToString())
    return path


def test_files_are_called_as_they_are_or_as_is_said(file: Path, tmp_path: Path) -> None:
    odd = tmp_path / "a=b 名.onnx"
    shutil.copy(file, odd)
    scratch = tmp_path / "scratch"
    found = offers_of([file, odd, f"other={file}"], scratch)
    assert [(each.name, each.file) for each in found] == [
        ("colours", file),
        ("a=b 名", odd),
        ("other", file),
    ]
    assert [each.name for each in offers_of(str(file), scratch)] == ["colours"]
    with pytest.raises(StriateError, match="is no name for a model"):
        offers_of([f"a/b={file}"], scratch)
    with pytest.raises(StriateError, match="is no name for a model"):
        offers_of([f"={file}"], scratch)


def test_the_export_of_a_run_is_used_while_it_is_that_runs(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Path] = []
    monkeypatch.setattr(offers, "_export", lambda _, target: made.append(target))
    export = exported(run)
    (found,) = offers_of([run], tmp_path / "scratch")
    assert (found.name, found.file, found.run) == ("my run <b>", export, run)
    (alone,) = offers_of([export], tmp_path / "scratch")
    assert (alone.name, alone.run) == (export.stem, run)
    assert made == []
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    for changes in ({"run": "another"}, {"epochs": '{"done": 99}'}, {"epochs": "["}):
        exported(run, **changes)
        (found,) = offers_of([run], scratch)
        assert found.file == made.pop()
        assert scratch in found.file.parents


def test_a_run_that_was_trained_since_is_exported_anew(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Path] = []

    def export(opened: Run, target: Path) -> None:
        made.append(exported(opened.path).rename(target))

    monkeypatch.setattr(offers, "_export", export)
    (found,) = offers_of([run], tmp_path)
    assert found.again() == found  # which is still that of the run
    assert len(made) == 1
    monkeypatch.setattr(Run, "epochs_done", 5)
    renewed = found.again()
    assert (renewed.file, len(made)) == (made[1], 2)
    assert renewed.file.exists()
    assert not found.file.exists()
    assert renewed.again() == renewed


def test_the_pictures_of_a_run_are_its_examples(run: Path) -> None:
    kept = [Image.fromarray(noise(40, 50, seed)) for seed in range(16)]
    keep_samples(run, kept, [f"a/{seed}.jpg" for seed in range(16)])
    found = examples.of_run(run)
    assert [each.name for each in found] == [f"{2 * k}.jpg" for k in range(8)]
    assert all(each.content.startswith(b"\x89PNG") for each in found)
    assert examples.of_run(None) == []
    (run / "samples.safetensors").unlink()
    assert examples.of_run(run) == []


def test_a_run_that_cannot_be_exported_is_told_in_one_line(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import subprocess

    class Failed:
        returncode, stdout, stderr = 2, "", "noise\nstriate: x: is damaged; mend it\n"

    monkeypatch.setattr(subprocess, "run", lambda *_, **__: Failed)
    with pytest.raises(ExportError, match=r"cannot be exported \(x: is damaged; mend it\)"):
        offers_of([run], tmp_path)


@pytest.mark.slow
def test_a_run_is_served_as_it_predicts(
    run: Path, serve: Callable[..., Any], tmp_path: Path
) -> None:
    keep_samples(run, [Image.fromarray(noise(40, 50, seed)) for seed in range(2)])
    _, client = serve(run)
    (tmp_path / "a.png").write_bytes(as_file(noise(40, 40)))
    wanted = striate.predict(run, tmp_path / "a.png", top=99)[0]
    found = client.json("/predict?top=99", as_file(noise(40, 40)))["results"][0]["predictions"]
    assert [each["class"] for each in found] == list(wanted.classes)
    np.testing.assert_allclose(
        [each["probability"] for each in found], wanted.probabilities, atol=1e-4
    )
