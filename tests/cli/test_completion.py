"""What a shell is told to complete, and how long it waits for that."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.shell_completion import ShellComplete

from striate.cli.completion import SHELLS, VARIABLE, completion
from striate.cli.main import COMMANDS, app, load
from striate.cli.parsing import command_of
from striate.cli.suggestions import DATA, RECIPES, SORTS, WORDS
from striate.errors import StriateError
from striate.hub.listing import KEYS
from striate.runs.listing.select import COLUMNS


def offered(typed: str) -> list[str]:
    """What is offered for the last word of a line; ``FILES`` where the shell offers files."""
    *words, text = typed.split(" ")
    found = ShellComplete(app, {}, "striate", VARIABLE).get_completions(words, text)
    return ["FILES" if each.type == "file" else each.value for each in found]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with runs in it, one under a name that no shell takes as it stands."""
    for name in ("runs/photos", "runs/deep/er", "runs/<b> 玫瑰", ".hidden/run"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "run.toml").touch()
    for name in ("flowers.onnx", "runs/photos/lenet.onnx", "runs/photos/model.safetensors"):
        (tmp_path / name).touch()
    (tmp_path / "runs/photos/members/01").mkdir(parents=True)
    (tmp_path / "runs/photos/members/01/run.toml").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_commands_and_options() -> None:
    assert offered("tr") == ["train", "transfer"]
    assert offered("") == list(COMMANDS)
    assert "--version" in offered("--v")
    assert offered("train photos --rec") == ["--recipe", "--recheck"]


def test_names_and_words() -> None:
    assert offered("train photos --net nin") == ["nin", "nin_cifar"]
    assert "efficientnet_lite0" in offered("transfer photos --backbone eff")
    assert offered("train photos --recipe m") == ["FILES", "modern"]
    assert offered("check sh") == ["FILES", "shapes"]
    assert offered("runs --sort to") == ["top1"]
    assert offered("list --sort pa") == ["parameters"]
    assert offered("train photos --precision b") == ["bfloat16"]
    assert offered("train photos --track w") == ["wandb"]
    assert offered("train photos --select m") == ["mae"]
    assert offered("view lenet -o ") == ["FILES"]
    assert offered("train photos --seed ") == []


def test_runs_and_exported_files(here: Path) -> None:
    assert set(offered("show ")) == {
        *("FILES", "flowers.onnx", "runs/photos", "runs/photos/lenet.onnx", "runs/deep/er")
    }
    assert offered("evaluate runs/ph")[1:] == ["runs/photos", "runs/photos/lenet.onnx"]
    assert offered(f"predict {here}/runs/d")[1:] == [f"{here}/runs/deep/er"]
    assert offered("evaluate nowhere/at/all") == ["FILES"]
    assert offered("evaluate ~nobody.here/runs/") == ["FILES"]


def test_the_words_are_those_of_the_options() -> None:
    told: dict[str, set[str]] = {}
    for name in COMMANDS:
        for each in command_of(load(name), name).params:
            assert each.name is not None
            text = str(getattr(each, "_like", each).help)  # type: ignore[attr-defined]
            told.setdefault(each.name, set()).update(re.findall(r"[\w-]+", text))
    for option, words in (*WORDS.items(), ("data", DATA), ("recipe", RECIPES)):
        assert set(words) - told[option] == set(), option
    assert set(SORTS["runs"]) == set(COLUMNS)
    assert set(SORTS["list"]) == set(KEYS)


def test_nothing_heavy_is_loaded_for_a_keystroke() -> None:
    code = (
        "import sys; from click.shell_completion import ShellComplete\n"
        "from striate.cli.main import app\n"
        "found = ShellComplete(app, {}, 'striate', '').get_completions(sys.argv[1:-1], '')\n"
        "assert found\n"
        "heavy = {'torch', 'torchvision', 'numpy', 'PIL', 'sklearn'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    for line in ("transfer x --backbone", "runs --sort", "train"):
        words = [sys.executable, "-c", code, *line.split(), ""]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here")
def test_bash_takes_the_script(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    completion("bash")
    script = tmp_path / "striate.bash"
    script.write_text(
        capsys.readouterr().out
        + "\nCOMP_WORDS=(striate explain lenet5 --tra)\nCOMP_CWORD=3\n"
        + "_striate_completion striate\nprintf '%s\\n' \"${COMPREPLY[@]}\"\n"
    )
    program = tmp_path / "striate"  # as it is called where it is installed
    code = "from striate.cli.main import app; app(prog_name='striate')"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{code}" "$@"\n')
    program.chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", script],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PATH": path},
    )
    assert done.stdout.split() == ["--training"], done.stderr


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_has_a_script(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    completion(shell)
    assert f"{VARIABLE}={shell}_complete" in capsys.readouterr().out


def test_the_shell_is_found_or_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SHELL", "/usr/bin/zsh")
    completion()
    assert "#compdef striate" in capsys.readouterr().out
    monkeypatch.setenv("SHELL", "/bin/nosuch")
    with pytest.raises(StriateError, match="choose one of bash, fish, zsh"):
        completion()
    with pytest.raises(StriateError, match="did you mean 'fish'"):
        completion("fsh")
    assert isinstance(app, click.Group)
