"""A small run of every format that was ever written is opened, asked, evaluated and resumed.

``stored/formatN/`` holds runs as the version that wrote format N left them: `trained` (from weights
of a file, stopped in its third epoch), `tuned` (a transfer that trains on, stopped in its second)
and `fitted` (a transfer with a frozen backbone), with the images that they were made with and, in
``answers.json``, what that version answered and how its resumed runs ended. None of it is ever
changed; a version that writes another format adds a folder. Their weights were rounded to a few
values each, before that version answered and resumed, so that they pack into little. Those of
format 4 were begun by the version before, and that one went a step on with them.
"""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

import striate
from striate.runs.config import FORMAT, RunConfig
from striate.runs.layout import CONFIG
from striate.runs.run import Run

STORED = Path(__file__).parent / "stored"
#: What the weights, checkpoints and caches of these runs are held against; never to be changed.
IDENTITIES = {
    ("format0", "trained"): "039d80767751e74a240e51f914c37947b1f4f5f4fa206397f29c69e3d78f46fe",
    ("format0", "tuned"): "901d949c263e18602c250747868aa645c7fcef84b30629bb2d68513468b89bb1",
    ("format0", "fitted"): "5ce0cf54301a133e6f3c0b2d06d19538395bc36f58f59c03190d599f453bb5eb",
    ("format1", "trained"): "a334b08c945897b2e9b75ff7ac4e100072e2e2f38964f8e7d6d2d3eb319a9a09",
    ("format1", "tuned"): "1cfa741b673f41a7202eb033f851fc69da3f579da1e54c16ba0ce1d773ee2422",
    ("format1", "fitted"): "714c9bc6e00c83f62f169961f4c73740fc9d96388568d3cc0f792c172cb07e5a",
    ("format2", "trained"): "8f5c004ba4c5ec6adfb66b2f5d987d4f946e01649a589d313fe7c6b8cd6d3202",
    ("format2", "tuned"): "9bee5771a676660bd1468da845fd2b36a90740759647d76d3193435ee9bb89b9",
    ("format2", "fitted"): "5add3868fcded06e5cafdf9d6ee6428237abb85c11cbfb061d354406e73632c1",
    ("format3", "trained"): "b8b3debbf6238835925613b79ef3f6deff306cfe54ece913b6c8f3b5a0964b40",
    ("format3", "tuned"): "9bee5771a676660bd1468da845fd2b36a90740759647d76d3193435ee9bb89b9",
    ("format3", "fitted"): "5add3868fcded06e5cafdf9d6ee6428237abb85c11cbfb061d354406e73632c1",
    ("format4", "trained"): "b8b3debbf6238835925613b79ef3f6deff306cfe54ece913b6c8f3b5a0964b40",
    ("format4", "tuned"): "9bee5771a676660bd1468da845fd2b36a90740759647d76d3193435ee9bb89b9",
    ("format4", "fitted"): "5add3868fcded06e5cafdf9d6ee6428237abb85c11cbfb061d354406e73632c1",
}
FORMATS = sorted(int(each.name.removeprefix("format")) for each in STORED.iterdir())


class Stored:
    """The runs of one format, unpacked."""

    def __init__(self, number: int, folder: Path) -> None:
        self.folder = folder
        self.source = STORED / f"format{number}"
        self.answers: dict[str, Any] = json.loads((self.source / "answers.json").read_text())

    def unpack(self, name: str) -> Path:
        with tarfile.open(self.source / f"{name}.tar.xz") as archive:
            archive.extractall(self.folder, filter="data")
        return self.folder / name


@pytest.fixture(params=FORMATS, ids=lambda number: f"format{number}")
def stored(request: pytest.FixtureRequest, tmp_path: Path) -> Stored:
    return Stored(request.param, tmp_path)


def test_every_format_but_the_newest_is_stored() -> None:
    assert set(range(FORMAT)) <= set(FORMATS)


@pytest.mark.parametrize("name", ["trained", "tuned", "fitted"])
def test_it_is_what_it_was(stored: Stored, name: str) -> None:
    run, said = Run.open(stored.unpack(name)), stored.answers[name]
    assert run.config.identity == said["identity"] == IDENTITIES[stored.source.name, name]
    assert run.weights_epoch == said["weights_epoch"]
    images = stored.unpack("images")
    files = [images.parent / file for file in stored.answers["files"]]
    found = striate.predict(run.path, files, workers=0)
    for prediction, wanted in zip(found, said["probabilities"], strict=True):
        answers = dict(zip(prediction.classes, prediction.probabilities, strict=True))
        assert [answers[each] for each in run.classes] == pytest.approx(wanted, abs=1e-4)


@pytest.mark.parametrize("name", ["trained", "tuned"])
def test_it_goes_on_to_the_same_end(stored: Stored, name: str) -> None:
    path, said = stored.unpack(name), stored.answers[name]["resumed"]
    # Its images are elsewhere than when it was made.
    result = striate.train(stored.unpack("images"), out=path, resume=True, workers=0)
    assert result is not None
    assert (result.epochs, result.best_epoch) == (said["epochs"], said["best_epoch"])
    assert (result.images, result.top1) == (said["images"], said["top1"])
    assert result.loss == pytest.approx(said["loss"], rel=1e-2)
    last = Run.open(path).metrics[-1]
    assert last["validation"]["loss"] == pytest.approx(said["last"]["loss"], rel=1e-2)
    assert last["train"]["loss"] == pytest.approx(said["train"], rel=1e-2)
    # What was written meanwhile is of this version's format, and still the same run.
    assert (path / CONFIG).read_text().startswith(f"format = {FORMAT}\n")
    assert RunConfig.read(path / CONFIG).identity == stored.answers[name]["identity"]
    assert striate.evaluate(path, workers=0).loss == pytest.approx(result.loss, abs=1e-6)


def test_its_held_out_images_are_the_same_and_give_the_same_figures(stored: Stored) -> None:
    path, said = stored.unpack("fitted"), stored.answers["fitted"]
    found = striate.evaluate(path, stored.unpack("images"), workers=0)
    assert (found.images, found.top1) == (said["images"], said["top1"])
    assert found.loss == pytest.approx(said["loss"], abs=1e-4)
