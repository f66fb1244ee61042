"""Files of a job that are damaged, gone or of another one."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import striate
from striate.errors import RunError
from striate.inference.bulk import job
from striate.inference.bulk.folder import LISTING

from .conftest import SHARD, parts, rows  # type: ignore[import-not-found]


def test_a_damaged_shard_is_computed_again(
    run: Path, pictures: Path, whole: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    striate.predict_bulk(run, pictures, out, shard_size=SHARD)
    (out / "part-00001.parquet").write_bytes(b"PAR1")
    (out / "part-00002.parquet").write_bytes((out / "part-00003.parquet").read_bytes())
    assert striate.predict_bulk(run, pictures, out, shard_size=SHARD).before == 30 - 2 * SHARD
    assert parts(out) == parts(whole)


@pytest.mark.parametrize("place", [0.2, 0.5])
def test_a_shard_of_which_a_bit_has_turned_is_computed_again(
    run: Path, pictures: Path, whole: Path, tmp_path: Path, place: float
) -> None:
    out = Path(shutil.copytree(whole, tmp_path / "out"))
    part = out / "part-00000.parquet"
    content = bytearray(part.read_bytes())
    # In the data, of which the footer says nothing.
    body = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    content[int(place * body)] ^= 1
    part.write_bytes(content)
    assert striate.predict_bulk(run, pictures, out, shard_size=SHARD).before == 30 - SHARD
    assert parts(out) == parts(whole)


def test_a_shard_of_another_job_is_computed_again(
    run: Path, pictures: Path, whole: Path, tmp_path: Path
) -> None:
    listed = "\n".join(row["file"] for row in reversed(rows(whole)))
    (tmp_path / "list").write_text(listed, "utf-8")
    other, out = tmp_path / "other", Path(shutil.copytree(whole, tmp_path / "out"))
    striate.predict_bulk(run, tmp_path / "list", other, root=pictures, shard_size=SHARD)
    shutil.copy(other / "part-00001.parquet", out)
    assert striate.predict_bulk(run, pictures, out, shard_size=SHARD).before == 30 - SHARD
    assert parts(out) == parts(whole)


@pytest.mark.parametrize("content", [None, b"noise"])
def test_a_list_that_is_gone_or_damaged_is_written_down_again(
    run: Path, pictures: Path, whole: Path, tmp_path: Path, content: bytes | None
) -> None:
    listed = (whole / LISTING).read_bytes()
    for missing in ((), ("part-00001.parquet",)):  # a job that is done, and one that is not
        begun = Path(shutil.copytree(whole, tmp_path / f"begun{len(missing)}"))
        (begun / LISTING).unlink()
        if content is not None:
            (begun / LISTING).write_bytes(content)
        for name in missing:
            (begun / name).unlink()
        striate.predict_bulk(run, pictures, begun, shard_size=SHARD)
        assert parts(begun) == parts(whole)
        assert (begun / LISTING).read_bytes() == listed
    (begun / LISTING).unlink()
    with pytest.raises(RunError, match="holds predictions of other images"):
        striate.predict_bulk(run, pictures / "0", begun, shard_size=SHARD)
    assert not (begun / LISTING).exists()


def test_a_list_that_is_damaged_inside_is_said(
    run: Path, pictures: Path, whole: Path, tmp_path: Path
) -> None:
    begun = Path(shutil.copytree(whole, tmp_path / "begun"))
    (begun / "part-00000.parquet").unlink()
    content = bytearray((begun / LISTING).read_bytes())
    content[40] ^= 255
    (begun / LISTING).write_bytes(content)
    with pytest.raises(
        RunError, match=r"_input\.parquet: is gone or damaged; remove it, then give"
    ):
        striate.predict_bulk(run, pictures, begun, shard_size=SHARD)


def test_a_model_that_is_replaced_while_it_is_opened_is_said(
    run: Path, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digests = iter(["one", "another"])
    monkeypatch.setattr(job, "_digest", lambda *_, **__: next(digests))
    with pytest.raises(RunError, match="was replaced while it was being opened"):
        striate.predict_bulk(run, pictures, tmp_path / "out")
    assert not (tmp_path / "out").exists()
