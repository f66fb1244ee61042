"""A run is measured on what it was not trained on, wherever that is and whatever it is called.

One small training serves all; its folder is copied where something in it changes.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import striate
from striate.cli.main import app
from striate.data import scan
from striate.data.decoding import decode
from striate.errors import DataError, Interrupted, RunError
from striate.runs.images import images_of
from striate.training.callbacks.base import BatchEnd, Callback


@pytest.fixture(scope="module")
def trained(photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``photos`` and the ``run`` that was trained on them."""
    root = tmp_path_factory.mktemp("measured")
    shutil.copytree(photographs, root / "photos")
    (root / "photos" / "red" / "cut.jpg").write_bytes(b"\xff\xd8\xff")
    with pytest.raises(DataError, match="skip_bad"):
        striate.train(root / "photos", net="lenet", epochs=1, out=root / "run")
    striate.train(root / "photos", net="lenet", epochs=1, out=root / "run", skip_bad=True)
    return root


@pytest.fixture
def photos(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained / "photos", tmp_path / "photos"))


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained / "run", tmp_path / "run"))


def figures(found: Any) -> dict[str, Any]:
    told = {"images": found.images, "top1": found.top1, "loss": round(found.loss, 5)}
    return {**told, "confusion": found.confusion.tolist()}


def test_images_are_known_by_their_content(trained: Path, photos: Path) -> None:
    own = striate.evaluate(trained / "run")
    assert own.images < 10
    for path in list(photos.rglob("*.jpg")):
        path.rename(path.with_name(f"{path.stem} renamed.jpeg"))
    renamed = striate.evaluate(trained / "run", photos)
    assert figures(renamed) == figures(own)
    assert renamed.left_out == 36 - own.images
    Image.new("RGB", (80, 88), (190, 60, 50)).save(photos / "red" / "new.png")
    more = striate.evaluate(trained / "run", photos)
    assert (more.images, more.left_out) == (own.images + 1, renamed.left_out)
    everything = striate.evaluate(trained / "run", photos, all_images=True)
    assert (everything.images, everything.left_out) == (37, 0)
    assert striate.evaluate(trained / "run", all_images=True).images == 36


@pytest.mark.parametrize("cached", [True, False])
def test_no_image_is_decoded_that_is_not_measured(
    run: Path, monkeypatch: pytest.MonkeyPatch, cached: bool
) -> None:
    """Whether files are known from before, or by the run's own list of its images alone."""
    if cached:
        striate.evaluate(run)
    decoded: set[str] = set()
    original = decode.decoded

    def counted(content: bytes, *args: Any, **kwargs: Any) -> Any:
        decoded.add(decode.digest_of(content))
        return original(content, *args, **kwargs)

    monkeypatch.setattr(decode, "decoded", counted)
    monkeypatch.setattr(scan, "decoded", counted)
    again = striate.evaluate(run)
    held = images_of(striate.open_run(run))
    assert held is not None
    assert decoded >= set(held.digests["val"])
    # The report shows a training image of each of the three classes, and three beside a mistake.
    mistakes = round((1 - again.top1) * again.images)
    assert 3 <= len(decoded & set(held.digests["train"])) <= 3 + 3 * mistakes
    assert again.images == len(held.digests["val"])


def test_a_run_trained_without_bad_files_is_measured_without_them(
    trained: Path, photos: Path
) -> None:
    for data in (trained / "photos", photos):
        found = striate.evaluate(trained / "run", data)
        assert [name for name, _ in found.skipped] == ["red/cut.jpg"]


def test_bad_files_stop_other_runs_unless_skipped(run: Path, photos: Path) -> None:
    config = (run / "run.toml").read_text()
    (run / "run.toml").write_text(config.replace("skipped = 1", "skipped = 0"))
    assert "skipped = 1" in config
    # Another run.toml has other weights; the list of the images is the same.
    found = json.loads((run / "evaluation.json").read_text())
    opened = striate.open_run(run)
    identity = opened.config.identity
    from safetensors.torch import load_file

    from striate.runs.weights import write_weights

    write_weights(
        run / "model.safetensors", load_file(run / "model.safetensors"), identity=identity, epoch=1
    )
    with pytest.raises(DataError, match=r"red/cut\.jpg .*skip_bad"):
        striate.evaluate(run, photos)
    skipped = striate.evaluate(run, photos, skip_bad=True)
    assert skipped.images == found["images"]


def test_images_that_moved_or_went_are_told_with_the_last_figures(
    trained: Path, run: Path, photos: Path
) -> None:
    config = (run / "run.toml").read_text()
    (run / "run.toml").write_text(config.replace(str(trained / "photos"), str(photos)))
    own = striate.evaluate(run)
    assert own.images
    next((photos / "green").iterdir()).unlink()
    with pytest.raises(RunError, match=r"other images .*: 1 of 36 are not there.*last time, top-1"):
        striate.evaluate(run)
    shutil.rmtree(photos)
    with pytest.raises(DataError, match=r"there is no such folder.*give the place") as caught:
        striate.evaluate(run)
    assert str(caught.value).startswith(str(run))


def test_a_run_from_before_there_was_a_list_gets_one(run: Path, trained: Path) -> None:
    before = (run / "images.safetensors").read_bytes()
    (run / "images.safetensors").unlink()
    own = striate.evaluate(run)
    assert (run / "images.safetensors").read_bytes() == before
    assert figures(own) == figures(striate.evaluate(trained / "run"))
    (run / "images.safetensors").write_bytes(before[:100])
    with pytest.raises(RunError, match=r"images\.safetensors: is damaged"):
        striate.evaluate(run)


def test_predict_gives_one_answer_an_image(trained: Path, photos: Path) -> None:
    run = trained / "run"
    good, bad = photos / "red" / "000.jpg", photos / "red" / "cut.jpg"
    pixels = np.asarray(Image.open(good))
    given = [good, bad, photos / "nowhere.jpg", pixels, Image.open(good), good]
    found = striate.predict(run, given, top=1)
    assert [bool(each.error) for each in found] == [False, True, True, False, False, False]
    assert len({each.probabilities for each in found if not each.error}) == 1
    assert [each.file for each in found][1:4] == [str(bad), str(given[2]), "images[3]"]
    assert len(striate.predict(run, photos)) == 37
    for single in (bad, photos / "nowhere.jpg", pixels[:, :, :2]):
        with pytest.raises(DataError):
            striate.predict(run, single)
    assert striate.predict(run, []) == []
    assert [each.file for each in striate.predict(run, iter([good, good]), stream=True)] == [
        str(good)
    ] * 2
    with pytest.raises(RunError):  # at once, not when the first answer is wanted
        striate.predict("nowhere", [good], stream=True)


def test_the_command_line_loses_no_prediction(trained: Path, tmp_path: Path) -> None:
    odd = tmp_path / "n\nb.jpg: dog 99.9%.jpg"
    shutil.copy(trained / "photos" / "red" / "000.jpg", odd)
    arguments = [trained / "photos" / "red", odd, "https://example.org/x.jpg"]
    done = CliRunner().invoke(app, ["predict", str(trained / "run"), *map(str, arguments)])
    assert done.exit_code == 2
    assert len(done.stdout.splitlines()) == 13
    assert done.stderr.splitlines()[0].startswith(
        f"striate: {trained / 'photos' / 'red' / 'cut.jpg'}: is truncated"
    )
    assert "https://example.org/x.jpg: is an address" in done.stderr
    assert done.stderr.splitlines()[-1] == "striate: 2 of 15 images cannot be read"


class Stop(Callback):
    """Hears Ctrl-C at the third step."""

    def __init__(self) -> None:
        self.left = 3

    def on_batch_end(self, batch: BatchEnd) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGINT)


def test_a_run_goes_on_exactly_with_images_of_other_names(
    photographs: Path, tmp_path: Path
) -> None:
    photos = Path(shutil.copytree(photographs, tmp_path / "photos"))
    options: dict[str, Any] = {"net": "lenet", "epochs": 2, "batch_size": 6, "workers": 0}
    striate.train(photos, out=tmp_path / "whole", **options)
    with pytest.raises(Interrupted):
        striate.train(photos, out=tmp_path / "cut", callbacks=[Stop()], **options)
    # In the opposite order, under another folder, and joined by one more.
    for path in list(photos.rglob("*.jpg")):
        path.rename(path.with_name(f"{999 - int(path.stem)}.jpeg"))
    Image.new("RGB", (80, 88)).save(photos / "red" / "new.png")
    (tmp_path / "elsewhere").mkdir()
    photos.rename(tmp_path / "elsewhere" / "train")
    striate.train(tmp_path / "elsewhere", resume=True, out=tmp_path / "cut")
    for name in ("model.safetensors", "metrics.jsonl", "images.safetensors"):
        assert (tmp_path / "cut" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    own = striate.evaluate(tmp_path / "cut")
    assert striate.evaluate(tmp_path / "cut", tmp_path / "elsewhere").images == own.images + 1


def test_a_run_without_images_is_not_measured_on_whatever_lies_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run of published weights has no images of its own: ``.`` is not meant."""
    striate.create_run("lenet", tmp_path / "run")
    monkeypatch.chdir(tmp_path)
    for everything in (False, True):
        with pytest.raises(RunError, match="has no images of its own"):
            striate.evaluate(tmp_path / "run", all_images=everything)


@pytest.mark.parametrize("data", [Path("a" * 300), Path("a\0b")])
def test_impossible_paths_are_one_line(data: Path) -> None:
    with pytest.raises(DataError, match="cannot be accessed"):
        striate.train(data, net="lenet")
    with pytest.raises(DataError, match="cannot be accessed"):
        striate.transfer(data, backbone="lenet")
