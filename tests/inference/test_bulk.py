"""Every image exactly once, in the same bytes, whatever happened on the way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

import striate
from striate.errors import DataError, Interrupted, RunError, StriateError
from striate.inference.bulk import shards
from striate.inference.bulk.folder import JobFolder
from striate.inference.bulk.rows import BulkPredictor, Row
from striate.support.files import WriteError

from .conftest import SHARD, parts, rows  # type: ignore[import-not-found]


def test_every_image_is_a_row_with_what_predict_gives(
    run: Path, pictures: Path, whole: Path
) -> None:
    found = rows(whole)
    assert [row["file"] for row in found] == sorted(
        path.relative_to(pictures).as_posix() for path in pictures.rglob("*.*")
    )
    expected = {each.file: each for each in striate.predict(run, pictures, top=10)}
    classes = json.loads(pq.read_schema(whole / "part-00000.parquet").metadata[b"classes"])
    assert classes == [str(digit) for digit in range(10)]
    for row in found:
        one = expected[str(pictures / row["file"])]
        assert row["label"] == row["file"].partition("/")[0]
        assert (row["error"] or "") == one.error
        if one.error:
            assert row["class"] is row["probability"] is row["probabilities"] is None
            continue
        assert row["class"] == one.classes[0]
        shares = [row["probabilities"][classes.index(name)] for name in one.classes]
        np.testing.assert_allclose(shares, one.probabilities, atol=1e-6)
        assert row["probability"] == max(row["probabilities"])
    assert [row["file"] for row in found if row["error"]] == [
        "0/empty.jpg", "1/page.png", "4/cut.jpg",
    ]  # fmt: skip
    assert json.loads((whole / "_summary.json").read_text()) == {
        "images": 30, "unreadable": 3, "shards": 5,
    }  # fmt: skip
    assert [len(pq.read_table(whole / name)) for name in parts(whole)] == [7, 7, 7, 7, 2]


def test_what_is_below_the_threshold_is_unsure(
    run: Path, pictures: Path, whole: Path, tmp_path: Path
) -> None:
    highest = sorted(row["probability"] for row in rows(whole) if not row["error"])
    threshold = highest[len(highest) // 2]
    out = tmp_path / "out"
    striate.predict_bulk(run, pictures, out, shard_size=SHARD, threshold=threshold)
    names = pq.read_schema(out / "part-00000.parquet").names
    assert names[2:6] == ["class", "probability", "unsure", "probabilities"]
    for row, plain in zip(rows(out), rows(whole), strict=True):
        wanted = None if row["error"] else plain["probability"] < threshold
        assert row == {**plain, "unsure": wanted}
    assert sum(bool(row["unsure"]) for row in rows(out)) == len(highest) // 2
    before = parts(out)
    striate.predict_bulk(run, pictures, out, shard_size=SHARD, threshold=threshold)
    assert parts(out) == before
    with pytest.raises(RunError, match=r"was begun with .threshold=0\.\d+"):
        striate.predict_bulk(run, pictures, out, shard_size=SHARD)
    # Without one, a folder is as it was before there were thresholds.
    assert "unsure" not in pq.read_schema(whole / "part-00000.parquet").names
    assert "threshold" not in json.loads((whole / "_job.json").read_text())


def test_any_number_of_threads_and_another_process_give_the_same_bytes(
    run: Path, pictures: Path, whole: Path, tmp_path: Path
) -> None:
    striate.predict_bulk(run, pictures, tmp_path / "out", shard_size=SHARD, workers=3)
    assert parts(tmp_path / "out") == parts(whole)


def test_a_list_and_a_table_give_the_same_numbers(
    run: Path, pictures: Path, whole: Path, tmp_path: Path
) -> None:
    files = [row["file"] for row in rows(whole)]
    (tmp_path / "list.txt").write_text("\n".join(files), encoding="utf-8")
    lines = [f'"{name}",label {number}' for number, name in enumerate(files)]
    (tmp_path / "table.csv").write_text("\n".join(["file,label", *lines]), encoding="utf-8")
    wanted = [row["probabilities"] for row in rows(whole)]
    for name, labels in (("list.txt", None), ("table.csv", "label {}")):
        out = tmp_path / f"of {name}"
        report = striate.predict_bulk(run, tmp_path / name, out, root=pictures, shard_size=SHARD)
        assert (report.images, report.unreadable, report.shards) == (30, 3, 5)
        found = rows(out)
        assert [row["probabilities"] for row in found] == wanted
        assert [row["label"] for row in found] == [labels and labels.format(n) for n in range(30)]


def test_a_name_that_is_no_text_is_escaped(run: Path, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    try:
        with open(os.fsencode(tmp_path / "photos") + b"/caf\xe9.png", "wb") as file:  # noqa: PTH123
            Image.new("L", (9, 9)).save(file, "PNG")
    except OSError:
        pytest.skip("the file system takes text alone")
    striate.predict_bulk(run, tmp_path / "photos", tmp_path / "out")
    (row,) = rows(tmp_path / "out")
    assert (row["file"], row["error"]) == ("caf\\xe9.png", None)


# ------------------------------------------------------------------------------ stopped, gone on


@pytest.mark.parametrize("after", [0, 3, 13, 29])
def test_interrupted_anywhere_it_goes_on_to_the_same_bytes(
    run: Path, pictures: Path, whole: Path, tmp_path: Path, after: int
) -> None:
    failed, answer, seen = BulkPredictor.failed, BulkPredictor.answer, [0]

    def stop() -> None:
        seen[0] += 1
        if seen[0] > after:
            raise KeyboardInterrupt

    def answering(self: BulkPredictor, name: str, row: Any) -> Row:
        stop()
        return answer(self, name, row)

    def failing(self: BulkPredictor, name: str, error: DataError) -> Row:
        stop()
        return failed(self, name, error)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BulkPredictor, "answer", answering)
        patch.setattr(BulkPredictor, "failed", failing)
        with pytest.raises(Interrupted, match="and the same command goes on"):
            striate.predict_bulk(run, pictures, tmp_path / "out", shard_size=SHARD)
    before = parts(tmp_path / "out")
    assert before.items() <= parts(whole).items()
    assert len(before) == after // SHARD
    report = striate.predict_bulk(run, pictures, tmp_path / "out", shard_size=SHARD)
    assert (report.images, report.unreadable, report.before) == (30, 3, SHARD * len(before))
    assert parts(tmp_path / "out") == parts(whole)
    again = striate.predict_bulk(run, pictures, tmp_path / "out", shard_size=SHARD)
    assert (again.images, again.unreadable, again.before) == (30, 3, 30)


@pytest.mark.slow
def test_killed_it_goes_on_to_the_same_bytes(run: Path, pictures: Path, tmp_path: Path) -> None:
    files = [path.relative_to(pictures).as_posix() for path in pictures.rglob("*.*")] * 100
    (tmp_path / "list.txt").write_text("\n".join(files), encoding="utf-8")
    given = [run, tmp_path / "list.txt", tmp_path / "out"]
    command = [sys.executable, "-m", "striate", "predict", str(run), "--input", str(given[1])]
    command += ["--output", str(given[2]), "--root", str(pictures), "--shard-size", "20"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while len(parts(tmp_path / "out")) < 3:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGSTOP)
    try:
        with pytest.raises(RunError, match="is being written by another process; wait until"):
            striate.predict_bulk(*given, root=pictures, shard_size=20)
    finally:
        process.kill()
        process.wait()
    before = parts(tmp_path / "out")
    assert 3 <= len(before) < 150
    report = striate.predict_bulk(*given, root=pictures, shard_size=20)
    assert (report.images, report.before) == (3000, 20 * len(before))
    assert [row["file"] for row in rows(tmp_path / "out")] == files
    striate.predict_bulk(run, given[1], tmp_path / "whole", root=pictures, shard_size=20)
    assert parts(tmp_path / "out") == parts(tmp_path / "whole")
    left = list((tmp_path / "out").glob(".*.part"))
    assert len(left) <= 1  # what the killed process was at, which another one removes later


def test_a_termination_ends_it_like_ctrl_c(run: Path, pictures: Path, tmp_path: Path) -> None:
    if threading.current_thread() is not threading.main_thread():
        pytest.skip("signals are heard in the main thread")
    answer = BulkPredictor.answer

    def terminated(self: BulkPredictor, name: str, row: Any) -> Row:
        os.kill(os.getpid(), signal.SIGTERM)
        return answer(self, name, row)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BulkPredictor, "answer", terminated)
        with pytest.raises(Interrupted):
            striate.predict_bulk(run, pictures, tmp_path / "out")
    assert not list((tmp_path / "out").glob("part-*"))


def test_a_full_disk_is_said_and_does_no_harm(
    run: Path, pictures: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, written = shards.write_atomically, [0]

    def full(path: Path, content: Any) -> None:
        written[0] += 1
        if written[0] > 2:
            raise WriteError(str(path), "the disk is full", "free some space")
        write(path, content)

    with monkeypatch.context() as patch:
        patch.setattr(shards, "write_atomically", full)
        with pytest.raises(RunError, match="full; free some space, then give the same command"):
            striate.predict_bulk(run, pictures, tmp_path / "out", shard_size=SHARD)
    assert len(parts(tmp_path / "out")) == 2
    striate.predict_bulk(run, pictures, tmp_path / "out", shard_size=SHARD)
    assert parts(tmp_path / "out") == parts(whole)


# ------------------------------------------------------------------------------ refused, by name


@pytest.fixture
def begun(run: Path, pictures: Path, whole: Path) -> Iterator[Path]:
    """`whole`, of which nothing is changed."""
    before = parts(whole)
    yield whole
    assert parts(whole) == before


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"shard_size": 8}, "was begun with `shard_size=7`"),
        ({"embeddings": True}, "holds predictions without embeddings"),
    ],
)
def test_another_way_is_refused(
    run: Path, pictures: Path, begun: Path, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(RunError, match=said):
        striate.predict_bulk(run, pictures, begun, **{"shard_size": SHARD, **options})


def test_another_model_and_other_images_are_refused(
    run: Path, pictures: Path, begun: Path, tmp_path: Path
) -> None:
    with pytest.raises(RunError, match="holds predictions of other images"):
        striate.predict_bulk(run, pictures / "0", begun, shard_size=SHARD)
    other = striate.train("digits", net="lenet", epochs=1, seed=1, out=tmp_path / "r", workers=0)
    with pytest.raises(RunError, match=r"holds predictions of another model \(.*run\)"):
        striate.predict_bulk(other.run, pictures, begun, shard_size=SHARD)
    (tmp_path / "list").write_text("0/0 ü.png")
    striate.predict_bulk(run, tmp_path / "list", tmp_path / "out", root=pictures)
    (tmp_path / "list").write_text("0/0 ü.png\n1/1 ü.png")
    with pytest.raises(RunError, match=r"was begun when .*list listed other images \(1 of"):
        striate.predict_bulk(run, tmp_path / "list", tmp_path / "out", root=pictures)


def test_a_folder_of_somebody_is_left_alone(run: Path, pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("x")
    with pytest.raises(RunError, match=r"is not empty, .*\(mine\.txt, …\); choose a new"):
        striate.predict_bulk(run, pictures, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_what_cannot_begin_leaves_nothing_behind(run: Path, tmp_path: Path) -> None:
    (tmp_path / "list").write_text("nowhere.jpg")
    with pytest.raises(DataError, match=r"its only file is not there \(such as nowhere\.jpg\)"):
        striate.predict_bulk(run, tmp_path / "list", tmp_path / "new" / "out")
    with pytest.raises(StriateError, match="`engine='loco'`: is unknown; did you mean 'local'"):
        striate.predict_bulk(run, tmp_path / "list", tmp_path / "new", engine="loco")  # type: ignore[arg-type]
    assert [path.name for path in tmp_path.iterdir()] == ["list"]


def test_two_at_once_are_refused(run: Path, pictures: Path, tmp_path: Path) -> None:
    with (
        JobFolder.claim(tmp_path / "out"),
        pytest.raises(RunError, match="is being written by another process"),
    ):
        striate.predict_bulk(run, pictures, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [("{", "is damaged"), ('{"format": 2}', "has format 2, and this version knows 1")],
)
def test_a_job_file_that_is_not_understood_is_refused(
    run: Path, pictures: Path, tmp_path: Path, text: str, said: str
) -> None:
    (tmp_path / "_job.json").write_text(text)
    with pytest.raises(RunError, match=said):
        striate.predict_bulk(run, pictures, tmp_path)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write")
def test_a_folder_that_cannot_be_written_is_said(run: Path, pictures: Path, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(RunError, match="cannot be made"):
        striate.predict_bulk(run, pictures, tmp_path / "out")


# ------------------------------------------------------------------------------ embeddings, memory


def test_embeddings_stand_beside_equal_probabilities(
    run: Path, pictures: Path, whole: Path, tmp_path: Path
) -> None:
    striate.predict_bulk(run, pictures, tmp_path / "out", embeddings=True, shard_size=SHARD)
    found = rows(tmp_path / "out")
    assert [row["probabilities"] for row in found] == [row["probabilities"] for row in rows(whole)]
    assert {row["error"] is None or row["embedding"] for row in found} == {True, None}
    opened = striate.open_run(run)
    network, last = opened.network(), opened.network().state_dict()
    vector = torch.tensor([row["embedding"] for row in found if not row["error"]])
    with torch.inference_mode():
        logits = vector @ last["fc3.weight"].T + last["fc3.bias"]
    shares = [row["probabilities"] for row in found if not row["error"]]
    np.testing.assert_allclose(logits.softmax(1), shares, atol=1e-6)
    assert network.embed(torch.zeros(1, 1, 32, 32)).shape[1] == vector.shape[1]


def test_an_exported_file_predicts_but_has_no_embeddings(
    run: Path, pictures: Path, whole: Path, tmp_path: Path
) -> None:
    pytest.importorskip("onnxruntime")
    file = tmp_path / "lenet.onnx"
    striate.export(run, file, capture="trace")
    report = striate.predict_bulk(file, pictures, tmp_path / "out", shard_size=SHARD)
    assert (report.images, report.unreadable) == (30, 3)
    found, wanted = rows(tmp_path / "out"), rows(whole)
    assert [row["error"] for row in found] == [row["error"] for row in wanted]
    shares = [
        [row["probabilities"] for row in each if not row["error"]] for each in (found, wanted)
    ]
    np.testing.assert_allclose(*shares, atol=2e-2)  # resized by the engine, to a level of 255
    with pytest.raises(StriateError, match="`embeddings=True`: is not to be had of an exported"):
        striate.predict_bulk(file, pictures, tmp_path / "new", embeddings=True)
    assert not (tmp_path / "new").exists()


def test_rows_wait_in_memory_by_groups_alone(
    run: Path, pictures: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "_GROUP", 10)
    striate.predict_bulk(run, pictures, tmp_path / "out", shard_size=30)
    part = tmp_path / "out" / "part-00000.parquet"
    assert pq.read_metadata(part).num_row_groups == 3
    assert [row["file"] for row in rows(tmp_path / "out")] == [row["file"] for row in rows(whole)]
