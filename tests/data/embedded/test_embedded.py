"""Images inside tables are the same data as the files that they were, whoever wrote the table."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import striate
from striate.data.sources import Data, open_data
from striate.data.targets import Answers
from striate.errors import DataError

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")
CLASSES = ["<b>x 中文", "ant"]


def encoded(number: int, form: str = "PNG") -> bytes:
    pixels = np.random.default_rng(number).integers(0, 256, (12, 12, 3), np.uint8)
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, form)
    return content.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(20):
        place = tmp_path / "photos" / CLASSES[number % 2]
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{number}.png").write_bytes(encoded(number))
    return tmp_path / "photos"


def table(numbers: range, **more: list[Any]) -> Any:
    """As `datasets` writes it: pairs of bytes and path, and what the numbers mean."""
    images = [{"bytes": encoded(number), "path": f"{number}.png"} for number in numbers]
    columns = {"image": images, "label": [number % 2 for number in numbers], **more}
    features = {
        "image": {"_type": "Image"},
        "label": {"names": CLASSES, "_type": "ClassLabel"},
    }
    made = pa.table(columns)
    about = json.dumps({"info": {"features": features}})
    return made.replace_schema_metadata({"huggingface": about})


def same(found: Data, wanted: Data) -> bool:
    return (found.classes, found.fingerprint) == (wanted.classes, wanted.fingerprint)


def test_a_parquet_file_is_the_data_of_the_folder(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    pq.write_table(table(range(20), age=[n / 2 for n in range(20)]), path)
    found, wanted = open_data(path), open_data(folder)
    assert found.origin == str(path)
    assert same(found, wanted)
    assert sorted(found.train.digests) == sorted(wanted.train.digests)
    assert found.train.names[0].startswith("images/000000")
    ages = open_data(path, answers=Answers(targets=("age",)))
    values = np.concatenate([part.values for part in ages.splits.values()])[:, 0]
    assert sorted(values.tolist()) == [n / 2 for n in range(20)]
    (one,) = striate.cache().copies
    assert (one.made, one.images) == ("x.parquet, unpacked", 21)
    assert not [*open_data(path, cache=tmp_path / "cache").skipped]


@pytest.mark.parametrize(
    "names",
    [
        ("train-00000-of-00001.parquet", "test-00000-of-00001.parquet"),
        ("data/train-00000-of-00001.parquet", "data/test-00000-of-00001.parquet"),
    ],
)
def test_a_folder_of_parquet_files_has_the_splits_of_their_names(
    tmp_path: Path, names: tuple[str, str]
) -> None:
    for name, numbers in zip(names, (range(16), range(16, 24)), strict=True):
        (tmp_path / "w" / name).parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table(numbers), tmp_path / "w" / name)
    data = open_data(tmp_path / "w")
    assert (data.origin, data.held_out_name) == (str(tmp_path / "w"), "test")
    assert (len(data.train), len(data.val)) == (16, 8)


def test_a_column_of_bytes_may_hold_images(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    images = [encoded(number) for number in range(20)]
    labels = [CLASSES[number % 2] for number in range(20)]
    pq.write_table(pa.table({"id": list(range(20)), "blob": images, "label": labels}), path)
    assert same(open_data(path), open_data(folder))


def saved(folder: Path, numbers: range) -> None:
    """As `save_to_disk` of `datasets` writes it."""
    folder.mkdir(parents=True)
    made = table(numbers)
    file = pa.OSFile(str(folder / "data.arrow"), "wb")
    with file, pa.ipc.new_stream(file, made.schema) as writer:
        writer.write_table(made)
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": "data.arrow"}]}))


def test_a_saved_data_set_is_read_without_the_library(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    saved(tmp_path / "one", range(20))
    assert same(open_data(tmp_path / "one"), open_data(folder))
    saved(tmp_path / "two" / "train", range(16))
    saved(tmp_path / "two" / "validation", range(16, 24))
    (tmp_path / "two" / "dataset_dict.json").write_text('{"splits": ["train", "validation"]}')
    data = open_data(tmp_path / "two")
    assert (data.held_out_name, len(data.train), len(data.val)) == ("val", 16, 8)
    state = {"_data_files": [{"filename": "../../x.arrow"}]}
    (tmp_path / "one" / "state.json").write_text(json.dumps(state))
    assert str(tmp_path / "one" / "x.arrow") in refused(tmp_path / "one")
    (tmp_path / "one" / "state.json").write_text("{")
    assert "is no data set that can be read as it was saved" in refused(tmp_path / "one")


def test_what_the_library_wrote_and_opens_by_name(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    datasets = pytest.importorskip("datasets")
    features = datasets.Features(image=datasets.Image(), label=datasets.ClassLabel(names=CLASSES))
    rows = {
        "image": [{"bytes": encoded(n), "path": None} for n in range(20)],
        "label": [n % 2 for n in range(20)],
    }
    made = datasets.Dataset.from_dict(rows, features=features)
    made.save_to_disk(str(tmp_path / "saved"))
    (tmp_path / "named").mkdir()
    made.to_parquet(str(tmp_path / "named" / "train-00000-of-00001.parquet"))
    wanted = open_data(folder)
    assert same(open_data(tmp_path / "saved"), wanted)
    assert same(open_data(tmp_path / "named"), wanted)
    original = datasets.load_dataset

    offline = []

    def load(name: str, configuration: str | None) -> Any:
        assert (name, configuration) == ("user/name", "small")
        offline.append(datasets.config.HF_HUB_OFFLINE)
        return original(str(tmp_path / "named"), cache_dir=str(tmp_path / "cache"))

    monkeypatch.setattr(datasets, "load_dataset", load)
    found = open_data("hf:user/name:small")
    assert found.origin == "hf:user/name:small"
    assert same(found, wanted)
    assert same(open_data("hf:user/name:small", download=False), wanted)
    assert (offline, datasets.config.HF_HUB_OFFLINE) == ([False, True], False)


def test_nothing_is_fetched_where_that_is_not_wanted() -> None:
    pytest.importorskip("datasets")
    with pytest.raises(DataError, match=r"OfflineModeIsEnabled.*fetch it with `download=True`"):
        open_data("hf:user/nothing-of-the-kind", download=False)


def test_what_cannot_be_reached_is_told_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    class Library:
        @staticmethod
        def load_dataset(*_: object) -> None:
            raise ConnectionError("no way\nthere")

    monkeypatch.setitem(sys.modules, "datasets", Library)
    said = refused("hf:user/name")
    assert said.startswith("hf:user/name: cannot be opened (ConnectionError: no way); check the")
    assert "names no data set" in refused("hf:")
    monkeypatch.setitem(sys.modules, "datasets", None)
    assert "pip install 'striate[hf]'" in refused("hf:user/name")


def refused(given: str | Path) -> str:
    with pytest.raises(DataError) as caught:
        open_data(given)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_faults_are_named(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    bad = table(range(10))
    images = bad.column("image").to_pylist()
    images[3]["bytes"] = b"no image"
    pq.write_table(pa.table({"image": images, "label": bad.column("label")}), path)
    said = refused(path)
    assert said.startswith(f"{path}: 1 file cannot be used: images/00000003.png (")
    images[4] = {"bytes": None, "path": "gone.png"}
    pq.write_table(pa.table({"image": images, "label": bad.column("label")}), path)
    assert "gone.png (cannot be read (No such file or directory) (line 6))" in refused(path)
    pq.write_table(pa.table({"image": images, "photo": images}), path)
    assert "has several columns of images (image, photo)" in refused(path)
    pq.write_table(pa.table({"image": images[:0], "label": [0][:0]}), path)
    assert "\n" not in refused(path)
    path.write_bytes(b"PAR1")
    assert "cannot be read as Parquet" in refused(path)
    pq.write_table(table(range(10)).select(["image"]), path)
    said = refused(path)
    assert said.startswith(f"{path}: holds one class only")
    assert "unpacked" not in said


def test_images_without_names_and_rows_without_images(folder: Path, tmp_path: Path) -> None:
    rows: list[Any] = [{"bytes": encoded(n), "path": None} for n in range(20)]
    labels = [CLASSES[n % 2] for n in range(20)]
    pq.write_table(pa.table({"image": rows, "label": labels}), tmp_path / "x.parquet")
    assert same(open_data(tmp_path / "x.parquet"), open_data(folder))
    pq.write_table(
        pa.table({"image": [*rows, None], "label": [*labels, "ant"]}), tmp_path / "y.parquet"
    )
    assert "images/00000020 (is empty (0 bytes)" in refused(tmp_path / "y.parquet")


def test_metadata_may_be_lines_of_json(folder: Path, tmp_path: Path) -> None:
    place = tmp_path / "w"
    place.mkdir()
    lines = []
    for number in range(20):
        (place / f"{number}.png").write_bytes(encoded(number))
        about = {"file_name": f"{number}.png", "label": CLASSES[number % 2], "objects": [1]}
        lines.append(json.dumps(about))
    (place / "metadata.jsonl").write_text("\n".join([*lines, ""]))
    assert same(open_data(place), open_data(folder))
    assert same(open_data(place / "metadata.jsonl"), open_data(folder))
    with pytest.raises(DataError, match=r"column 'objects': holds lists or tables"):
        open_data(place, answers=Answers(label="objects"))
    (place / "metadata.jsonl").write_text("\n".join([*lines, "{"]))
    assert "metadata.jsonl: line 21: is no JSON object" in refused(place)
    # A string may hold what parts lines elsewhere; of keys that read alike the last counts.
    lines[0] = lines[0][:-1] + ', "caption": "one\u2028two\x85three", "a\\u0001": 1, "a\\\\x01": 2}'
    (place / "metadata.jsonl").write_text("\n".join(lines), encoding="utf-8")
    assert same(open_data(place), open_data(folder))


def test_the_names_of_tables_count_when_they_are_opened_again(tmp_path: Path) -> None:
    place = tmp_path / "w"
    place.mkdir()
    for name, numbers in (("a", range(16)), ("b", range(16, 24))):
        pq.write_table(table(numbers), place / f"{name}.parquet")
    assert open_data(place).held_out_name == "split"
    (place / "a.parquet").rename(place / "train.parquet")
    (place / "b.parquet").rename(place / "val.parquet")
    data = open_data(place)
    assert (data.held_out_name, len(data.train), len(data.val)) == ("val", 16, 8)


def test_parts_that_are_one_split_are_all_read(tmp_path: Path) -> None:
    saved(tmp_path / "w" / "train", range(16))
    saved(tmp_path / "w" / "test", range(16, 24))
    saved(tmp_path / "w" / "testing", range(24, 28))
    (tmp_path / "w" / "dataset_dict.json").write_text("{}")
    data = open_data(tmp_path / "w")
    assert (len(data.train), len(data.val)) == (16, 12)


def test_values_that_python_has_none_of_are_named(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    images = pa.array([{"bytes": encoded(0), "path": "x.png"}])
    text = pa.array([b"\xff"]).view(pa.string())
    late = pa.array([1 << 60], pa.timestamp("ms"))
    for odd in (text, late):
        pq.write_table(pa.table({"image": images, "label": odd}), path)
        assert "x.parquet: holds a value that cannot be read" in refused(path)
        pq.write_table(pa.table({"file": ["x.png"], "label": odd}), path)
        assert "x.parquet: cannot be read as Parquet" in refused(path)
    many = [{"bytes": encoded(n), "path": f"{n}.p\0g"} for n in range(6)]
    many[4:] = [{"bytes": b"none", "path": "a.p\0g"}, {"bytes": None, "path": None}]
    texts = ["a", "b"] * 3
    made = pa.table({"image": many, "label": texts, "text": ["\0", "y" * 200_000, *texts[:4]]})
    pq.write_table(made, path)
    assert "2 files cannot be used: images/00000004 (" in refused(path)
    assert len(open_data(path, skip_bad=True).skipped) == 2
    pq.write_table(made.rename_columns(["image", "label", "label"]), path)
    assert "has several columns 'label'; keep one of them" in refused(path)
    # Pairs of texts are no images.
    pq.write_table(pa.table({"image": [{"bytes": "x", "path": "y"}], "label": ["a"]}), path)
    assert "\n" not in refused(path)
