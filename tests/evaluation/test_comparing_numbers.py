"""Runs of numbers side by side: errors, paired differences and what tells them apart."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from scipy import stats

import striate
from striate.cli.main import app
from striate.errors import RunError
from striate.evaluation.comparing.numbers import pairs, signed_rank
from striate.runs.layout import PREDICTIONS


@pytest.fixture(scope="module")
def two(squares: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Runs of the same images that learnt for one epoch and for two."""
    folder = tmp_path_factory.mktemp("compared")
    given: dict[str, Any] = {"net": "lenet", "batch_size": 8, "workers": 0, "seed": 1}
    return [
        striate.train(squares, target="side", out=folder / name, epochs=epochs, **given).run
        for name, epochs in (("one", 1), ("two", 2))
    ]


def test_pairs_are_those_of_independent_sources() -> None:
    random = np.random.default_rng(0)
    true = random.normal(40, 10, (80, 1))
    predicted = (true + random.normal(0, [[[2.0]], [[5.0]]], (2, 80, 1))).astype(np.float32)
    (found,) = pairs(true, predicted)
    one, other = np.abs(predicted.astype(np.float64) - true)[..., 0]
    assert found.difference == pytest.approx(one.mean() - other.mean())
    assert found.p_value == pytest.approx(stats.wilcoxon(one, other).pvalue)
    assert found.nearer_first == (one < other).sum()
    percentiles = stats.bootstrap(
        (one - other,), np.mean, n_resamples=4_000, method="percentile", random_state=random
    ).confidence_interval
    assert found.interval == pytest.approx(tuple(percentiles), abs=0.15)
    assert signed_rank(one, one) == 1


def test_kept_and_computed_values_are_compared_alike(
    two: list[Path], squares: Path, tmp_path: Path
) -> None:
    found: Any = striate.compare_runs(two)
    maes = [json.loads((run / "evaluation.json").read_text())["mae"] for run in two]
    assert [each.maes[0] for each in found.compared] == pytest.approx(maes)
    assert found.pairs[0].difference == pytest.approx(maes[0] - maes[1])
    assert [each.key for each in found.settings] == ["recipe.epochs"]
    given: Any = striate.compare_runs(two, data=squares)
    assert given.predicted == pytest.approx(found.predicted, rel=1e-4)
    alone = shutil.copytree(two[0], tmp_path / "alone")
    (alone / PREDICTIONS).unlink()
    computed: Any = striate.compare_runs([alone, two[1]])
    assert computed.predicted == pytest.approx(found.predicted, rel=1e-4)


def test_one_image_has_no_interval(two: list[Path], squares: Path, tmp_path: Path) -> None:
    copy = Image.open(next(squares.glob("*.png"))).rotate(90)
    copy.save(tmp_path / "new.png")
    (tmp_path / "t.csv").write_text("file,side\nnew.png,7\n")
    words = ["runs", *map(str, two), "--data", str(tmp_path / "t.csv")]
    done = CliRunner().invoke(app, [*words, "--json"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["pairs"][0]["interval"] == found["compared"][0]["intervals"][0] == [None, None]
    shown = CliRunner().invoke(app, words, env={"COLUMNS": "100"}).stdout
    assert "– to –" not in shown
    page = tmp_path / "page.html"
    assert CliRunner().invoke(app, [*words, "--output", str(page)]).exit_code == 0
    assert '"nan"' not in page.read_text(encoding="utf-8")


def test_it_prints_and_other_answers_are_refused(
    two: list[Path], squares: Path, tmp_path: Path
) -> None:
    words = [str(run) for run in two]
    done = CliRunner().invoke(app, ["runs", *words], env={"COLUMNS": "100"})
    assert done.exit_code == 0
    assert "one against two:" in done.output
    assert "px of mean absolute error" in done.output
    json.loads(CliRunner().invoke(app, ["runs", *words, "--json"]).stdout)
    other = striate.train(
        squares, target="level", out=tmp_path / "level", net="lenet", epochs=1, workers=0
    ).run
    classes = striate.create_run("lenet", tmp_path / "classes").path
    for run, why in ((other, "is not among those of"), (classes, "answers with classes")):
        with pytest.raises(RunError, match=why):
            striate.compare_runs([two[0], run])


def test_a_page_shows_where_they_differ(two: list[Path], tmp_path: Path) -> None:
    found: Any = striate.compare_runs(two, output=tmp_path / "page.html")
    assert found.page == tmp_path / "page.html"
    page = found.page.read_text("utf-8")
    assert "one against two" in page
    assert "side (px)" in page
    (pair,) = found.pairs
    decided = pair.adjusted < 0.05 and not pair.interval[0] <= 0 <= pair.interval[1]
    assert f">{'clear' if decided else 'not clear'}</span>" in page
    assert f"{found.compared[0].maes[0]:.4}" in page
    assert "<b>0" not in page, "names are escaped"
    assert page.count('src="data:image/png') == len(found.true), "each is nearest in one of them"
    errors = found.errors
    apart = errors.max(0) - errors.min(0)
    first = int(np.argmax(np.where(errors.argmin(0) == 0, apart, -1)))
    shown = page.index("Nearest in one")
    assert str(found.names[first])[-10:] in page[shown : shown + 3000]
    assert "recipe.epochs" in page
    log = [line for line in striate.open_run(two[1]).metrics if line.get("validation")]
    assert [each[1] for each in found.compared[1].curve] == [
        line["validation"]["mae"] for line in log
    ]
