"""Folders, lists and tables as a stream of paths and labels."""

from __future__ import annotations

import io
import os
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from striate.errors import DataError, StriateError
from striate.inference.bulk import listing
from striate.inference.bulk.entries import Entry, Input

ODD = ("a b.jpg", "<b>x.jpg", "q'uo\"te.jpg", "玫瑰.jpg", "line\nbreak.jpg")


def read(path: Path | str, **options: str) -> list[Entry]:
    return list(Input.of(path, **options).entries(("daisy", "rose")))


def test_a_folder_gives_its_images_sorted_by_path_with_the_nearest_class(tmp_path: Path) -> None:
    for name in ("val/daisy/2.jpg", "val/daisy/1.png", "rose/old/x.jpg", "rose/a.txt", ".h/x.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "top.jpg").write_bytes(b"")
    (tmp_path / "val" / "again").symlink_to(tmp_path)  # a loop
    (tmp_path / "rose" / "self.jpg").symlink_to("self.jpg")
    assert read(tmp_path) == [
        Entry("rose/old/x.jpg", "rose"),
        Entry("rose/self.jpg", "rose"),
        Entry("top.jpg"),
        Entry("val/daisy/1.png", "daisy"),
        Entry("val/daisy/2.jpg", "daisy"),
    ]
    assert read(tmp_path / "rose") == [Entry("old/x.jpg", "rose"), Entry("self.jpg", "rose")]


@pytest.mark.skipif(os.name != "posix", reason="names of files are text there")
def test_a_folder_keeps_names_that_are_no_text(tmp_path: Path) -> None:
    names = [os.fsencode(name) for name in ODD] + [b"caf\xe9.jpg"]
    for name in names:
        (tmp_path / os.fsdecode(name)).write_bytes(b"")
    assert [os.fsencode(entry.file) for entry in read(tmp_path)] == sorted(names)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_list_has_a_path_a_line(tmp_path: Path, end: str) -> None:
    lines = ["a b.jpg", "", " led by a space.jpg", "玫瑰.jpg", "/elsewhere/c.jpg"]
    text = b"\xef\xbb\xbf" + end.join(lines).encode() + end.encode() + b"caf\xe9.jpg"
    (tmp_path / "list.txt").write_bytes(text)
    found = [entry.file for entry in read(tmp_path / "list.txt")]
    assert found == [*filter(None, lines), "caf\udce9.jpg"]
    assert Input.of(tmp_path / "list.txt").root == tmp_path


def test_standard_input_is_a_list(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"a.jpg\nb.jpg\n")))
    assert read("-") == [Entry("a.jpg"), Entry("b.jpg")]
    assert (Input.of("-").root, Input.of("-").name) == (tmp_path, "standard input")


def test_tables_have_columns_of_files_and_labels(tmp_path: Path) -> None:
    wanted = [Entry("a,b.jpg", "rose"), Entry("c.jpg"), Entry("", "daisy"), Entry("d.jpg")]
    (tmp_path / "t.csv").write_text(
        'id,Label,Path\n1,rose,"a,b.jpg"\n2,,c.jpg\n\n3,daisy,\n4,,d.jpg'
    )
    (tmp_path / "t.tsv").write_text("path\tlabel\na,b.jpg\trose\nc.jpg\n\tdaisy\nd.jpg\t\n")
    table = {"path": ["a,b.jpg", "c.jpg", None, "d.jpg"], "label": ["rose", None, "daisy", None]}
    pq.write_table(pa.table(table), tmp_path / "t.parquet", row_group_size=3)
    for name in ("t.csv", "t.tsv", "t.parquet"):
        assert read(tmp_path / name) == wanted, name
    (tmp_path / "u.csv").write_text("wo,label,was\na.jpg,x,7\n")
    assert read(tmp_path / "u.csv", file_column="wo", label_column="was") == [Entry("a.jpg", "7")]
    pq.write_table(pa.table({"image": [b"caf\xe9.jpg"], "target": [3]}), tmp_path / "u.parquet")
    assert read(tmp_path / "u.parquet") == [Entry("caf\udce9.jpg", "3")]
    pq.write_table(pa.table({"file": ["x.jpg"]}), tmp_path / "v.parquet")
    assert read(tmp_path / "v.parquet") == [Entry("x.jpg")]


@pytest.mark.parametrize(
    ("name", "content", "options", "said"),
    [
        ("t.csv", b"name,x\na.jpg,1\n", {}, r"known by its name \(it has: name, x\); say which"),
        ("t.csv", b"", {}, "it has: none"),
        ("t.csv", b"file\na.jpg\n", {"file_column": "fill"}, "no such column; did you mean 'file'"),
        ("t.csv", b'file\n"' + b"x" * 200_000, {}, r"is no sound table \(line"),
        ("t.parquet", b"nothing of the kind", {}, "is no sound Parquet file"),
        ("list.txt", b"\xff\xd8\xff\xe0\0\x10JFIF", {}, r"is an image \(JPEG\), not a list"),
        ("list.txt", "a.jpg".encode("utf-16"), {}, "is saved as UTF-16"),
        ("list.txt", b"a.jpg", {"file_column": "x"}, "`file_column='x'`: is of a table"),
        ("list.txt", b"a.jpg", {"root": "nowhere"}, "there is no such folder"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    tmp_path: Path, name: str, content: bytes, options: dict[str, str], said: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=said):
        read(tmp_path / name, **options)


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no such file or folder"):
        read(tmp_path / "none")
    with pytest.raises(DataError, match="download it first"):
        read("https://example.org/list.txt")
    with pytest.raises(DataError, match=r"`root=.*is of a list or a table"):
        Input.of(tmp_path, root=str(tmp_path))


def test_a_listing_is_read_back_shard_by_shard(tmp_path: Path) -> None:
    entries = [
        Entry(f"{number} caf\udce9\n.jpg", None if number % 2 else "玫瑰") for number in range(7)
    ]
    written = listing.write(tmp_path / "l.parquet", iter(entries), 3)
    assert written == listing.digest_of(iter(entries))
    assert written.images == 7
    with listing.open_listing(tmp_path / "l.parquet") as file:
        assert [listing.read(tmp_path / "l.parquet", file, shard) for shard in range(3)] == [
            entries[:3], entries[3:6], entries[6:],
        ]  # fmt: skip
    others = [entries[:6], [*entries[:6], Entry(entries[6].file)], entries[::-1]]
    assert len({listing.digest_of(each).digest for each in (entries, *others)}) == 4


def test_files_of_which_none_is_there_are_refused_before_the_first(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("\n".join(f"{n}.jpg" for n in range(101)))
    given = Input.of(tmp_path / "list.txt")
    with pytest.raises(StriateError, match=r"none of its first 100 is there \(such as 0\.jpg\)"):
        list(listing.probed(given.entries(()), given))
    (tmp_path / "99.jpg").write_bytes(b"")
    assert len(list(listing.probed(given.entries(()), given))) == 101
    (tmp_path / "list.txt").write_text("\n\n")
    with pytest.raises(DataError, match="lists no images"):
        list(listing.probed(given.entries(()), given))
    (tmp_path / "99.jpg").unlink()
    given = Input.of(tmp_path)
    with pytest.raises(DataError, match="holds no images"):
        list(listing.probed(given.entries(()), given))


def test_an_archive_is_the_folder_that_it_holds(tmp_path: Path) -> None:
    for name in ("rose", "tulip"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(tmp_path / "photos" / name / "1.png")
    path = Path(shutil.make_archive(str(tmp_path / "photos"), "zip", tmp_path, "photos"))
    given = Input.of(path)
    assert given.name == str(path)
    assert list(given.entries(["rose"])) == [
        Entry("rose/1.png", "rose"),
        Entry("tulip/1.png", None),
    ]
    assert (given.root / "rose" / "1.png").exists()
