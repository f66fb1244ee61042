"""Tables that list images: the same run as folders of them, and one clear line for each fault."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from striate.data.sources import Data, open_data
from striate.data.targets import Answers, Target
from striate.errors import DataError

AGE = Answers.of("age")


def picture(number: int) -> Image.Image:
    pixels = np.random.default_rng(number).integers(0, 256, (9, 9, 3), np.uint8)
    return Image.fromarray(pixels)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with 30 pictures in img/."""
    (tmp_path / "img").mkdir()
    for number in range(30):
        picture(number).save(tmp_path / "img" / f"{number:02}.png")
    return tmp_path


def table(root: Path, header: str, row: str, name: str = "t.csv", count: int = 30) -> Path:
    """A table with a line of `row` for each picture: {n} is its number, {c} its class."""
    lines = [row.format(n=f"{n:02}", c="cat" if n % 2 else "dog", v=n * 1.5) for n in range(count)]
    path = root / name
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return path


def refused(source: Path, answers: Answers | None = None) -> str:
    with pytest.raises(DataError) as caught:
        open_data(source, answers=answers)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def everything(data: Data) -> dict[str, float]:
    """The first number of each image, by name."""
    found: dict[str, float] = {}
    for images in data.splits.values():
        assert images.values is not None
        found |= dict(zip(images.names, images.values[:, 0].tolist(), strict=True))
    return found


# --- the same as folders -------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["csv", "tsv", "parquet", "metadata.csv"])
def test_a_table_of_the_same_photographs_is_the_same_data(tmp_path: Path, form: str) -> None:
    rows = []
    for label, split in enumerate(("train", "valid")):
        for place, name in enumerate(("<b>bold", "white cat", "中文")):
            folder = tmp_path / split / name
            (folder / "inner").mkdir(parents=True)
            for number in range(4):
                where = folder / ("inner" if number == 1 else "") / f"{number}.png"
                picture(100 * label + 10 * place + number).save(where)
                rows.append((where.relative_to(tmp_path).as_posix(), name, split))
    of_folders = open_data(tmp_path)
    rows = rows[::-1]  # the order of the lines does not count
    if form == "parquet":
        arrow = pytest.importorskip("pyarrow")
        parquet = pytest.importorskip("pyarrow.parquet")
        source = tmp_path / "t.parquet"
        columns = dict(zip(("path", "class", "split"), zip(*rows, strict=True), strict=True))
        parquet.write_table(arrow.table({key: list(each) for key, each in columns.items()}), source)
    else:
        mark = "\t" if form == "tsv" else ","
        name = form if "." in form else f"t.{form}"
        text = "".join(f'"{file}"{mark}{label}{mark}{split}\n' for file, label, split in rows)
        (tmp_path / name).write_text(f"path{mark}class{mark}split\n{text}", encoding="utf-8-sig")
        source = tmp_path if name == form else tmp_path / name
    of_table = open_data(source)
    assert of_table.fingerprint == of_folders.fingerprint
    assert of_table.manifest.to_bytes() == of_folders.manifest.to_bytes()
    for split, images in of_folders.splits.items():
        assert list(of_table.splits[split].names) == list(images.names)
    assert of_table.held_out_name == "val"
    assert of_table.origin == str(source.resolve())


def test_without_a_column_of_splits_the_same_images_are_held_out(root: Path) -> None:
    source = table(root, "file;label", "img/{n}.png;{c}")  # as spreadsheets write it
    for number in range(30):
        folder = root / "folders" / ("cat" if number % 2 else "dog")
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(root / "img" / f"{number:02}.png", folder)
    of_table, of_folders = open_data(source, seed=3), open_data(root / "folders", seed=3)
    assert of_table.manifest.to_bytes() == of_folders.manifest.to_bytes()
    assert of_table.classes == ("cat", "dog")


def test_the_first_folders_of_the_paths_may_be_the_splits(root: Path) -> None:
    (root / "img").rename(root / "train")
    (root / "test").mkdir()
    picture(99).save(root / "test" / "99.png")
    source = table(root, "file_name,label", "train/{n}.png,{c}", name="metadata.csv")
    source.write_text(source.read_text() + "test/99.png,cat\n")
    data = open_data(root)
    assert (data.held_out_name, len(data.train), len(data.val)) == ("test", 30, 1)
    assert "the folders in the files' paths are the splits" in data.notes


def test_each_split_may_have_its_own_metadata(root: Path) -> None:
    for split, start in (("train", 0), ("validation", 20)):
        (root / split).mkdir()
        for number in range(start, start + 5):
            picture(number).save(root / split / f"{number:02}.png")
        lines = "".join(f"{n:02}.png,{n / 2}\n" for n in range(start, start + 5))
        (root / split / "metadata.csv").write_text(f"file_name,age (years)\n{lines}")
    data = open_data(root, answers=AGE)
    assert data.targets == (Target(name="age", unit="years"),)
    assert everything(data)["validation/21.png"] == 10.5
    assert data.held_out_name == "val"


def test_a_table_without_classes_beside_class_folders_is_passed_over(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
        for number in range(3):
            picture(ord(name) * 10 + number).save(tmp_path / name / f"{number}.png")
    (tmp_path / "metadata.csv").write_text("file_name,width,height\na/0.png,9,9\n")
    data = open_data(tmp_path)
    assert data.classes == ("a", "b")
    assert any("metadata.csv has no column of classes" in note for note in data.notes)


def test_files_may_lie_anywhere(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("tables")
    source = table(elsewhere, "image,species", f"{root}/img/{{n}}.png,{{c}}")
    data = open_data(source)
    assert len(data.train) + len(data.val) == 30
    assert data.train.names[0].startswith(f"{root.resolve().as_posix()}/img/")
    assert data.train.read(0).shape == (9, 9, 3)


def test_names_without_their_ending_and_of_windows_are_found(root: Path) -> None:
    data = open_data(table(root, "id,breed", "img\\{n},{c}"))
    assert len(data.train) + len(data.val) == 30
    assert any(".png was put to the names in column 'id'" in note for note in data.notes)


# --- numbers -------------------------------------------------------------------------------------


def test_a_column_of_numbers_is_taken_with_its_unit(root: Path) -> None:
    source = table(root, "file,label,age [years],Height", "img/{n}.png,{c},{v},-1e{n}")
    data = open_data(source, answers=Answers.of(("AGE", "height"), ("months", "cm")))
    assert data.targets == (
        Target(name="age", unit="months"),
        Target(name="Height", unit="cm"),
    )
    assert data.classes == ()
    assert everything(data) == {f"img/{n:02}.png": n * 1.5 for n in range(30)}
    assert data.train.values is not None
    assert data.train.values.shape == (len(data.train), 2)
    assert data.described.startswith("age (months) from ")
    assert open_data(source, answers=AGE).targets == (Target(name="age", unit="years"),)


def test_folders_that_are_called_by_numbers_give_them(tmp_path: Path) -> None:
    for place, name in enumerate(("10", "2.5", "-3")):
        (tmp_path / name).mkdir()
        for number in range(3):
            picture(10 * place + number).save(tmp_path / name / f"{number}.png")
    data = open_data(tmp_path, answers=AGE)
    assert sorted(set(everything(data).values())) == [-3, 2.5, 10]
    (tmp_path / "<b>").mkdir()
    picture(50).save(tmp_path / "<b>" / "1.png")
    text = refused(tmp_path, AGE)
    assert "has folders of classes, such as '<b>', and no numbers" in text
    assert "the columns 'file' and 'age'" in text
    assert "cannot both be the name of a folder" in refused(tmp_path, Answers.of(["a", "b"]))


def test_named_and_idx_data_have_no_columns(root: Path) -> None:
    with pytest.raises(DataError, match="digits: has classes, and no columns to choose; leave out"):
        open_data("digits", answers=AGE)
    (root / "t.csv").write_text("file,age\nimg/00.png,1\n")
    text = refused(root, Answers.of(label="kind"))
    assert "`label='kind'`: is a column, and" in text
    assert f"did you mean the table {root / 't.csv'}?" in text


def test_a_target_that_never_changes_teaches_nothing(root: Path) -> None:
    text = refused(table(root, "file,age", "img/{n}.png,30"), AGE)
    assert "'age' is 30 for every image to train on" in text


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        # A time, and numbers within a hair of each other: float32 holds neither apart.
        ("img/{n}.png,17000000{n}.5", "subtract 1700000000 from each"),
        ("img/{n}.png,1e-1{n}", "only, which is too little"),
        ("img/{n}.png,1e3{n}", "'1e300' is too large: numbers up to 1e+30 are read"),
    ],
)
def test_numbers_that_float32_does_not_tell_apart_are_refused(
    root: Path, rows: str, why: str
) -> None:
    assert why in refused(table(root, "file,age", rows), AGE)


def test_a_target_that_two_columns_may_mean_is_asked_about(root: Path) -> None:
    path = table(root, "file,age (years),age (months)", "img/{n}.png,{v},1{n}")
    text = refused(path, AGE)
    assert "could be 'age (years)' or 'age (months)' of" in text
    assert "give its whole name" in text
    for answers in (Answers.of("age", "months"), Answers.of("Age (months)")):
        found = open_data(path, answers=answers)
        assert found.targets == (Target(name="age", unit="months"),)
        assert found.train.values is not None
        assert found.train.values.min() >= 100
    text = refused(path, Answers.of(["age (years)", "age (months)"]))
    assert "is called 'age' without its unit, and so is 'age (years)'" in text
    text = refused(path, Answers.of(["age (years)", "AGE (years)"]))
    assert "as `target='age (years)'`; give it once" in text


def test_a_table_whose_rows_all_lack_something_says_what(root: Path) -> None:
    path = root / "t.csv"
    path.write_text("file,age,tilt\nimg/00.png,,2\nimg/01.png,3,\n")
    text = refused(path, Answers.of(["age", "tilt"]))
    assert "none of its rows has all that is asked for: line 2, column 'age': is empty" in text


# --- one clear line for each fault ----------------------------------------------------------------

FAULTS = {
    "": "is empty",
    "file,label\n": "lists no files",
    "file\nimg/00.png\n": "none that tells their classes",
    "img/00.png,cat\nimg/01.png,dog\n": "names a file where the columns' names are expected; put a",
    "thing,kind\nx,cat\n": "no column names files; call the one with the images 'file'; its c",
    "file,a,b\nimg/00.png,x,y\n": "no column is called label or class; name the one with the cla",
    "file,age\nimg/00.png,1.5\n": "column 'age': holds numbers, such as '1.5'; to predict the num",
    "file,cat,dog\nimg/00.png,1,0\n": "a column of 0 and 1 for each label (cat, dog …): several",
    "file,label\nimg/00.png,cat\nimg/00.png,dog\n": "line 3: 00.png is 'dog', and 'cat' in line 2",
    "file,label\nimg/00.png,cat\nimg/01.png,\n": "img/01.png (line 3, column 'label': no class is",
    "file,label\nimg/00.png,\nimg/01.png,\n": "column 'label': is empty; name the class of each",
    "file,label\n,cat\n": "line 2, column 'file': is empty",
    "file,label\n\nimg/00.png,cat,x\n": "line 3: has 3 cells where the first line names 2",
    'file,label\n"img/00.png,cat\n': "line 2: cannot be read as CSV (unexpected end of data)",
    "file,label\nimg/00.png,a\nimg/01.png,b\nimg/02.png,a|b\n": "line 4, column 'label': 'a|b' is",
    "file,label\nimg/00.png,\"['a']\"\n": "column 'label': '['a']' is several labels",
    "file,label\nhttps://x.org/1.png,a\n": "column 'file': 'https://x.org/1.png' is an address",
    "file,label\n.,a\n": "line 2, column 'file': '.' is a folder",
    "file,label\nnot/there.png,a\n": "none of the files that it names is there, such as /",
    "file,label,split\nimg/00.png,a,7\n": "line 2, column 'split': '7' is no split; write train,",
    "file,label,split\nimg/00.png,a,train\nimg/00.png,a,test\n": "line 3: 00.png is in test, and i",
    "file,label,label\nimg/00.png,a,b\n": "has two columns that are called 'label'",
}


@pytest.mark.parametrize("content", FAULTS)
def test_a_fault_is_told_in_one_line(root: Path, content: str) -> None:
    path = root / "<b> t.csv"
    path.write_text(content)
    text = refused(path)
    assert FAULTS[content] in text
    assert text.startswith(str(path))


NUMBER_FAULTS = {
    "file,age\nimg/00.png,old\n": "column 'age': holds no numbers, but 'old'; name a",
    'file,age\nimg/00.png,"1,5"\n': "column 'age': holds no numbers, but '1,5'; write 1.5",
    "file,age\nimg/00.png,1\nimg/01.png,\n": "img/01.png (line 3, column 'age': is empty); mend or",
    "file,age\nimg/00.png,1\nimg/01.png,nan\n": "(line 3, column 'age': 'nan' is not a number)",
    "file,age\nimg/00.png,1\nimg/00.png,2\n": "line 3: 00.png has age 2, and 1 in line 2",
    "file,Alter\nimg/00.png,1\n": "`target='age'`: is no column of",
}


@pytest.mark.parametrize("content", NUMBER_FAULTS)
def test_a_fault_of_a_number_is_told_in_one_line(root: Path, content: str) -> None:
    (root / "t.csv").write_text(content)
    assert NUMBER_FAULTS[content] in refused(root / "t.csv", AGE)


def test_numbers_called_labels_are_asked_about(root: Path) -> None:
    text = refused(table(root, "file,label", "img/{n}.png,{v}"))
    assert "column 'label': holds 30 different numbers, such as '0.0'" in text
    assert (
        "to predict the number give `target='label'`, to take each for a class `label='lab" in text
    )


def test_whole_numbers_with_few_values_are_classes(root: Path) -> None:
    source = table(root, "file,label", "img/{n}.png,{n}")
    lines = [f"img/{n:02}.png,{n % 3}" for n in range(30)]
    source.write_text("file,label\n" + "\n".join(lines) + "\n")
    assert open_data(source).classes == ("0", "1", "2")


def test_one_class_is_none(root: Path) -> None:
    text = refused(table(root, "file,label", "img/{n}.png,cat"))
    assert text.endswith("t.csv: holds one class only ('cat'); list images of another one")


def test_bad_files_cost_themselves_alone(root: Path) -> None:
    (root / "img" / "03.png").write_bytes(b"")
    (root / "img" / "04.png").unlink()
    source = table(root, "file,label", "img/{n}.png,{c}")
    text = refused(source)
    assert "img/03.png (is empty" in text
    assert "(line 5)" in text
    assert "(line 6)" in text
    data = open_data(source, skip_bad=True)
    assert len(data.train) + len(data.val) == 28


def test_a_row_that_comes_twice_counts_once(root: Path) -> None:
    source = table(root, "file,label", "img/{n}.png,{c}")
    source.write_text(source.read_text() + "img/../img/00.png,dog\n")
    data = open_data(source)
    assert len(data.train) + len(data.val) == 30
    assert any("1 rows name a file again" in note for note in data.notes)


@pytest.mark.parametrize(
    "content",
    [b"file,label\nimg/00.png,\xe9t\xe9\n", b"\x89PNG\r\n\x1a\n", b"file,a\0\n", b"\0" * 99],
)
def test_what_is_no_text_is_refused(root: Path, content: bytes) -> None:
    (root / "t.csv").write_bytes(content)
    text = refused(root / "t.csv")
    assert "is no text" in text
    assert text.endswith("save it as CSV in UTF-8")


def test_what_is_no_table_is_told(root: Path) -> None:
    table(root, "file,label", "img/{n}.png,{c}", name="animals.csv")
    text = refused(root / "animls.csv")
    assert text.endswith("animls.csv: there is no such file; did you mean 'animals.csv'?")
    os.mkfifo(root / "pipe.csv")
    assert refused(root / "pipe.csv").endswith("pipe.csv: is a named pipe, not a file")
    (root / "t.xlsx").write_bytes(b"PK")
    assert refused(root / "t.xlsx").endswith("t.xlsx: is a file; save it as CSV")


def test_text_of_spreadsheets_is_read(root: Path) -> None:
    text = "".join(f"img/{n:02}.png\tété {n % 2}\n" for n in range(30))
    (root / "t.tsv").write_bytes(f"file\tlabel\n{text}".encode("utf-16"))
    assert open_data(root / "t.tsv").classes == ("été 0", "été 1")


def test_two_tables_of_metadata_are_not_guessed_between(root: Path) -> None:
    for name in ("metadata.csv", "metadata.tsv"):
        (root / name).write_text("file,label\n")
    assert "holds both metadata.csv and metadata.tsv" in refused(root)


def test_a_folder_of_images_beside_a_table_names_it(root: Path) -> None:
    table(root / "img", "file,label", "{n}.png,{c}", name="labels.csv")
    text = refused(root / "img")
    assert f"give the table {root / 'img' / 'labels.csv'} if it tells the classes" in text


# --- Parquet -------------------------------------------------------------------------------------


def test_parquet_numbers_and_what_it_cannot_be(root: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    files = [f"img/{n:02}.png" for n in range(30)]
    path = root / "t.parquet"

    def write(**columns: object) -> Path:
        parquet.write_table(arrow.table({"file": files, **columns}), path)
        return path

    ages = [n / 4 for n in range(30)]
    assert sorted(everything(open_data(write(age=ages), answers=AGE)).values()) == ages
    assert open_data(write(label=[float(n % 2) for n in range(30)])).classes == ("0", "1")
    text = refused(write(age=[1.0, None, 2.0] * 10), AGE)
    assert "10 files cannot be used: img/01.png (row 2, column 'age': is empty), img/04" in text
    assert len(open_data(path, answers=AGE, skip_bad=True).skipped) == 10
    assert "holds lists: several labels a file" in refused(write(label=[["a", "b"]] * 30))
    parquet.write_table(arrow.table({"image": [b"\x89PNG"] * 2, "label": ["a", "b"]}), path)
    assert "column 'image': holds data, such as images themselves" in refused(path)
    path.write_bytes(b"PAR1 nothing of the kind")
    assert "cannot be read as Parquet (" in refused(path)
