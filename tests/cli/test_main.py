from __future__ import annotations

import json
import re
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from striate.cli.main import main


def striate(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "striate", *arguments],
        capture_output=True,
        text=True,
        check=False,
        **options,  # type: ignore[call-overload]
    )


#: What takes longer to import than the 0.3 s in which `--help` and `list` answer.
HEAVY = (
    "torch",
    "torchvision",
    "numpy",
    "scipy",
    "sklearn",
    "PIL",
    "onnx",
    "openvino",
    "jinja2",
    "rich",
)


@pytest.mark.parametrize(
    "arguments", [("--help",), ("list-networks",), ("list-networks", "--json")]
)
def test_quick_commands_load_nothing_heavy(arguments: tuple[str, ...]) -> None:
    code = (
        f"import sys; sys.argv = ['striate', *{arguments!r}]\n"
        "from striate.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        f"heavy = {set(HEAVY)!r} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_list_json() -> None:
    entries = json.loads(striate("list-networks", "--json").stdout)
    by_name = {each["name"]: each for each in entries}
    assert list(entries[0]) == ["name", "family", "year", "parameters", "macs", "input"]
    assert by_name["resnet50"]["parameters"] == 25_557_032
    assert by_name["resnet50"]["macs"] == 3_857_973_248
    assert by_name["lenet"]["input"] == [1, 32, 32]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("train", "digits", "--net", "lenett"), "did you mean 'lenet'"),
        (("train", "/no/such/folder", "--net", "lenet"), "/no/such/folder"),
        (("train", "digits", "--net", "lenet", "--recipe", "moderm"), "did you mean 'modern'"),
        (("train", "digits", "--net", "lenet", "--size", "64"), "32"),
        (("train", "digits", "--net", "lenet", "--precision", "half"), "--precision half"),
        (("train", "digits", "--net", "lenet", "--device", "cuda:9"), "--device cuda:9"),
        (("train",), "needs data and --net"),
        (("evaluate", "nowhere"), "there is no such run"),
        (("predict", "nowhere", "x.jpg"), "there is no such run"),
        (("export", "nowhere"), "there is no such run"),
    ],
)
def test_bad_input_gets_one_line_and_exit_2(
    tmp_path: Path,
    arguments: tuple[str, ...],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["striate", *arguments])
    # Both are the process's own, which `main` sets up for itself.
    monkeypatch.setattr("striate.cli.streams.prepare", lambda: None)
    with warnings.catch_warnings(), pytest.raises(SystemExit) as ended:
        main()
    out, err = capfd.readouterr()
    lines = err.strip().splitlines()
    assert ended.value.code == 2, err
    assert len(lines) == 1, err
    assert lines[0].startswith("striate: ")
    assert message in lines[0]
    assert not out
    assert not list(tmp_path.iterdir()), "something was left half-made"


def test_bad_input_in_a_process_of_its_own(tmp_path: Path) -> None:
    done = striate("predict", "nowhere", "x.jpg", cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("striate: ")
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert not done.stdout


def test_version() -> None:
    assert striate("--version").stdout.startswith("striate 0.")


def test_a_command_is_called_as_its_function() -> None:
    import striate as package
    from striate.cli.main import COMMANDS

    commands = {each.replace("-", "_") for each in COMMANDS}
    functions = {name for name in package.__all__ if name[0].islower()}
    alone = {"create", "explain_prediction", "open_classifier", "open_run", "predict_bulk"}
    alone |= {"open_predictor", "open_regressor"}
    alone |= {"compare_runs", "evaluate_detector", "export_detector", "list_runs"}
    alone |= {"list_experiments", "report_experiment", "run_experiment"}
    assert functions - commands == alone
    # As the packages of the first names are called; Python has no use for the last.
    assert commands - functions == {"lab", "runs", "completion"}


def test_the_list_of_commands_has_the_first_lines_of_their_help() -> None:
    from striate.cli.main import COMMANDS, load

    assert {name: str(load(name).__doc__).splitlines()[0] for name in COMMANDS} == COMMANDS


def test_the_help_has_the_commands_by_what_there_is_to_do() -> None:
    from click.testing import CliRunner

    from striate.cli.main import JOBS, app

    shown = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "80"}).output
    sections = re.findall(r"^(\w.*):\n((?:  .+\n)+)", shown, re.MULTILINE)
    assert [job for job, _ in sections] == ["Options", *JOBS]
    for job, lines in sections[1:]:
        assert re.findall(r"^  (\S+)  +\S", lines, re.MULTILINE) == list(JOBS[job])
        assert len(lines.splitlines()) == len(JOBS[job]), "a line each, on 80 columns"


def test_a_short_name_is_the_same_command(capsys: pytest.CaptureFixture[str]) -> None:
    from striate.cli.main import app

    for name in ("list-networks", "list"):
        app([name, "zf"], standalone_mode=False)
    first, second = capsys.readouterr().out.split("name  ")[1:]
    assert first == second
    assert "zfnet" in first


def test_a_mistyped_command_and_the_help_of_one() -> None:
    mistyped = striate("trian", "x")
    assert mistyped.returncode == 2
    assert "No such command 'trian'" in mistyped.stderr
    shown = striate("evaluate", "-h")
    assert shown.returncode == 0
    assert "Usage: python -m striate evaluate [OPTIONS]" in shown.stdout
