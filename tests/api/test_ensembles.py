"""Ensembles from end to end, against the mean of what their members give one by one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import striate
from striate.cli.main import app
from striate.errors import Interrupted, RunError, StriateError
from striate.inference.explaining.over_pictures import cut, seen, spread
from striate.runs.calibration import keep_calibration
from striate.runs.claim import claim
from striate.runs.run import Run
from striate.runs.samples import read_samples

GIVEN: dict[str, Any] = {"net": "resnet20", "epochs": 1, "batch_size": 8, "workers": 0}


@pytest.fixture(scope="module")
def trained(photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two networks of two seeds, trained into one run."""
    out = tmp_path_factory.mktemp("members") / "together"
    result = striate.train(photographs, out=out, members=2, seed=3, **GIVEN)
    assert (result.run, result.members, result.network) == (out, 2, "resnet20")
    assert "as the mean of 2 networks" in str(result)
    return out


@pytest.fixture(scope="module")
def larger(photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the same classes, and the same split, whose network sees larger images."""
    out = tmp_path_factory.mktemp("members") / "larger"
    return striate.train(photographs, out=out, size=40, seed=3, **GIVEN).run


@pytest.fixture(scope="module")
def mixed(trained: Path, larger: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An ensemble whose members see different pixels."""
    out = tmp_path_factory.mktemp("members") / "mixed"
    members = [trained / "members" / "01", trained / "members" / "02", larger]
    made = striate.ensemble(members, out)
    assert made.images == 6
    assert str(larger) in str(made)
    assert json.dumps(made.to_json())
    return out


def mean_of(members: list[Path], images: Any, **how: Any) -> np.ndarray:
    found = []
    for member in members:
        with striate.open_classifier(member, **how) as classifier:
            found.append(classifier.probabilities(images))
    return np.mean(found, axis=0)


def members_of(run: Path) -> list[Path]:
    return sorted((run / "members").iterdir())


@pytest.mark.parametrize("crops", ["center", "10", "dense"])
@pytest.mark.parametrize("which", ["trained", "mixed"])
def test_it_is_the_mean_of_its_members(
    which: str, crops: Any, photographs: Path, request: pytest.FixtureRequest
) -> None:
    run, images = request.getfixturevalue(which), photographs / "red"
    with striate.open_classifier(run, crops=crops) as found:
        np.testing.assert_allclose(
            found.probabilities(images, workers=2),
            mean_of(members_of(run), images, crops=crops),
            atol=2e-6,
        )


@pytest.mark.parametrize("which", ["trained", "mixed"])
def test_it_evaluates_predicts_and_reports(
    which: str, photographs: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    run = request.getfixturevalue(which)
    found = striate.evaluate(run)
    assert found.images == 6
    kept = json.loads((run / "ensemble.json").read_text())
    assert [each["seed"] for each in kept["members"]] == [3, 4, 3][: len(kept["members"])]
    assert kept["sizes"][-1]["mean"] == pytest.approx(found.top1)
    page = (run / "report.html").read_text("utf-8")
    assert '<section id="ensemble">' in page
    (tmp_path / "torn.jpg").write_bytes(b"\xff\xd8")
    sound, torn = striate.predict(run, [photographs / "red" / "000.jpg", tmp_path / "torn.jpg"])
    assert sum(sound.probabilities) == pytest.approx(1, abs=1e-5)
    assert torn.error
    pytest.importorskip("pyarrow")
    bulk = striate.predict_bulk(run, photographs / "red", tmp_path / "bulk")
    assert (bulk.images, bulk.unreadable) == (12, 0)
    with pytest.raises(StriateError, match="one of its members"):
        striate.predict_bulk(run, photographs / "red", tmp_path / "2", embeddings=True)


def test_all_members_hold_out_the_same_images_and_differ(trained: Path) -> None:
    first, second = (Run.open(each) for each in members_of(trained))
    assert first.config.data.fingerprint == second.config.data.fingerprint
    assert (first.config.seed, second.config.seed) == (3, 4)
    assert first.config.identity != second.config.identity
    assert Run.open(trained).notes == ()


def test_training_goes_on_where_it_was_cut(
    photographs: Path, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "cut"
    shutil.copytree(trained / "members" / "01", out / "members" / "01")
    again = {"out": out, "members": 2, "seed": 3, **GIVEN}
    with pytest.raises(RunError, match="holds networks of an ensemble already"):
        striate.train(photographs, **again)
    with pytest.raises(RunError, match="epochs=2"):
        striate.train(photographs, resume=True, **{**again, "epochs": 2})
    from striate.training.loop import Training

    with monkeypatch.context() as patch:
        patch.setattr(Training, "run", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
        said = f"network 2 of 2; the same command with --resume --out {out} goes on"
        with pytest.raises(Interrupted, match=said):
            striate.train(photographs, resume=True, **again)
    striate.train(photographs, resume=True, **again)
    for member in ("01", "02"):
        weights = Path("members") / member / "model.safetensors"
        assert (out / weights).read_bytes() == (trained / weights).read_bytes()
    assert Run.open(out).config.identity == Run.open(trained).config.identity


def test_its_folder_may_be_called_after_network_and_images(
    trained: Path, photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from striate.training.loop import Training

    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "resnet20-photographs").mkdir(parents=True)
    (tmp_path / "runs" / "resnet20-photographs" / "mine.txt").write_text("x")
    out = tmp_path / "runs" / "resnet20-photographs-2"

    def stop(_: Training) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Training, "run", stop)
    with pytest.raises(Interrupted, match=rf"network 1 of 2; .* --out {out} goes on"):
        striate.train(photographs, members=2, seed=3, **GIVEN)
    shutil.rmtree(out / "members")
    shutil.copytree(trained / "members", out / "members")
    made = striate.train(photographs, members=2, seed=3, resume=True, out=out, **GIVEN)
    assert (made.run, made.members) == (out, 2)


def test_an_exported_ensemble_is_one_file(trained: Path, photographs: Path, tmp_path: Path) -> None:
    for needed in ("onnxruntime", "openvino"):
        pytest.importorskip(needed)
    file = striate.export(trained, tmp_path / "both.onnx", capture="trace").file
    images = photographs / "green"
    with striate.open_classifier(file, crops="10") as found:
        expected = mean_of(members_of(trained), images, crops="10")
        np.testing.assert_allclose(found.probabilities(images), expected, atol=1e-4)


def test_members_that_see_different_pixels_are_one_file_too(
    mixed: Path, photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for needed in ("onnxruntime", "openvino"):
        pytest.importorskip(needed)
    run, images = tmp_path / "run", photographs / "green"
    shutil.copytree(mixed, run)
    few = read_samples(Run.open(run))[:2]  # of each size an engine makes a graph of its own
    monkeypatch.setattr("striate.runs.samples.read_samples", lambda _: few)
    monkeypatch.setattr("striate.runs.samples.sample_names", lambda _: ["<b>", "花"])
    for temperature in (1.0, 2.0):
        if temperature != 1:
            keep_calibration(Run.open(run), temperature, 6, elsewhere=False)
        report = striate.export(run, tmp_path / "all.onnx", capture="trace")
        assert max(report.verified.onnxruntime, report.verified.openvino) < 1e-5
        with striate.open_classifier(run) as own, striate.open_classifier(report.file) as found:
            np.testing.assert_allclose(
                found.probabilities(images), own.probabilities(images), atol=1e-5
            )
        with (
            striate.open_classifier(run, crops="10") as own,
            striate.open_classifier(report.file, crops="10") as found,
        ):
            np.testing.assert_allclose(
                found.probabilities(images, workers=2), own.probabilities(images), atol=1e-5
            )
    assert report.verified.seam is not None
    with pytest.raises(StriateError, match="needs a network of any size"):
        striate.open_classifier(report.file, crops="dense")
    square = {"window": 16, "stride": 16}
    drawn = striate.explain_prediction(report.file, photographs / "red" / "000.jpg", **square)
    same = striate.explain_prediction(run, photographs / "red" / "000.jpg", **square)
    assert (drawn.method, drawn.layer) == ("occlusion", "2 networks")
    np.testing.assert_allclose(drawn.map, same.map, atol=1e-4)
    with pytest.raises(StriateError, match=r"cam.*see the same pixels"):
        striate.export(run, tmp_path / "cam.onnx", cam=True)


def test_images_that_any_member_was_trained_on_are_left_out(
    trained: Path, photographs: Path, tmp_path: Path
) -> None:
    other = striate.train(photographs, out=tmp_path / "other", **{**GIVEN, "seed": 11}).run
    first = trained / "members" / "01"
    made = striate.ensemble([first, other], tmp_path / "e")
    from striate.runs.images import images_of

    lists = [images_of(Run.open(each)) for each in (first, other, tmp_path / "e")]
    one, two, both = (set(each.digests["train"]) for each in lists if each is not None)
    assert both == one | two
    held = set(lists[2].digests["val"]) if lists[2] else set()
    assert held == set(lists[0].digests["val"]) - two if lists[0] else False
    assert made.images == len(held) or (not held and made.images is None)
    found = striate.evaluate(tmp_path / "e", photographs, all_images=not held)
    assert found.images == (36 - len(both) if held else 36)


def test_what_cannot_be_an_ensemble(
    trained: Path, larger: Path, photographs: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    first = trained / "members" / "01"
    for members, said in (
        ([first], "must be 2 to 999 runs, not 1"),
        ([first, first], "named twice"),
        ([first, trained], "is an ensemble itself"),
        ([first, tmp_path / "gone"], "there is no such run"),
    ):
        with pytest.raises(StriateError, match=said):
            striate.ensemble(members, out)
        assert not out.exists()
    named = tmp_path / "named"
    shutil.copytree(larger, named)
    text = (named / "run.toml").read_text("utf-8")
    (named / "run.toml").write_text(text.replace('"red"', '"<b>rouge"'), "utf-8")
    with pytest.raises(RunError, match="class 'red': is not among those of"):
        striate.ensemble([first, named], out)
    with pytest.raises(StriateError, match=r"needs .*out"):
        striate.train(photographs, members=2, resume=True, **GIVEN)


def test_copies_of_a_process_that_was_killed_are_made_anew(trained: Path, tmp_path: Path) -> None:
    out, first = tmp_path / "out", trained / "members" / "01"
    claim(out)._lock.release()  # as the system lets go of a killed process's lock
    half = out / "members" / "07"
    half.mkdir(parents=True)
    (half / "run.toml").write_text("half")
    made = striate.ensemble([first, trained / "members" / "02"], out)
    assert made.images == 6
    assert members_of(out) == [out / "members" / "01", out / "members" / "02"]
    foreign = tmp_path / "foreign"
    (foreign / "members").mkdir(parents=True)
    with pytest.raises(RunError, match="is not empty, and what is in it is not a run's"):
        striate.ensemble([first, trained / "members" / "02"], foreign)
    assert (foreign / "members").exists()


def test_a_member_that_was_exchanged_is_found_out(trained: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(trained, run)
    shutil.rmtree(run / "members" / "02")
    shutil.copytree(trained / "members" / "01", run / "members" / "02")
    with pytest.raises(RunError, match="is another run than it was"):
        striate.open_classifier(run)
    text = (run / "run.toml").read_text("utf-8")
    (run / "run.toml").write_text(text.replace("members/02", "../other"), "utf-8")
    with pytest.raises(RunError, match="it names the folder"):
        striate.open_classifier(run)


def test_the_command_prints_what_they_come_to(trained: Path, tmp_path: Path) -> None:
    members = [str(each) for each in members_of(trained)]
    out = tmp_path / "<b> 花"
    done = CliRunner().invoke(app, ["ensemble", *members, "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert done.output.count("top-1") == 3
    assert striate.evaluate(out).top1 == striate.evaluate(trained).top1


@pytest.mark.parametrize("which", ["trained", "mixed"])
def test_members_and_ensembles_may_be_calibrated(
    which: str, photographs: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    run, images = tmp_path / "run", photographs / "blue"
    shutil.copytree(request.getfixturevalue(which), run)
    keep_calibration(Run.open(run / "members" / "02"), 3.0, 6, elsewhere=False)
    mean = mean_of(members_of(run), images)
    with striate.open_classifier(run) as found:
        np.testing.assert_allclose(found.probabilities(images), mean, atol=2e-6)
    keep_calibration(Run.open(run), 2.0, 6, elsewhere=False)
    expected = np.sqrt(mean) / np.sqrt(mean).sum(1, keepdims=True)
    with striate.open_classifier(run) as found:
        np.testing.assert_allclose(found.probabilities(images), expected, atol=2e-6)
    evaluated = striate.evaluate(run)
    assert evaluated.images == 6


def test_calibrating_measures_members_that_were_calibrated_since(
    trained: Path, tmp_path: Path
) -> None:
    path = tmp_path / "run"
    shutil.copytree(trained, path)
    striate.evaluate(path, workers=0)
    before = json.loads((path / "ensemble.json").read_text())
    # Eight images are too few for a temperature; what it would be fitted to is made anew before.
    with pytest.raises(RunError, match="6 images are too few"):
        striate.calibrate(path, workers=0)
    assert json.loads((path / "ensemble.json").read_text()) == before
    keep_calibration(Run.open(path / "members" / "02"), 3.0, 6, elsewhere=False)
    with pytest.raises(RunError, match="6 images are too few"):
        striate.calibrate(path, workers=0)
    after = json.loads((path / "ensemble.json").read_text())
    assert [each["temperature"] for each in after["members"]] == [1.0, 3.0]
    assert after["members"][0] == before["members"][0]
    assert after["members"][1]["loss"] != before["members"][1]["loss"]
    kept = Run.open(path).predictions()
    assert kept is not None
    shares = kept.probabilities[np.arange(6), kept.labels]
    measured = striate.evaluate(path, workers=0)
    assert -np.log(shares).mean() == pytest.approx(measured.loss, abs=1e-5)


def test_a_heat_map_is_the_mean_of_the_members(
    mixed: Path, photographs: Path, tmp_path: Path
) -> None:
    image = photographs / "red" / "000.jpg"
    with Image.open(image) as opened:
        width, height = opened.size
    found = striate.explain_prediction(mixed, image, class_="green")
    assert (found.method, found.layer) == ("cam", "3 networks")
    assert found.map.shape == (256, 256)
    rows, columns = found.preprocessing.resized(height, width)
    assert max(rows, columns) == 256
    with striate.open_classifier(mixed) as classifier:
        wanted = classifier.probabilities(image)[0][classifier.classes.index("green")]
    assert found.probability == pytest.approx(wanted, abs=1e-6)
    total = np.zeros((rows, columns))
    for member in members_of(mixed):
        own = striate.explain_prediction(member, image, class_="green")
        # A map over the middle square of a picture, drawn to the cells of the mean's.
        sides, size = seen(own.preprocessing, height, width), (columns, rows)
        scales = (columns / width, rows / height) * 2
        box = tuple(round(each * by) for each, by in zip(sides, scales, strict=True))
        over = own.preprocessing.height, own.preprocessing.width
        total += spread(cut(own.map / np.abs(own.map).max(), over, own.laid), size, box)[0] / 3
    top, left = (256 - rows) // 2, (256 - columns) // 2
    inner = found.map[top : top + rows, left : left + columns]
    np.testing.assert_allclose(inner, total, atol=1e-5)
    assert np.abs(found.map).sum() == pytest.approx(np.abs(inner).sum())  # nothing is elsewhere
    assert found.save(tmp_path / "<b> 花.png").stat().st_size > 1000
    (drawn,) = striate.predict(mixed, image, heatmap=tmp_path / "map.png")
    assert drawn.heatmap_method == "cam"
    assert Image.open(tmp_path / "map.png").size == found.drawn().size


def test_heat_maps_are_of_one_view(trained: Path, photographs: Path, tmp_path: Path) -> None:
    for crops in ("10", "dense"):
        with pytest.raises(StriateError, match="see an image once"):
            striate.predict(  # type: ignore[call-overload]
                trained, photographs / "red" / "000.jpg", heatmap=tmp_path / "m.png", crops=crops
            )
