"""What stands around the code: containers, workflows, what is said of the project as a whole.

None of it can be run here: what it names has to exist.
"""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from click.testing import CliRunner

from striate.cli.main import COMMANDS, app

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))


def read_yaml(path: Path) -> Any:
    yaml = pytest.importorskip("yaml")
    return yaml.load(path.read_text("utf-8"), Loader=yaml.BaseLoader)


def jobs(path: Path) -> dict[str, Any]:
    return dict(read_yaml(path)["jobs"])


def steps(path: Path) -> list[dict[str, Any]]:
    return [step for job in jobs(path).values() for step in job["steps"]]


def assert_runs(line: str) -> None:
    """`line` is of the Makefile, of `.ci/run`, of pip or of our own command."""
    first, *rest = shlex.split(line)
    if first == "make":
        assert rest[0] in TARGETS, line
    elif first == "striate":
        assert rest[0] in COMMANDS, line
        help_text = CliRunner().invoke(app, [rest[0], "--help"], env={"COLUMNS": "200"}).output
        options = {word for word in rest if word.startswith("--")}
        assert options <= set(re.findall(r"--[\w-]+", help_text)), line
    elif first == "python":
        assert rest[:3] == ["-m", "pip", "install"], line
    else:
        assert (ROOT / first).is_file(), line
        assert (ROOT / first).stat().st_mode & 0o100, line


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_run_what_there_is(path: Path) -> None:
    text = path.read_text("utf-8")
    lines = [step["run"] for step in steps(path) if "run" in step]
    assert lines
    for line in lines:
        assert_runs(line)
        assert "${{" not in line, "what a stranger names belongs into the environment"
    actions = re.findall(r"uses: (\S+)", text)
    assert all(re.fullmatch(r"[\w./-]+@(release/)?v\d+|[\w./-]+@[0-9a-f]{40}", a) for a in actions)
    assert read_yaml(path)["permissions"] == {"contents": "read"}
    assert all(int(job["timeout-minutes"]) <= 60 for job in jobs(path).values())


def test_all_that_has_to_hold_is_run_on_every_python_and_system() -> None:
    found = jobs(ROOT / ".github" / "workflows" / "ci.yml")
    matrix = found["test"]["strategy"]["matrix"]
    assert [each.partition("-")[0] for each in matrix["os"]] == ["ubuntu", "macos"]
    oldest = PROJECT["requires-python"].removeprefix(">=")
    assert matrix["python"][0] == oldest
    assert matrix["python"] == [f"3.{n}" for n in range(int(oldest[2:]), 15)]
    run = [[step["run"] for step in job["steps"] if "run" in step] for job in found.values()]
    assert [lines[0] for lines in run] == [".ci/run", "make lowest", "make wheel"]


def test_a_version_is_published_by_its_tag_without_a_token() -> None:
    path = ROOT / ".github" / "workflows" / "release.yml"
    assert read_yaml(path)["on"] == {"push": {"tags": ["v*"]}}
    assert "secrets" not in path.read_text("utf-8")
    publish = jobs(path)["publish"]
    assert publish["permissions"] == {"id-token": "write"}
    assert publish["needs"] == "build"


def test_the_image_copies_and_calls_what_there_is() -> None:
    text = (ROOT / "Dockerfile").read_text("utf-8")
    copied = [
        path
        for line in re.findall(r"^COPY (?!--)(.+)$", text, re.MULTILINE)
        for path in line.split()[:-1]
    ]
    assert set(copied) == {"pyproject.toml", "constraints.txt", "README.md", "LICENSE", "src"}
    assert all((ROOT / path).exists() for path in copied)
    ignored = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert ignored[1] == "*"
    assert {line[1:] for line in ignored if line.startswith("!")} == set(copied)
    needed = {PROJECT["readme"], *PROJECT["license-files"]}
    assert needed <= set(copied), "the wheel is not built without them"
    (extras,) = re.findall(r"striate-\*\.whl\)\[([\w,]+)\]", text)
    assert set(extras.split(",")) <= set(PROJECT["optional-dependencies"])
    (entry,) = re.findall(r"^ENTRYPOINT (.+)$", text, re.MULTILINE)
    assert json.loads(entry)[0] in PROJECT["scripts"]
    shown = re.findall(r"^#   here .*?(striate .+)$", text, re.MULTILINE)
    assert len(shown) == 3
    for line in shown:
        assert_runs(line)
    assert re.search(r"^USER (?!root|0)", text, re.MULTILINE)


def test_the_development_container_sets_up_what_there_is() -> None:
    folder = ROOT / ".devcontainer"
    settings = json.loads((folder / "devcontainer.json").read_text("utf-8"))
    assert_runs(settings["postCreateCommand"])
    text = (folder / settings["build"]["dockerfile"]).read_text("utf-8")
    assert f"USER {settings['remoteUser']}\n" in text


def test_nothing_names_the_host_of_a_registry() -> None:
    files = [
        "Dockerfile",
        *(str(path) for path in (*WORKFLOWS, *(ROOT / ".devcontainer").iterdir())),
    ]
    for path in files:
        text = (ROOT / path).read_text("utf-8")
        assert not re.search(
            r"\b(?:pypi\.org|pytorch\.org|ghcr\.io|mcr\.|docker\.io|quay\.io)", text
        )


def test_the_citation_is_of_this_version() -> None:
    cited = read_yaml(ROOT / "CITATION.cff")
    assert cited["cff-version"] == "1.2.0"
    assert {"message", "title", "authors"} <= set(cited)
    assert cited["version"] == PROJECT["version"]
    assert cited["license"] == PROJECT["license"]


def test_forms_of_issues_have_what_they_need() -> None:
    forms = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
    for path in forms:
        if path.stem == "config":
            continue
        form = read_yaml(path)
        assert {"name", "description", "body"} <= set(form)
        ids = [each["id"] for each in form["body"]]
        assert len(set(ids)) == len(ids)
    assert len(forms) == 3


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("wheel_tool", ROOT / "tools" / "wheel.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_tag_has_to_be_that_of_the_version(tool: ModuleType) -> None:
    tool.check_tag(ROOT, "")
    tool.check_tag(ROOT, f"v{PROJECT['version']}")
    with pytest.raises(SystemExit, match="the tag v9 is not that of version"):
        tool.check_tag(ROOT, "v9")


@pytest.mark.exhaustive
def test_the_wheel_holds_the_package_and_runs_elsewhere(tool: ModuleType, tmp_path: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True
    ).stdout
    for name in filter(None, listed.split("\0")):
        if name.startswith(("src/", "pyproject", "README", "LICENSE")):
            (tmp_path / "copy" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, tmp_path / "copy" / name)
    wheel = tool.build(tmp_path / "copy", tmp_path / "dist")
    tool.check_contents(tmp_path / "copy", wheel)
    tool.check_installed(wheel, tmp_path / "environment")
    assert sys.prefix not in str(wheel)
    (tmp_path / "copy" / "src" / "striate" / "left_out.txt").touch()
    with pytest.raises(SystemExit, match="left_out"):
        tool.check_contents(tmp_path / "copy", wheel)
