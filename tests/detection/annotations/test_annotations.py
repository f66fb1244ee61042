"""Labelled boxes in three forms, and what is wrong with them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from striate.detection.annotations.find import read_annotations
from striate.detection.annotations.labelled import Annotations, held_out
from striate.errors import DataError

WIDE, HIGH = 40, 30
BOX = (4.0, 6.0, 24.0, 21.0)


def picture(path: Path, size: tuple[int, int] = (WIDE, HIGH)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, "grey").save(path)
    return path


def coco(**changed: Any) -> dict[str, Any]:
    found = {
        "images": [{"id": 7, "file_name": "a.png", "width": WIDE, "height": HIGH}],
        "annotations": [
            {"id": 3, "image_id": 7, "category_id": 9, "bbox": [4, 6, 20, 15], "iscrowd": 0}
        ],
        "categories": [{"id": 9, "name": "<b>细胞"}],
    }
    return found | changed


def write(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return path


def voc(name: str = "cell", database: str = "Unknown", corners: str = "4 6 24 21") -> str:
    pairs = zip(("xmin", "ymin", "xmax", "ymax"), corners.split(), strict=True)
    box = "".join(f"<{key}>{value}</{key}>" for key, value in pairs)
    return (
        f"<annotation><filename>a.png</filename><source><database>{database}</database></source>"
        f"<size><width>0</width><height>0</height></size>"
        f"<object><name>{name}</name><difficult>1</difficult><bndbox>{box}</bndbox></object>"
        "</annotation>"
    )


def the_box(found: Annotations) -> list[float]:
    (one,) = found.pictures
    corners: list[float] = one.truth((HIGH, WIDE)).xyxy[0].tolist()
    return corners


def test_coco_is_read_wherever_its_pictures_lie(tmp_path: Path) -> None:
    picture(tmp_path / "val2017" / "a.png")
    file = write(tmp_path / "annotations" / "instances_val2017.json", coco())
    for source in (file, tmp_path):
        found = read_annotations(source)
        assert (found.form, found.classes) == ("COCO JSON", ("<b>细胞",))
        assert the_box(found) == list(BOX)
        assert found.pictures[0].size == (HIGH, WIDE)
        assert held_out(found.pictures)[0] == "val"
    elsewhere = tmp_path / "some where"
    (tmp_path / "val2017").rename(elsewhere)
    with pytest.raises(DataError, match=r"names pictures such as 'a.png'.*`images`"):
        read_annotations(file)
    assert the_box(read_annotations(file, images=elsewhere)) == list(BOX)


@pytest.mark.parametrize("labels", ["images/train/a.png labels/train/a.txt", "a.png a.txt"])
def test_yolo_is_read_beside_its_pictures_or_in_labels(tmp_path: Path, labels: str) -> None:
    image, text = (tmp_path / part for part in labels.split())
    picture(image)
    picture(image.with_name("nothing here.png"))
    write(text, "0 0.35 0.45 0.5 0.5\n\n")
    write(tmp_path / "data.yaml", "names: {0: cell}\nnc: 1\n")
    found = read_annotations(tmp_path)
    assert (found.form, found.classes) == ("YOLO text", ("cell",))
    assert found.notes == ("1 picture has no text: taken as empty",)
    first = found.pictures[0].truth((HIGH, WIDE))
    np.testing.assert_allclose(first.xyxy, [BOX])
    assert first.areas.tolist() == pytest.approx([300.0])
    assert [len(each.boxes) for each in found.pictures] == [1, 0]
    assert read_annotations(tmp_path, names=["zelle"]).classes == ("zelle",)


def test_voc_counts_pixels_from_one_and_others_write_plain_coordinates(tmp_path: Path) -> None:
    picture(tmp_path / "JPEGImages" / "a.png")
    file = write(tmp_path / "Annotations" / "a.xml", voc())
    write(tmp_path / "ImageSets" / "Main" / "test.txt", "a\n")
    found = read_annotations(tmp_path)
    assert the_box(found) == list(BOX)
    assert found.pictures[0].truth((HIGH, WIDE)).crowd.tolist() == [True]
    assert held_out(found.pictures)[0] == "test"
    write(file, voc(database="The VOC2007 Database", corners="5 7 24 21"))
    assert the_box(read_annotations(file)) == list(BOX)


def test_of_several_files_that_of_the_test_part_counts(tmp_path: Path) -> None:
    for part in ("train", "valid", "test"):
        picture(tmp_path / part / "a.png")
        write(tmp_path / part / "_annotations.coco.json", coco())
    found = read_annotations(tmp_path)
    assert found.source == (tmp_path / "test" / "_annotations.coco.json").resolve()
    (tmp_path / "test" / "_annotations.coco.json").rename(tmp_path / "more.json")
    (tmp_path / "valid" / "_annotations.coco.json").rename(tmp_path / "other.json")
    with pytest.raises(DataError, match=r"several files of boxes \(more.json, other.json, train"):
        read_annotations(tmp_path)


ANNOTATION = coco()["annotations"][0]


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"bbox": [4, 6, 0, 15]}, "annotation 3: has no area (0 wide, 15 high)"),
        ({"bbox": [4, 6, 20]}, "annotation 3: has no bbox of four numbers"),
        ({"bbox": [4, 6, float("nan"), 3]}, "annotation 3: has a coordinate that is no number"),
        ({"category_id": 1, "id": None}, "annotations[0]: has the category 1, which is not"),
        ({"area": "9"}, "annotation 3: has an area of '9'"),
        ({"iscrowd": 2}, "annotation 3: has iscrowd 2"),
    ],
)
def test_a_fault_of_one_box_costs_its_picture(
    tmp_path: Path, changed: dict[str, Any], why: str
) -> None:
    images = [{"id": 7, "file_name": "a.png"}, {"id": 8, "file_name": "b.png"}]
    for each in images:
        picture(tmp_path / str(each["file_name"]))
    file = write(tmp_path / "a.json", coco(images=images, annotations=[{**ANNOTATION, **changed}]))
    found = read_annotations(file)
    (fault,) = found.faults
    assert f"{fault.where}: {fault.why}".startswith(f"{file.resolve()}: {why}")
    assert [each.name for each in found.pictures] == ["b.png"]


def test_a_picture_that_is_not_there_is_a_fault_and_no_name_leads_out(tmp_path: Path) -> None:
    picture(tmp_path / "in" / "a.png")
    picture(tmp_path / "out.png")
    names = ["a.png", "gone.png", "../out.png", str(tmp_path.resolve() / "out.png")]
    images = [{"id": number, "file_name": name} for number, name in enumerate(names)]
    found = read_annotations(write(tmp_path / "in" / "a.json", coco(images=images, annotations=[])))
    assert [each.name for each in found.pictures] == ["a.png"]
    assert [each.where.rpartition(": ")[2] for each in found.faults] == [
        "image 1",
        "image 2",
        "image 3",
    ]
    assert "leads out of the folder" in found.faults[2].why


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("{", "is no sound JSON at line 1"),
        ("[]", "is a list, as files of results are, and not of labels"),
        (coco(images=5), "it has no list 'images'"),
        (coco(categories=[{"id": 1}]), r"categories\[0\]: has no text 'name'"),
        (coco(images=[{"id": 1, "file_name": "a"}] * 2), r"images\[1\]: has the number 1 of"),
        (coco(annotations=[{"id": 4}]), r"annotation 4: names no picture \(image_id\)"),
        (coco(annotations=[{"id": 4, "image_id": 1}]), "annotation 4: is of image 1, which is not"),
        (coco(categories=[{"id": k, "name": "x"} for k in "ab"]), "two are called 'x'"),
    ],
)
def test_a_file_at_fault_is_named(tmp_path: Path, content: Any, why: str) -> None:
    file = write(tmp_path / "a.json", content)
    with pytest.raises(DataError, match=why) as raised:
        read_annotations(file)
    assert str(file.resolve()) in str(raised.value)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("0 0.5 0.5 0.5", "has 4 numbers; a box has a class and four"),
        ("0 .1 .1 .2 .2 .3 .3", "has 7 numbers, as the outlines of a segmentation have"),
        ("0 20 15 4 4", "is not in parts of the picture, from 0 to 1"),
        ("1 .5 .5 .2 .2", r"has class 1, of 1 class \(from 0\)"),
        ("cat .5 .5 .2 .2", "is no class and four numbers"),
        ("0 .5 .5 0 .2", "has no area"),
    ],
)
def test_a_line_at_fault_is_named(tmp_path: Path, line: str, why: str) -> None:
    picture(tmp_path / "a.png")
    picture(tmp_path / "b.png")
    write(tmp_path / "b.txt", "0 .5 .5 .2 .2")
    text = write(tmp_path / "a.txt", f"\n{line}\n")
    write(tmp_path / "classes.txt", "cell\n")
    found = read_annotations(tmp_path)
    (fault,) = found.faults
    assert fault.where == f"{text.resolve()}: line 2"
    assert re.search(why, fault.why)
    assert [each.name for each in found.pictures] == ["b.png"]


ENTITIES = '<!DOCTYPE annotation [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>'


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (ENTITIES + voc("&b;"), "defines entities or a document type, which is refused"),
        (voc().replace("</object>", ""), "is no sound XML"),
        (voc(""), "object 1: has no name"),
        (voc(corners="4 6 x 21"), r"object 1 \('cell'\): has no bndbox of four numbers"),
        (voc(corners="24 6 4 21"), r"object 1 \('cell'\): has no area"),
        (voc().replace("a.png", "c.png"), "is of a picture 'c.png' that is not there"),
    ],
)
def test_a_bad_xml_file_costs_its_own_picture(tmp_path: Path, content: str, why: str) -> None:
    picture(tmp_path / "a.png")
    write(tmp_path / "a.xml", voc())
    write(tmp_path / "bad.xml", content)
    found = read_annotations(tmp_path)
    (fault,) = found.faults
    assert re.search(why, f"{fault.where}: {fault.why}")
    assert len(found.pictures) == 1


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda folder: picture(folder / "a.png"), "holds no labelled boxes"),
        (lambda folder: write(folder / "x.json", "{}"), "holds no labelled boxes"),
    ],
)
def test_a_folder_without_boxes_is_refused(
    tmp_path: Path, make: Callable[[Path], Path], why: str
) -> None:
    make(tmp_path)
    with pytest.raises(DataError, match=why):
        read_annotations(tmp_path)


def test_two_forms_in_one_folder_are_refused(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    write(tmp_path / "a.json", coco())
    write(tmp_path / "a.xml", voc())
    with pytest.raises(DataError, match=r"holds boxes as COCO's JSON and VOC's XML; give the one"):
        read_annotations(tmp_path)
    with pytest.raises(DataError, match=r"no such file or folder; did you mean 'a.json'"):
        read_annotations(tmp_path / "b.json")
