"""Runs side by side, from what they keep."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

import striate
from striate.data.images import ImageSet
from striate.data.preprocessing import Preprocessing
from striate.errors import RunError, StriateError
from striate.recipes.recipe import Optimiser, Recipe
from striate.runs import layout
from striate.runs.config import RunConfig
from striate.runs.origins import DataOrigin
from striate.runs.predictions import keep_predictions
from striate.runs.run import Run
from striate.runs.weights import write_weights

CLASSES = ("<b>cat</b>", "[red]", "玫瑰")
Make = Callable[..., Path]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Makes a run that keeps made-up predictions; image i has the hash of i unless told."""

    def make(
        name: str,
        predicted: Sequence[int],
        labels: Sequence[int],
        *,
        classes: Sequence[str] = CLASSES,
        hashes: Sequence[int] | None = None,
        epoch: int = 3,
        rate: float = 0.1,
    ) -> Path:
        folder = tmp_path / name
        folder.mkdir(parents=True)
        count, hashes = len(labels), hashes or range(len(labels))
        grey = Preprocessing(resize=32, height=32, width=32, channels=1, mean=(0.5,), std=(0.25,))
        config = RunConfig(
            network="lenet",
            classes=tuple(classes),
            in_channels=1,
            preprocessing=grey,
            recipe=Recipe(name="modern", optimiser=Optimiser(rate=rate)),
            data=DataOrigin(
                origin=str(tmp_path / "gone"),
                fingerprint="f",
                val_fraction=0.2,
                train_images=9,
                val_images=count,
                test_images=0,
                held_out="split",
            ),
            seed=0,
            precision="float32",
            device="cpu",
            threads=1,
        )
        config.write(folder / layout.CONFIG)
        write_weights(folder / layout.WEIGHTS, {}, identity=config.identity, epoch=3)
        images = ImageSet(
            classes=config.classes,
            labels=np.array(labels, np.int64),
            names=[f"{each} of {name}.png" for each in hashes],
            digests=[f"{each:032x}" for each in hashes],
            sizes=np.ones((count, 2), np.int32),
            grey=np.ones(count, np.bool_),
        )
        shares = np.full((count, len(classes)), 0.1, np.float32)
        shares[np.arange(count), predicted] = 1 - 0.1 * (len(classes) - 1)
        keep_predictions(Run(folder, config), images, shares, split="split")
        if epoch != 3:  # trained further since
            write_weights(folder / layout.WEIGHTS, {}, identity=config.identity, epoch=epoch)
        return folder

    return make


def test_figures_by_hand(make: Make) -> None:
    labels = [0, 0, 1, 1, 2, 2, 2, 0]
    a = make("a", [0, 0, 1, 1, 2, 2, 0, 1], labels)
    b = make("b", [0, 1, 1, 0, 0, 2, 2, 2], labels)
    found = striate.compare_runs([a, b])
    assert [each.top1 for each in found.compared] == [6 / 8, 4 / 8]
    (pair,) = found.pairs
    assert (pair.only_first, pair.only_second, pair.difference) == (3, 1, 0.25)
    assert pair.p_value == pair.adjusted == pytest.approx(2 * (1 + 4) / 2**4)
    assert sorted(found.differing.tolist()) == [1, 3, 4, 6]
    assert found.settings == ()
    plain = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert plain["images"] == 8
    first = plain["differing"][0]
    assert first["file"].endswith(" of a.png")
    assert [each["class"] for each in first["predictions"]] == [CLASSES[0], CLASSES[1]]


def test_images_are_matched_by_content_and_classes_by_name(make: Make) -> None:
    a = make("a", [0, 1, 2, 2], [0, 1, 2, 0])
    other = (CLASSES[2], CLASSES[0], CLASSES[1])
    #      the same images backwards, two of others, in the order of the other classes
    b = make("b", [1, 0, 2, 0, 0, 0], [1, 0, 2, 1, 0, 0], classes=other, hashes=[3, 2, 1, 0, 8, 9])
    found = striate.compare_runs([a, b])
    assert len(found.labels) == 4
    assert found.names[0] == "0 of a.png"
    assert found.right.tolist() == [[True, True, True, False], [False, True, True, True]]
    (note,) = [each for each in found.notes if "left out" in each]
    assert note == "2 of the 6 images of b are not held out by all, and left out"


def test_an_image_that_is_there_twice_counts_as_often_as_all_have_it(make: Make) -> None:
    a = make("a", [0, 0, 1], [0, 0, 1], hashes=[5, 5, 6])
    b = make("b", [0, 0, 1], [0, 1, 1], hashes=[5, 5, 6])  # once under another class
    assert striate.compare_runs([a, b]).names == ["5 of a.png", "6 of a.png"]


def test_several_are_compared_each_with_each(make: Make) -> None:
    labels = [0, 1, 2] * 10
    runs = [make(f"r{n}", [0] * (3 * n) + labels[3 * n :], labels) for n in range(4)]
    found = striate.compare_runs(runs)
    assert [(pair.first, pair.second) for pair in found.pairs] == [
        (0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)
    ]  # fmt: skip
    assert all(pair.adjusted >= pair.p_value for pair in found.pairs)
    assert "(Holm)" in str(found)
    assert "2.0 % " not in str(found)


def test_settings_that_differ_by_their_keys(make: Make) -> None:
    a, b = make("a", [0, 1], [0, 1]), make("b", [0, 1], [0, 1], rate=0.02)
    (only,) = striate.compare_runs([a, b]).settings
    assert only.to_json() == {"key": "recipe.optimiser.rate", "values": ["0.1", "0.02"]}


def test_what_cannot_be_compared(make: Make, tmp_path: Path) -> None:
    a = make("a", [0, 1], [0, 1])
    fewer = make("fewer", [0, 1], [0, 1], classes=CLASSES[:2])
    with pytest.raises(
        RunError, match=r"fewer: tells other classes apart than a: it lacks '玫瑰';"
    ):
        striate.compare_runs([a, fewer])
    with pytest.raises(RunError, match=r"it has '玫瑰' beside"):
        striate.compare_runs([fewer, a])
    away = make("away", [0, 1], [0, 1], hashes=[7, 8])
    with pytest.raises(RunError, match=r"a \(2\) and away \(2\): have no held-out image in common"):
        striate.compare_runs([a, away])
    stale = make("stale", [0, 1], [0, 1], epoch=4)
    with pytest.raises(StriateError, match="cannot be measured on its own images"):
        striate.compare_runs([a, stale])
    for alone in ([a], a, str(a)):
        with pytest.raises(StriateError, match="fewer than two"):
            striate.compare_runs(alone)  # type: ignore[arg-type]
    with pytest.raises(RunError, match="is given twice"):
        striate.compare_runs([a, tmp_path / "x" / ".." / "a"])
    with pytest.raises(RunError, match="there is no such run"):
        striate.compare_runs([a, tmp_path / "nothing"])


def test_the_text_fits_80_columns_and_obeys_no_name(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = [0, 1, 2, 1]
    a, b = make("x/[red]a", [0, 1, 2, 2], labels), make("y/[red]a", [0, 1, 1, 1], labels, rate=0.3)
    monkeypatch.setenv("COLUMNS", "80")
    text = str(striate.compare_runs([a, b]))
    assert "x/[red]a against y/[red]a: 0.00 points" in text
    assert "These images do not tell which of them is better." in text
    assert max(len(line) for line in text.splitlines() if not line.startswith("note")) <= 80


def test_the_page_is_whole_without_the_images(make: Make, tmp_path: Path) -> None:
    labels = [0, 1, 2, 1]
    a, b = make("a<i>", [0, 1, 2, 2], labels), make("b", [0, 1, 1, 1], labels)
    found = striate.compare_runs([a, b], output=tmp_path / "page.html")
    assert found.page == tmp_path / "page.html"
    page = found.page.read_text("utf-8")
    assert "the page has no pictures" in page
    assert "a&lt;i&gt; against b" in page
    assert "<b>cat" not in page
    assert "&lt;b&gt;cat&lt;/b&gt;" in page
    assert "Learning" not in page
    with pytest.raises(RunError, match=r"must end in \.html"):
        striate.compare_runs([a, b], output=tmp_path / "page.txt")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("compared")
    for epochs in (1, 2):
        striate.train("digits", net="lenet", epochs=epochs, out=folder / f"{epochs}", workers=0)
    return folder / "1", folder / "2"


def test_trained_runs_have_the_figures_of_their_evaluations(
    trained: tuple[Path, Path], tmp_path: Path
) -> None:
    found = striate.compare_runs(trained, output=tmp_path / "page.html")
    for each, run in zip(found.compared, trained, strict=True):
        kept = json.loads((run / layout.EVALUATION).read_text())
        assert each.top1 == pytest.approx(kept["top1"], abs=1e-12)
        assert each.interval == pytest.approx(kept["interval"])
    assert [len(each.curve) for each in found.compared] == [1, 2]
    page = (tmp_path / "page.html").read_text("utf-8")
    assert page.count('<img src="data:image/png') >= 12
    assert 'data-chart="accuracy"' in page
    # Given by name, the images are those that neither was trained on; all is computed anew.
    named = striate.compare_runs(trained, data="digits", workers=1)
    assert named.right.sum(axis=1).tolist() == found.right.sum(axis=1).tolist()
    assert sorted(named.digests) == sorted(found.digests)


def test_an_exported_file_is_compared_as_its_run_is(trained: tuple[Path, Path]) -> None:
    run = trained[0]
    file = striate.export(run, run / "net.onnx").file
    found = striate.compare_runs([run, file], workers=1)
    assert not len(found.differing)
    assert found.pairs[0].difference == 0
    assert found.pairs[0].p_value == 1
    assert "Both are right on the same images." in str(found)
    assert found.compared[1].network == "lenet"
    assert any("holds no list of what it was trained on" in note for note in found.notes)
    with pytest.raises(StriateError, match=r"^`data`: is missing; give images"):
        striate.compare_runs([file, copy_of(file)])


def copy_of(file: Path) -> Path:
    other = file.with_name("other.onnx")
    other.write_bytes(file.read_bytes())
    return other
