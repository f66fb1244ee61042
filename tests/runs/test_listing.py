"""The runs under a folder, listed from their small files."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

import striate
from striate.errors import RunError, StriateError
from striate.runs import layout as names
from striate.runs.config import RunConfig
from striate.runs.origins import Provenance

Make = Callable[..., Path]


@pytest.fixture
def make(tmp_path: Path, config: RunConfig) -> Make:
    """Makes a run's small files under the temporary folder."""

    def make(name: str, top1: float | None = None, seconds: float = 0, **changes: Any) -> Path:
        folder = tmp_path / name
        folder.mkdir(parents=True)
        started = changes.pop("started", "2026-11-27T10:00:00+00:00")
        made = replace(config, provenance=Provenance(started=started), **changes)
        made.write(folder / names.CONFIG)
        if top1 is not None:
            figures = {"top1": top1, "interval": [top1 - 0.1, min(top1 + 0.05, 1)], "images": 50}
            (folder / names.EVALUATION).write_text(json.dumps(figures))
        if seconds:
            lines = [{"epoch": i, "seconds": seconds / 2, "images_per_second": 1} for i in (1, 2)]
            (folder / names.TIMING).write_text("\n".join(map(json.dumps, lines)))
        return folder

    return make


def test_what_is_listed_of_a_run(make: Make, tmp_path: Path) -> None:
    folder = make("a/b", 0.8, 90.5)
    (folder / names.COSTS).write_text('{"parameters": 1234, "macs": 5678}')
    (only,) = striate.list_runs(tmp_path)
    assert only.to_json() == {
        "path": str(folder),
        "name": "a/b",
        "network": "lenet",
        "data": "digits",
        "origin": "digits",
        "classes": 3,
        "targets": [],
        "top1": 0.8,
        "mae": None,
        "interval": [pytest.approx(0.7), pytest.approx(0.85)],
        "images": 50,
        "parameters": 1234,
        "macs": 5678,
        "seconds": 90.5,
        "epochs_done": 2,
        "epochs": only.epochs,
        "started": "2026-11-27T10:00:00+00:00",
    }
    assert striate.list_runs(folder)[0].name == "."


def test_a_run_that_was_never_measured_has_only_its_decisions(make: Make, tmp_path: Path) -> None:
    make("young", seconds=3)
    (only,) = striate.list_runs(tmp_path)
    assert (only.top1, only.interval, only.images, only.parameters) == (None,) * 4
    assert f"epoch 2/{only.epochs}" in str(striate.list_runs(tmp_path))


def test_older_runs_of_catalogue_networks_have_the_catalogue_s_costs(
    make: Make, tmp_path: Path
) -> None:
    from striate.zoo.catalogue import entry

    make("old", classes=tuple(map(str, range(entry("lenet").classes))))
    (only,) = striate.list_runs(tmp_path)
    assert (only.parameters, only.macs) == (entry("lenet").parameters, entry("lenet").macs)


def test_damaged_and_foreign_folders_cost_themselves_alone(make: Make, tmp_path: Path) -> None:
    make("good", 0.5)
    (make("cut") / names.CONFIG).write_text("format = 2\nnetwork = ")
    (make("figures") / names.EVALUATION).write_text('{"top1": 7, "interval": [0, 1], "images": 3}')
    (make("costs") / names.COSTS).write_text('{"parameters": -1, "macs": 1}')
    (make("newer") / names.CONFIG).write_text("format = 999\n")
    (tmp_path / "lost").mkdir()
    (tmp_path / "lost" / names.METRICS).write_text("{}")
    (make(".hidden") / names.CONFIG).write_text("")
    (tmp_path / "photos" / "a class").mkdir(parents=True)
    found = striate.list_runs(tmp_path)
    assert [each.name for each in found] == ["good"]
    reasons = {each.path.name: each.reason for each in found.unlisted}
    assert reasons.keys() == {"cut", "figures", "costs", "newer", "lost"}
    assert reasons["cut"].startswith("run.toml cannot be read as TOML")
    assert reasons["figures"].startswith("evaluation.json is damaged")
    assert reasons["costs"].startswith("costs.json is damaged")
    assert "newer Striate" in reasons["newer"]
    assert reasons["lost"] == "holds metrics.jsonl but no run.toml"
    assert found.to_json()["unlisted"][0].keys() == {"path", "reason"}
    assert f"not listed: {tmp_path / 'cut'}: run.toml" in str(found)


def test_links_lead_to_runs_and_no_further(make: Make, tmp_path: Path) -> None:
    run = make("away/run", 0.5)
    listed = tmp_path / "here"
    listed.mkdir()
    (listed / "best").symlink_to(run)
    (listed / "loop").symlink_to(tmp_path)
    (listed / "nowhere").symlink_to(tmp_path / "nothing")
    assert [each.name for each in striate.list_runs(listed)] == ["best"]


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("date", "bcad"),
        ("-date", "acbd"),
        ("top1", "cbad"),
        ("-top1", "abcd"),
        ("time", "cbad"),
        ("name", "abcd"),
        ("-name", "dcba"),
    ],
)
def test_sorted_runs_have_what_is_unknown_last(
    make: Make, tmp_path: Path, sort: str, order: str
) -> None:
    make("a", 0.5, 30, started="2025-01-01T00:00:00+00:00")
    make("b", 0.6, 20, started="2026-03-01T00:00:00+00:00")
    make("c", 0.7, 10, started="2026-01-01T00:00:00+00:00")
    make("d", started="")
    assert "".join(each.name for each in striate.list_runs(tmp_path, sort=sort)) == order


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        (["network=LE*"], "ab"),
        (["network!=lenet"], "c"),
        (["network=le"], ""),
        (["top1>55%"], "bc"),
        (["top1 >= 0.6", "top1<0.7"], "b"),
        (["top1=0.5"], "a"),
        (["time<=20s"], "b"),
        (["time<1min"], "ab"),
        (["date>=2026"], "b"),
        (["date=2025-01"], "ac"),
        (["parameters<5M"], ""),
        (["classes=3"], "abc"),
    ],
)
def test_filters(make: Make, tmp_path: Path, filters: list[str], names: str) -> None:
    make("a", 0.5, 30, started="2025-01-01T00:00:00+00:00")
    make("b", 0.6, 20, started="2026-03-01T00:00:00+00:00")
    make("c", 0.7, network="other", started="2025-01-20T00:00:00+00:00")
    found = striate.list_runs(tmp_path, filter=filters, sort="name")
    assert "".join(each.name for each in found) == names
    if not names:
        assert "none of 3 runs" in str(found)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sort": "topp1"}, r"^`sort='topp1'`: is no column; did you mean 'top1'\?"),
        ({"filter": ["top1>80"]}, "compared with a number; such as 80% or 0.8"),
        ({"filter": ["macs<1 Q"]}, "compared with a number; such as 1.5G"),
        ({"filter": ["netwrk=a"]}, "did you mean 'network'"),
        ({"filter": ["network<a"]}, "network is text"),
        ({"filter": ["good"]}, "is no filter; write one as"),
    ],
)
def test_sorts_and_filters_that_mean_nothing(
    tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(StriateError, match=message):
        striate.list_runs(tmp_path, **options)


def test_folders_that_are_none(make: Make, tmp_path: Path) -> None:
    run = make("runs/a")
    with pytest.raises(RunError, match=r"there is no such folder; did you mean 'runs'\?"):
        striate.list_runs(tmp_path / "rnus")
    with pytest.raises(RunError, match="is a file, not a folder; did you mean"):
        striate.list_runs(run / names.CONFIG)
    (tmp_path / "empty").mkdir()
    assert str(striate.list_runs(tmp_path / "empty")) == f"no runs under {tmp_path / 'empty'}"


def test_the_table_fits_80_columns_whatever_runs_are_called(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make("[red]a very long name of 玫瑰 and more/<b>", 0.999, 90_000, network="timm:" + "long_" * 9)
    make("x\x1b[2J", 0.5)
    monkeypatch.setenv("COLUMNS", "80")
    found = striate.list_runs(tmp_path)
    text = str(found)
    assert len(found) == 2
    assert "[red]" in text
    assert "\x1b" not in text
    assert "99.90  89.9–100.0" in text
    rows = [line for line in text.splitlines()[1:] if not line.startswith("side by side")]
    assert max(cell_len(line) for line in rows) <= 80
    assert "&lt;b&gt;" in found._repr_html_()


def test_the_command_lists_without_pytorch(make: Make, tmp_path: Path) -> None:
    make("a", 0.5)
    code = (
        "import sys\n"
        f"sys.argv = ['striate', 'runs', {str(tmp_path)!r}, '--json', '--filter', 'top1>0.1']\n"
        "from striate.cli.main import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code\n"
        "assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert [each["name"] for each in json.loads(done.stdout)["runs"]] == ["a"]
