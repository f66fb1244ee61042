"""Every claim: its quick run works, is told, and what is held equal is."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from click.testing import CliRunner

from striate.cli.main import app
from striate.errors import StriateError
from striate.lab.book import NAMES, experiment_of, experiments
from striate.lab.options import RunExperimentOptions
from striate.lab.run import run

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", NAMES)
def test_a_quick_run_works(name: str, tmp_path: Path) -> None:
    experiment = experiment_of(name)
    found = run(RunExperimentOptions(name, quick=True, seeds=1, out=tmp_path / name))
    assert (found.verdict, found.seeds) == (None, (0,))
    assert len(found.judged) == len(experiment.statements)
    page = found.page.read_text("utf-8")
    for setting in experiment.settings:
        assert f'<th scope="row">{setting}</th>' in page


def test_the_claims_are_told_in_the_order_of_the_notes() -> None:
    found = experiments()
    assert [each.name for each in found] == list(NAMES)
    numbers = [each.number for each in found]
    assert numbers == sorted(numbers)  # several may be about one claim of the notes
    for each in found:
        assert each.claim.endswith(".")
        assert each.cannot
        assert each.chinese[1].endswith("。")
        assert each.statements
        assert {name for one in each.statements for name in one.contrast} <= set(each.settings)
        if each.conditions.data:
            assert each.conditions.data.startswith(("digits", "shapes"))  # which need no network


def test_what_is_held_equal_is_under_the_conditions_that_count() -> None:
    for each in experiments():
        assert each.held_equal(each.conditions), each.name


def test_an_unknown_experiment_has_a_nearest_name() -> None:
    with pytest.raises(StriateError, match="did you mean 'saturation'"):
        experiment_of("saturatoin")


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    found = importlib.util.spec_from_file_location("lab_tool", ROOT / "tools" / "lab.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def test_the_book_is_made_of_the_results_beside_it(tool: ModuleType) -> None:
    for name, text in tool.written().items():
        assert (tool.DOCS / name).read_text("utf-8") == text, f"{name}: run python tools/lab.py"


def test_what_the_readme_says_of_leaving_out_is_what_was_measured(tool: ModuleType) -> None:
    found = next(each for each in tool.found() if each.experiment.name == "leaving-out")
    lost = {
        name: np.mean(found.results.rows(name, "drops"), axis=0) for name in ("plain", "residual")
    }
    assert (lost["plain"] > 0.15).all()  # "needs each"
    assert (lost["residual"][:2] > 0.1).all()  # "not without its first ones"
    assert (lost["residual"] < 0.06).mean() > 0.5  # "without most of them"


def test_results_are_of_experiments_there_are(tool: ModuleType) -> None:
    there = {path.name.removesuffix(".jsonl") for path in tool.RESULTS.glob("*.jsonl")}
    assert there <= {*NAMES, *(f"{name}.timing" for name in NAMES)}
    for each in tool.found():
        assert not each.results.header.quick
        assert len(each.results.seeds) >= 3
        for image in ("svg", "md"):
            assert (tool.DOCS / f"{each.experiment.name}.{image}").is_file()


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["lab", "rnu"], "did you mean 'run'"),
        (["lab", "run"], "needs a name; give an experiment"),
        (["lab", "list", "--quick"], "--quick: is nothing for lab list"),
        (["lab", "list", "x"], "takes no name"),
        (["lab", "report", "nowhere"], "no such folder"),
    ],
)
def test_the_command_refuses_in_one_line(typed: list[str], said: str) -> None:
    error = CliRunner().invoke(app, typed).exception
    assert isinstance(error, StriateError)
    assert said in str(error)


def test_the_command_lists_them() -> None:
    import json

    done = CliRunner().invoke(app, ["lab", "list", "--json"], catch_exceptions=False)
    assert [each["name"] for each in json.loads(done.stdout)] == list(NAMES)
    told = CliRunner().invoke(app, ["lab", "list"], catch_exceptions=False).stdout
    assert all(name in told for name in NAMES)
