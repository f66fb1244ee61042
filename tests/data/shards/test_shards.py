"""WebDataset's shards: the same data as folders of the same photographs, read where they are."""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import striate
from striate.data import known
from striate.data.images import SMALL
from striate.data.labelled import open_labelled
from striate.data.shards.index import index_of, read_member, stats_of_member
from striate.data.sources import Data, open_data
from striate.data.targets import Answers
from striate.errors import DataError

CLASSES = ("<b>x 中文", "ant")
SIDE = SMALL + 8  # so that the pictures are read anew whenever they are needed


def encoded(number: int) -> bytes:
    pixels = np.random.default_rng(number).integers(0, 256, (9, 9, 3), np.uint8)
    content = io.BytesIO()
    Image.fromarray(pixels).resize((SIDE, SIDE)).save(content, "PNG")
    return content.getvalue()


def shard(path: Path, members: dict[str, bytes | str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, content in members.items():
            data = content if isinstance(content, bytes) else content.encode()
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def samples(numbers: range, form: str = "cls") -> dict[str, bytes | str]:
    members: dict[str, bytes | str] = {}
    for number in numbers:
        name = CLASSES[number % 2]
        members[f"{number:04}.png"] = encoded(number)
        about = {"label": name, "age (years)": number / 2, "box": [1, 2], "who": None}
        members[f"{number:04}.{form}"] = json.dumps(about) if form == "json" else name
    return members


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The same pictures in class folders."""
    for number in range(24):
        place = tmp_path / "photos" / CLASSES[number % 2]
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{number:04}.png").write_bytes(encoded(number))
    return tmp_path / "photos"


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    for place, form in enumerate(("cls", "json", "cls")):
        numbers = range(8 * place, 8 * place + 8)
        shard(tmp_path / "shards" / f"s-{place:03}.tar", samples(numbers, form))
    return tmp_path / "shards"


def test_they_are_the_data_of_folders(folder: Path, shards: Path) -> None:
    wanted = open_data(folder)
    for given in (shards, shards / "s-{000..002}.tar", shards / "s-*.tar"):
        found = open_data(given)
        assert found.origin == str(given)
        assert (found.fingerprint, found.classes) == (wanted.fingerprint, wanted.classes)
        assert list(found.train.digests) == list(wanted.train.digests)
        assert list(found.val.digests) == list(wanted.val.digests)
        assert found.train.names[0] == "s-000.tar/0000.png"
        for images, own in ((found.train, wanted.train), (found.val, wanted.val)):
            assert (images.read(1) == own.read(1)).all()


def test_text_is_the_class_where_nothing_else_is(tmp_path: Path) -> None:
    data = open_data(shard(tmp_path / "s.tar", samples(range(12), "txt")))
    assert data.classes == CLASSES
    both = samples(range(12)) | {f"{n:04}.txt": f"a caption of {n}" for n in range(12)}
    assert open_data(shard(tmp_path / "s.tar", both)).classes == CLASSES


def test_numbers_and_other_labels_are_keys_of_json(tmp_path: Path) -> None:
    path = shard(tmp_path / "s.tar", samples(range(12), "json"))
    data = open_data(path, answers=Answers(targets=("age",)))
    assert data.targets[0].described == "age (years)"
    values = np.concatenate([part.values for part in data.splits.values()])[:, 0]
    assert sorted(values.tolist()) == [number / 2 for number in range(12)]
    with pytest.raises(DataError, match=r"column 'box': holds lists"):
        open_data(path, answers=Answers(label="box"))


@pytest.mark.parametrize("inner", ["train/{}-0.tar", "{}-0000.tar", "{}_0-of-1.tar"])
def test_splits_are_told_by_the_names_of_shards_or_of_their_folders(
    tmp_path: Path, inner: str
) -> None:
    for split, start in (("train", 0), ("val", 40)):
        name = inner.replace("train/", f"{split}/").format(split)
        shard(tmp_path / "w" / name, samples(range(start, start + 8)))
    data = open_data(tmp_path / "w")
    assert (data.held_out_name, len(data.train), len(data.val)) == ("val", 8, 8)
    assert len(open_labelled(tmp_path / "w", CLASSES).images) == 8


def test_what_is_known_is_not_read_again(
    shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known, "_GRANULE", -1_000_000_000)  # no file is too new to be relied on
    first = open_data(shards, cache=tmp_path / "cache")

    def read(*_: object) -> Iterator[bytes]:
        raise AssertionError("read again")

    monkeypatch.setattr("striate.data.scan.content_of", read)
    again = open_data(shards, cache=tmp_path / "cache")
    assert again.fingerprint == first.fingerprint
    monkeypatch.undo()
    # A shard that was written anew is.
    (shards / "s-000.tar").unlink()
    shard(shards / "s-000.tar", samples(range(100, 108)))
    assert open_data(shards, cache=tmp_path / "cache").fingerprint != first.fingerprint


def batches(data: Data) -> list[bytes]:
    from striate.data.augmentation.settings import Augmentation
    from striate.data.loader import Loader
    from striate.data.preprocessing import Preprocessing

    seen = Preprocessing(
        resize=16, height=16, width=16, channels=3, mean=(0.5,) * 3, std=(0.2,) * 3
    )
    chance = Augmentation(crop="resized", horizontal_flip=True)
    loader = Loader(data.train, seen, chance, batch_size=5, seed=3, workers=2, shuffle=True)
    whole = [batch.images.numpy().tobytes() for batch in loader.batches(2)]
    # From the middle of the epoch on, it is the same: as a resumed run has it.
    rest = [batch.images.numpy().tobytes() for batch in loader.batches(2, start=2)]
    assert rest == whole[2:]
    return whole


def test_batches_are_those_of_folders_from_any_step_on(folder: Path, tmp_path: Path) -> None:
    path = shard(tmp_path / "s.tar", samples(range(24)))
    assert batches(open_data(path)) == batches(open_data(folder))


def test_predict_reads_them_where_they_are(shards: Path) -> None:
    from striate.data.finding.inputs import items

    for given in (shards / "s-000.tar", shards / "s-{000..000}.tar", shards):
        found = list(items(str(given)))
        assert [item.name for item in found[:2]] == [
            f"{shards}/s-000.tar/0000.png",
            f"{shards}/s-000.tar/0001.png",
        ]
        with found[1].opened(3) as pixels:
            assert pixels.shape == (SIDE, SIDE, 3)
    assert not (Path(os.environ["STRIATE_CACHE"]) / "unpacked").exists()


def refused(given: Path) -> str:
    with pytest.raises(DataError) as caught:
        open_data(given)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_cannot_be_used_is_named(tmp_path: Path, shards: Path) -> None:
    assert "s-003.tar: is not there, and 1 more" in refused(shards / "s-{000..004}.tar")
    assert "matches no archive" in refused(shards / "t-*.tar")
    assert "counts from 4 to 0" in refused(shards / "s-{004..000}.tar")
    members = samples(range(8))
    del members["0002.cls"]
    path = shard(tmp_path / "w" / "s.tar", members)
    assert "0002.png (sample 3, column 'label': no class is named)" in refused(path)
    assert len(open_data(path, skip_bad=True).train) > 0
    two = samples(range(8)) | {"0001.jpg": b"x"}
    assert "holds several pictures of one sample" in refused(shard(tmp_path / "w/s.tar", two))
    odd = samples(range(8)) | {"0001.json": "{"}
    assert "has a .json beside it that is none" in refused(shard(tmp_path / "w/s.tar", odd))
    bad = samples(range(8)) | {"0001.png": b"x"}
    assert "s.tar/0001.png (" in refused(shard(tmp_path / "w/s.tar", bad))
    cut = shard(tmp_path / "w/s.tar", samples(range(8)))
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 3])
    assert "is damaged, or no tar archive" in refused(tmp_path / "w")


def test_members_are_found_by_name(tmp_path: Path) -> None:
    path = shard(tmp_path / "a.tar", {"../x": b"1", "b.tar/y": b"22", "x": b"333"})
    index, _ = index_of(str(path))
    assert index.find("nothing") is None
    assert read_member(path / "x", 100) == b"333"  # of one name, the last counts
    assert read_member(path / "b.tar" / "y", 100) == b"22"
    assert read_member(tmp_path / "c.tar" / "y", 100) is None
    with pytest.raises(FileNotFoundError):
        read_member(path / "z", 100)
    with pytest.raises(DataError, match="too large"):
        read_member(path / "x", 2)
    assert stats_of_member(os.fsencode(path / "x"))[0] == 3
    assert stats_of_member(os.fsencode(path / "z")) is None
    assert stats_of_member(b"/x.tar/y") is None


def test_a_run_of_shards_is_evaluated_and_resumed_where_they_are(shards: Path) -> None:
    pattern = shards / "s-{000..001}.tar"
    out = shards.parent / "run"
    striate.train(pattern, net="lenet", epochs=1, out=out, workers=0)
    own = striate.evaluate(out, pattern, workers=0)
    assert own.images == striate.open_run(out).config.data.val_images
    assert striate.train(resume=True, out=out, workers=0).loss == own.loss


@pytest.mark.parametrize("name", ["S.TAR", "s[1].tar", "[x]/s-{0..1}.tar"])
def test_they_are_opened_whatever_their_names_would_stand_for(tmp_path: Path, name: str) -> None:
    path = shard(tmp_path / name, samples(range(12)))
    data = open_data(path)
    assert len(data.train) + len(data.val) == 12
    assert data.train.read(0).shape == (SIDE, SIDE, 3)


def test_headers_without_end_are_refused(tmp_path: Path) -> None:
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 1
    path = tmp_path / "s.tar"
    path.write_bytes((info.tobuf(tarfile.GNU_FORMAT) + b"x" + bytes(511)) * 3000)
    assert "is damaged, or no tar archive" in refused(path)
