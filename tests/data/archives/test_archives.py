"""An archive of a folder is the folder: the same data from each kind, and none that does harm."""

from __future__ import annotations

import io
import os
import struct
import tarfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import striate
from striate.data.archives.entry import UNPACKED
from striate.data.archives.members import suffix_of
from striate.data.archives.unpacked import unpacked
from striate.data.labelled import open_labelled
from striate.data.sources import open_data
from striate.data.targets import Answers
from striate.errors import DataError

ODD = "<b>x 中文"


def fill(folder: Path, start: int, count: int = 4) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(start, start + count):
        pixels = np.random.default_rng(number).integers(0, 256, (12, 12, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")


def classes(root: Path) -> None:
    root.mkdir(exist_ok=True)
    fill(root / "ant", 0, 10)
    fill(root / ODD, 100, 10)
    (root / "note.txt").write_text("of nothing")


def splits(root: Path) -> None:
    for place, split in enumerate(("train", "val")):
        fill(root / split / "ant", 1000 * place)
        fill(root / split / "bee", 1000 * place + 100)


def listed(root: Path) -> None:
    fill(root, 0)
    rows = [f"{number}.png,{'ab'[number % 2]}" for number in range(4)]
    (root / "metadata.csv").write_text("\n".join(["file_name,label", *rows]))


def packed(folder: Path, path: Path, *, within: str = "") -> Path:
    """`folder` in an archive of the kind that the name of `path` tells, perhaps in a folder."""
    files = [each for each in sorted(folder.rglob("*")) if each.is_file()]
    names = [within + each.relative_to(folder).as_posix() for each in files]
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for file, name in zip(files, names, strict=True):
                archive.write(file, name)
        return path
    kind = path.suffix[1:] if path.suffix != ".tar" else ""
    with tarfile.open(path, f"w:{kind.replace('tgz', 'gz')}") as archive:
        for file, name in zip(files, names, strict=True):
            archive.add(file, name)
    return path


@pytest.mark.parametrize(
    ("name", "made"),
    [
        *((name, classes) for name in ("p.zip", "p.tar", "p.TGZ", "p.tar.xz", "p.tar.bz2")),
        *(("p.zip", made) for made in (splits, listed)),
    ],
)
def test_an_archive_is_the_same_data_as_its_folder(
    tmp_path: Path, made: Callable[[Path], None], name: str
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    made(folder)
    wanted = open_data(folder)
    for within in ("", "photos/", "a/b/"):
        path = packed(folder, tmp_path / name.lower(), within=within)
        path = path.rename(tmp_path / name)
        found = open_data(path)
        assert found.origin == str(path)
        assert (found.classes, found.fingerprint) == (wanted.classes, wanted.fingerprint)
        assert found.notes == wanted.notes
        for split, images in wanted.splits.items():
            assert list(found.splits[split].names) == list(images.names)
            assert list(found.splits[split].digests) == list(images.digests)


def test_the_only_table_beside_the_images_of_an_archive_is_meant(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    fill(folder / "images", 0, 10)
    rows = [f"images/{number}.png,{'ab'[number % 2]},{number / 2}" for number in range(10)]
    (folder / "labels.csv").write_text("\n".join(["file,label,age", *rows]))
    path = packed(folder, tmp_path / "p.zip", within="photos/")
    assert open_data(path).fingerprint == open_data(folder / "labels.csv").fingerprint
    ages = Answers(targets=("age",))
    wanted = open_data(folder / "labels.csv", answers=ages)
    assert open_data(path, answers=ages).fingerprint == wanted.fingerprint
    # Folders that are classes are meant all the same.
    (tmp_path / "both").mkdir()
    classes(tmp_path / "both")
    (tmp_path / "both" / "labels.csv").write_text("file,label\nant/0.png,other")
    assert open_data(packed(tmp_path / "both", tmp_path / "q.zip")).classes == (ODD, "ant")


def test_a_run_of_an_archive_is_that_of_the_folder_to_the_byte(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    classes(folder)
    path = packed(folder, tmp_path / "photos.tar.gz", within="photos/")
    runs = [
        striate.train(data, net="lenet", epochs=1, out=tmp_path / name, workers=0).run
        for name, data in (("a", folder), ("b", path))
    ]
    a, b = runs
    for name in ("model.safetensors", "metrics.jsonl", "images.safetensors"):
        assert (a / name).read_bytes() == (b / name).read_bytes()
    assert len({striate.open_run(each).config.identity for each in runs}) == 1
    # The run is measured on its own images, also after the cache was emptied.
    striate.cache(everything=True)
    assert striate.evaluate(b, workers=0).to_json() == striate.evaluate(a, workers=0).to_json()
    told = [each.file for each in striate.predict(b, path, workers=0)]
    assert told[0] == f"{path}/{ODD}/100.png"
    assert len(told) == 20


def test_it_is_unpacked_once_and_again_when_it_is_harmed_or_another(tmp_path: Path) -> None:
    folder, cache = tmp_path / "photos", tmp_path / "cache"
    classes(folder)
    path = packed(folder, tmp_path / "p.zip")
    before = time.time_ns() - 10**10
    os.utime(path, ns=(before, before))
    root = unpacked(path, cache).root
    file = root / "ant" / "0.png"
    made = file.stat().st_ino
    assert unpacked(path, cache).root == root
    assert file.stat().st_ino == made
    # A copy has the same content, and needs no room of its own.
    copy = tmp_path / "copy.zip"
    copy.write_bytes(path.read_bytes())
    assert unpacked(copy, cache).root == root
    file.unlink()
    claim = unpacked(path, cache).claim
    assert file.exists()
    # It is seen and pruned, but not while it is in use.
    (one,) = striate.cache(cache).copies
    assert (one.made, one.images) == ("p.zip, unpacked", 21)
    if os.name == "posix":
        assert [each.path for each in striate.cache(cache, everything=True).busy] == [one.path]
    del claim
    found = striate.cache(cache, everything=True)
    assert [each.path for each in found.removed_copies] == [one.path]
    assert not list((cache / UNPACKED).iterdir())


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    folder, cache = tmp_path / "photos", tmp_path / "cache"
    classes(folder)
    part = cache / UNPACKED / "00.part"
    part.mkdir(parents=True)
    (part / "about.json").write_text("{}")
    os.utime(part, (1, 1))
    unpacked(packed(folder, tmp_path / "p.zip"), cache)
    assert not part.exists()


def test_images_to_measure_on_may_lie_in_an_archive(tmp_path: Path) -> None:
    splits(tmp_path / "photos")
    path = packed(tmp_path / "photos" / "val", tmp_path / "p.zip", within="val/")
    assert len(open_labelled(path, ("ant", "bee")).images) == 8


def refused(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        open_data(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", ["../out.png", "/etc/out.png", "a/../../out.png", "C:/out.png"])
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_names_that_lead_out_are_refused(tmp_path: Path, name: str, kind: str) -> None:
    path = tmp_path / f"p.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(name, b"x")
    else:
        with tarfile.open(path, "w") as archive:
            archive.addfile(tarfile.TarInfo(name), io.BytesIO())
    assert f"holds the name '{name}', which leads out of it" in refused(path)
    assert not list(tmp_path.rglob("out.png"))


def test_links_and_devices_are_passed_over(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    classes(folder)
    wanted = open_data(folder).fingerprint
    path = packed(folder, tmp_path / "p.tar")
    with tarfile.open(path, "a") as archive:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE):
            info = tarfile.TarInfo(f"ant/link{kind.decode()}.png")
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
        # A link, and then a file that would go through it.
        info = tarfile.TarInfo("ant/through")
        info.type, info.linkname = tarfile.SYMTYPE, str(tmp_path)
        archive.addfile(info)
        archive.addfile(tarfile.TarInfo("ant/through/note.txt"), io.BytesIO())
    assert open_data(path).fingerprint == wanted
    assert not (tmp_path / "note.txt").exists()


def test_an_empty_class_is_refused_as_in_a_folder(tmp_path: Path) -> None:
    classes(tmp_path / "photos")
    path = packed(tmp_path / "photos", tmp_path / "p.zip")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("bee/", b"")
    assert "no image to train on in class 'bee'" in refused(path)


def test_bombs_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "p.tar.gz"
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        info = tarfile.TarInfo("ant/0.png")
        info.size = 1 << 20
        archive.addfile(info, io.BytesIO(bytes(1 << 20)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("striate.data.archives.entry._FREELY", 1 << 10)
        assert "no images do; do not trust it" in refused(path)
        patch.setattr("striate.data.archives.entry.RESERVE", 1 << 60)
        patch.setattr("striate.data.archives.entry._FREELY", 1 << 40)
        assert "has no room to be unpacked in the cache" in refused(path)
        patch.setattr("striate.data.archives.entry._MOST_FILES", 0)
        assert "holds more than 0 files" in refused(path)
    # A header that says it has gigabytes is not read into memory.
    info = tarfile.TarInfo("h")
    info.type, info.size = tarfile.XHDTYPE, 1 << 33
    header = tmp_path / "h.tar"
    header.write_bytes(info.tobuf(tarfile.GNU_FORMAT) + bytes(10240))
    assert "a header without end" in refused(header)


def test_encrypted_ones_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "p.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("ant/0.png", b"x")
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\1\2") + 8] |= 1
    path.write_bytes(content)
    assert "is encrypted, and no password is asked for; unpack it" in refused(path)


def test_garbage_is_named(tmp_path: Path) -> None:
    for name, content in {
        "a.zip": b"",
        "b.zip": b"PK\5\6 is none",
        "c.tar": b"no archive" * 100,
        "d.tar.gz": b"\x1f\x8b\x08 cut",
        "e.tar.xz": b"\xfd7zXZ\0" + bytes(9),
    }.items():
        (tmp_path / name).write_bytes(content)
        assert "is damaged, or no archive" in refused(tmp_path / name)
    classes(tmp_path / "photos")
    cut = packed(tmp_path / "photos", tmp_path / "cut.tgz")
    cut.write_bytes(cut.read_bytes()[:-200])
    assert "is damaged, or no archive" in refused(cut)
    path = tmp_path / "packed.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("ant/0.png", b"x")
    odd = bytearray(path.read_bytes())
    struct.pack_into("<H", odd, odd.index(b"PK\1\2") + 10, 99)
    struct.pack_into("<H", odd, 8, 99)
    path.write_bytes(odd)
    assert "is packed in a way that is not read" in refused(path)
    (tmp_path / "p.7z").write_bytes(b"7z")
    assert "unpack it, or pack it again as .zip or .tar" in refused(tmp_path / "p.7z")
    both = tmp_path / "both.tar"
    with tarfile.open(both, "w") as archive:
        for name in ("a", "a/b"):
            archive.addfile(tarfile.TarInfo(name), io.BytesIO())
    assert "holds 'a/b' as a file and as a folder" in refused(both)
    missing = tmp_path / "nothing.zip"
    assert "there is no such folder" in refused(missing)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x" * 300, b"x")
    assert "a name that no file can have" in refused(path)


def test_errors_name_the_archive_and_not_where_it_is_unpacked(tmp_path: Path) -> None:
    for name in ("a", "b"):
        fill(tmp_path / "photos" / "fold1" / name, 0)
        fill(tmp_path / "photos" / "fold2" / name, 100)
    path = packed(tmp_path / "photos", tmp_path / "p.zip")
    assert UNPACKED + "/" not in refused(path)


def test_names_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "p.zip"
    for number, name in enumerate(("ünï", "é")):  # as macOS writes them: UTF-8 without a mark
        fill(tmp_path / "photos" / name, 10 * number)
    packed(tmp_path / "photos", path)
    content = path.read_bytes()
    for mark, at in ((b"PK\1\2", 9), (b"PK\3\4", 7)):
        parts = content.split(mark)
        content = mark.join([parts[0], *(p[: at - 4] + b"\0" + p[at - 3 :] for p in parts[1:])])
    path.write_bytes(content)
    assert open_data(path).classes == ("é", "ünï")


def test_endings() -> None:
    assert suffix_of(Path("a.b.TAR.GZ")) == ".TAR.GZ"
    assert suffix_of(Path("a.gz")) == ""
