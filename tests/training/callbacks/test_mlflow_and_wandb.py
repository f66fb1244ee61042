"""MLflow in its local store and Weights & Biases offline, where they are installed.

Neither is among the pinned dependencies: both are large, and bring servers with them.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import striate
from striate.errors import Interrupted
from striate.runs import layout as names
from striate.training.callbacks.base import Callback
from striate.training.callbacks.mlflow import MLflow
from striate.training.callbacks.tracker import read_trackers
from striate.training.callbacks.wandb import WandB, _signed_in

from .recording import OPTIONS, STEPS, Recorder, lines  # type: ignore[import-not-found]


class Notes(Callback):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def on_note(self, text: str) -> None:
        self.notes.append(text)


def cut_and_gone_on(photographs: Path, out: Path, tracker: Callback, again: Callback) -> None:
    """A training that is interrupted in its second epoch and goes on."""
    cut = Recorder(interrupt=STEPS + 2)
    with pytest.raises(Interrupted):
        striate.train(photographs, out=out, epochs=2, callbacks=[cut, tracker], **OPTIONS)
    striate.train(out, resume=True, callbacks=[again])


def test_a_run_of_mlflow_goes_on_and_holds_everything(
    photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mlflow: Any = pytest.importorskip("mlflow")
    uri, out = f"sqlite:///{tmp_path / 'store.db'}", tmp_path / "run <b> 中"
    client = mlflow.MlflowClient(tracking_uri=uri)
    client.create_experiment("flowers", artifact_location=(tmp_path / "kept").as_uri())
    cut_and_gone_on(photographs, out, MLflow("flowers", uri), MLflow("flowers", uri))
    known = read_trackers(out)["mlflow"]
    (found,) = client.search_runs([client.get_experiment_by_name("flowers").experiment_id])
    run_id, _, store = known["run"].partition(".")
    assert (found.info.run_id, known["epoch"]) == (run_id, 2)
    assert str(tmp_path) not in (out / names.TRACKERS).read_text()
    assert (found.info.status, found.info.run_name) == ("FINISHED", out.name)
    metrics = lines(out)[1:]
    for name, part, key in (
        ("train/loss", "train", "loss"),
        ("validation/top1", "validation", "top1"),
    ):
        history = client.get_metric_history(run_id, name)
        assert [(each.step, each.value) for each in history] == [
            (line["epoch"], line[part][key]) for line in metrics
        ]
    evaluation = striate.open_run(out).evaluation
    assert evaluation is not None
    assert found.data.metrics["evaluation/top1"] == evaluation["top1"]
    assert found.data.params["recipe.epochs"] == "2"
    assert found.data.params["network"] == "resnet20"
    files = {each.path for each in client.list_artifacts(run_id)}
    assert files == {names.CONFIG, names.METRICS, names.EVALUATION, names.REPORT, names.WEIGHTS}

    # In another store nothing is known of it: all of it is written there.
    other = f"sqlite:///{tmp_path / 'other.db'}"
    away = mlflow.MlflowClient(tracking_uri=other)
    away.create_experiment("flowers", artifact_location=(tmp_path / "kept").as_uri())
    striate.train(out, resume=True, callbacks=[MLflow("flowers", other)])
    there, _, elsewhere = read_trackers(out)["mlflow"]["run"].partition(".")
    assert (there == run_id, store == elsewhere) == (False, False)
    assert [each.step for each in away.get_metric_history(there, "train/loss")] == [1, 2]

    # Where nobody asks for it, nothing is begun in a store that does not know the run.
    notes = Notes()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'third.db'}")
    striate.train(out, resume=True, callbacks=[notes])
    assert any("MLflow has failed" in each and "another store" in each for each in notes.notes)
    assert not (tmp_path / "third.db").exists()
    # In the store that does, the run goes on by itself.
    monkeypatch.setenv("MLFLOW_TRACKING_URI", other)
    striate.train(out, resume=True)
    assert read_trackers(out)["mlflow"]["run"] == f"{there}.{elsewhere}"


@pytest.fixture
def closed() -> Iterator[int]:
    """A port that nobody listens at."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def test_a_server_that_is_away_costs_a_line(photographs: Path, tmp_path: Path, closed: int) -> None:
    pytest.importorskip("mlflow")
    notes, uri = Notes(), f"http://me:secret@127.0.0.1:{closed}"
    given = [notes, MLflow(uri=uri)]
    result = striate.train(photographs, out=tmp_path / "run", epochs=1, callbacks=given, **OPTIONS)
    assert result.epochs == 1
    (said,) = [note for note in notes.notes if "MLflow" in note]
    start = "MLflow has failed, and the training goes on without it: "
    assert said.startswith(f"{start}127.0.0.1:{closed}: cannot be reached")
    assert "secret" not in said


def test_a_run_of_wandb_goes_on_offline(
    photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wandb: Any = pytest.importorskip("wandb")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("WANDB_CACHE_DIR", str(tmp_path / "cache"))
    for name in ("WANDB_API_KEY", "WANDB_MODE", "NETRC"):
        monkeypatch.delenv(name, raising=False)
    made: list[Any] = []
    ends: list[dict[str, Any]] = []
    init = wandb.init

    def kept(**settings: Any) -> Any:
        run = init(**settings)
        finish = run.finish

        def read_first(**how: Any) -> None:
            ends.append({**dict(run.summary), **how})  # what is closed cannot be read
            finish(**how)

        monkeypatch.setattr(run, "finish", read_first)
        made.append(run)
        return run

    monkeypatch.setattr(wandb, "init", kept)
    out = tmp_path / "run <b> 中"
    cut_and_gone_on(photographs, out, WandB(), WandB())
    first, second = made
    assert first.id == second.id == read_trackers(out)["wandb"]["run"]
    assert (first.project, first.name) == ("striate", out.name)
    assert first.config["recipe.epochs"] == 2
    evaluation = striate.open_run(out).evaluation
    assert evaluation is not None
    for end, line, code in zip(ends, lines(out)[1:], (130, 0), strict=True):
        assert (end["epoch"], end["exit_code"]) == (line["epoch"], code)
        assert end["train/loss"] == line["train"]["loss"]
        assert end["validation/top1"] == line["validation"]["top1"]
    assert ends[1]["evaluation/top1"] == evaluation["top1"]
    assert len(list((out / "wandb").glob("offline-run-*"))) == 2


def test_who_has_signed_in_is_found_where_wandb_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("WANDB_API_KEY", "WANDB_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert not _signed_in()
    (tmp_path / ".netrc").write_text("machine api.wandb.ai login user password " + 40 * "a")
    (tmp_path / ".netrc").chmod(0o600)
    assert _signed_in()
    monkeypatch.setenv("WANDB_BASE_URL", "https://wandb.example.org")
    assert not _signed_in()
    monkeypatch.setenv("WANDB_API_KEY", "a")
    assert _signed_in()
