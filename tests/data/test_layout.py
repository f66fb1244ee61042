"""What the folders of a data set are: splits, classes, or refused because they could be both.

Nothing is decoded, so that files with the name of an image do.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from striate.data.finding.layout import read_layout
from striate.data.finding.split_names import read_split_name
from striate.errors import DataError


def make(root: Path, *folders: str, images: int = 2) -> Path:
    """A tree of folders, each with a few images; ``name/`` stays empty."""
    for folder in folders:
        place = root / folder
        place.mkdir(parents=True, exist_ok=True)
        for number in range(0 if folder.endswith("/") else images):
            (place / f"{number}.jpg").touch()
    return root


def crossed(*levels: str) -> list[str]:
    """``crossed("train test", "a b")``: every word of each level with every one of the next."""
    paths = [""]
    for level in levels:
        paths = [f"{path}/{word}".lstrip("/") for path in paths for word in level.split()]
    return paths


def arranged(root: Path) -> dict[str, tuple[str, ...]]:
    """The classes of each split."""
    return {split: part.classes for split, part in read_layout(root).parts.items()}


# Each as some published data set has it.
UNDERSTOOD = [
    ("Training Testing", "train test"),
    ("Training Test", "train test"),
    ("TRAIN VALID TEST", "train val test"),
    ("training_set test_set", "train test"),
    ("Train_Set Validation_Set", "train val"),
    ("trainData testData", "train test"),
    ("TrainingImages TestImages", "train test"),
    ("train-images val-images", "train val"),
    ("seg_train seg_test", "train test"),
    ("asl_alphabet_train asl_alphabet_test", "train test"),
    ("x_train x_val", "train val"),
    ("train2017 val2017", "train val"),
    ("1_train 2_test", "train test"),
    ("train dev test", "train val test"),
    ("train eval", "train val"),
    ("trainval test", "train test"),
    ("tr te", "train test"),
    ("train holdout", "train test"),
    ("训练集 测试集", "train test"),
    ("训练 验证 测试", "train val test"),
    ("花卉训练集 花卉验证集", "train val"),
    ("学習データ テストデータ", "train test"),
    ("훈련 검증", "train val"),
    ("Trainingsdaten Testdaten", "train test"),
    ("entraînement validation", "train val"),
    ("treino teste", "train test"),
    ("обучение тест", "train test"),
    ("train", "train"),
    ("Training", "train"),
    ("test", "test"),
    ("valid test", "val test"),
]


@pytest.mark.parametrize(("given", "splits"), UNDERSTOOD)
def test_splits_are_understood_in_any_spelling(tmp_path: Path, given: str, splits: str) -> None:
    plain = make(tmp_path / "plain", *crossed(given, "cats dogs"))
    expected = dict.fromkeys(splits.split(), ("cats", "dogs"))
    assert arranged(plain) == expected
    # Archives wrap each split into another folder of its name.
    wrapped = make(
        tmp_path / "wrapped",
        *(f"{name}/{name}/{each}" for name in given.split() for each in ("cats", "dogs")),
    )
    assert arranged(wrapped) == expected
    inside = make(tmp_path / "inside", *crossed(given, "images", "cats dogs"))
    assert arranged(inside) == expected


ORDINARY = [
    "cat dog",
    "train plane car",
    "training resting",
    "test control",
    "valid invalid",
    "steam_train test_tube",
    "train_station test_tube valley",
    "testament contest latest trainer devil evaluated",
    "learning teaching",
    "tr te en de",
    "fold1 fold2",
    "set_a set_b",
    "images_of_cats images_of_dogs",
    "data table",
    "val_gardena val_badia",
    "development production",
    "2019 2020",
    "0 1 2 3 4 5 6 7 8 9",
    "中文 花 测量",
    "samples",
    "with_mask without_mask",
    "box mask label",
]


@pytest.mark.parametrize("classes", ORDINARY)
def test_ordinary_class_folders_stay_classes(tmp_path: Path, classes: str) -> None:
    root = make(tmp_path, *classes.split())
    assert arranged(root) == {"train": tuple(sorted(classes.split()))}


NESTED = [
    ([*crossed("animals", "ant bee"), "plants/rose"], "animals plants"),
    (crossed("cat dog", "left right"), "cat dog"),
    (crossed("cat dog", "indoor outdoor"), "cat dog"),
    (crossed("cat dog", "2019 2020"), "cat dog"),
    (crossed("ok defect", "cam1 cam2"), "defect ok"),
    (crossed("benign malignant", "40X 100X"), "benign malignant"),
    (["cat/deep", "cat", "dog"], "cat dog"),
    (crossed("ok defect", "session_01 session_02"), "defect ok"),
    (crossed("ok defect", "2024-05-01 2024-05-02"), "defect ok"),
    (crossed("cat dog", "a b c"), "cat dog"),
    (crossed("cat dog", "images thumbnails"), "cat dog"),
    (["faces/raw", "faces/with_mask", "hands"], "faces hands"),
    # Images directly in train/ are the sign of a class, whatever lies in it besides.
    (["train", "train/side", "bus", "car"], "bus car train"),
    ([*crossed("train bus car", "front side"), "train", "bus", "car"], "bus car train"),
]


@pytest.mark.parametrize(("folders", "classes"), NESTED)
def test_folders_within_classes_are_noted(tmp_path: Path, folders: list[str], classes: str) -> None:
    layout = read_layout(make(tmp_path, *folders))
    assert layout.parts["train"].classes == tuple(classes.split())
    (note,) = layout.notes
    assert "count for the class above" in note
    assert "move them one level up" in note


def test_a_wrapper_in_a_class_is_not_worth_a_note(tmp_path: Path) -> None:
    assert read_layout(make(tmp_path, "cat/images", "dog/dog", "bee")).notes == []


REFUSED = [
    ("train val", "train/ and val/ look like splits, not classes, and hold no class folders"),
    ("train test plane", "look like splits, not classes"),
    ("Training Testing", "look like splits, not classes"),
    ("seg_train seg_test", "look like splits, not classes"),
    ("cats_train cats_test dogs_train dogs_test", "look like splits, not classes"),
    ("训练集 测试集", "look like splits, not classes"),
    ("Train", "Train/ looks like a split, not a class"),
    ("train/a train/b val/a valid/a", "both val/ and valid/ could be the val images"),
    ("train/a train/b train2/a train2/b", "both train/ and train2/ could be the train images"),
    ("train test/a test/b", "train/ has no class folders"),
    ("train/a train/b plane car", "could be the images to train on, or a class beside car/"),
    ("a b test/a test/b", "test/ looks like a split, and no folder beside it"),
    ("labelled/a labelled/b test/a test/b", "test/ looks like a split, and no folder beside it"),
    ("fold1/a fold1/b fold2/a fold2/b", "look like splits, not classes"),
    ("part_A/ant part_A/bee part_B/ant part_B/bee", "each holds the same folders (ant, bee)"),
    ("art/dog art/cow photo/dog photo/cow", "each holds the same folders"),
    (" ".join(crossed("amazon webcam", "001.bag 002.bike 003.mug")), "each holds the same folders"),
    (" ".join(crossed("00 01 02", "01_palm 02_fist 03_ok")), "each holds the same folders"),
    (" ".join(crossed("amazon webcam", "bike 3d_printer")), "each holds the same folders"),
    (" ".join(crossed("sketch photo", "normal pneumonia")), "each holds the same folders"),
    (" ".join(crossed("mnist usps", "0 1 2 3 4 5 6 7 8 9")), "each holds the same folders"),
    (" ".join(crossed("camera1 camera2", "c0 c1 c2 c3 c4")), "each holds the same folders"),
    (" ".join(crossed("real fake", "n01440764 n01443537")), "each holds the same folders"),
    (" ".join(crossed("bus car train", "front side")), "or a class beside bus/, car/"),
    (" ".join(crossed("train original", "a b")), "or a class beside original/"),
    ("train train/a train/b a b", "or a class beside a/, b/"),
    ("a b test test/a test/b", "test/ looks like a split, and no folder beside it"),
    ("COVID/images COVID/masks Normal/images Normal/masks", "holds masks/ beside images/: masks"),
    (" ".join(crossed("COVID Normal", "images infection_masks lung_masks")), "beside images/"),
    (" ".join(crossed("train val", "COVID Normal", "images masks")), "holds masks/ beside images/"),
    ("COVID/COVID/images COVID/COVID/masks Normal", "holds masks/ beside images/"),
    ("COVID COVID/masks Normal", "holds masks/ beside the images"),
    ("lesion/original lesion/ground_truth other", "holds ground_truth/ beside original/"),
    ("cat/train cat/val dog/train dog", "look like splits, but not all of dog/ lies in one"),
    ("A/train/x A/val/x B/train/x B/val/x", "look like data sets of their own"),
    ("yes no brain_tumor_dataset/yes brain_tumor_dataset/no", "holds folders of the same names"),
    ("train/images val/images", "look like splits, not classes, and hold no class folders"),
    ("images labels", "as data sets for detection do"),
    ("train/images train/labels val/images val/labels", "as data sets for detection do"),
    ("train/ val/", "are empty"),
]


@pytest.mark.parametrize(("folders", "why"), REFUSED)
def test_what_could_be_both_is_refused_in_one_line(tmp_path: Path, folders: str, why: str) -> None:
    with pytest.raises(DataError) as caught:
        read_layout(make(tmp_path, *folders.split()))
    assert why in caught.value.why
    assert caught.value.remedy
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path))


def test_masks_among_the_images_of_a_class_are_refused(tmp_path: Path) -> None:
    make(tmp_path, "benign", "malignant", images=4)
    for name in ("0_mask.png", "1_mask.png"):  # a few that may be called so by chance
        (tmp_path / "benign" / name).touch()
    assert arranged(tmp_path) == {"train": ("benign", "malignant")}
    (tmp_path / "benign" / "2_mask_1.png").touch()
    with pytest.raises(DataError, match=r"benign: holds masks or .* \(0_mask.png\).*; move them"):
        read_layout(tmp_path)


def test_labels_that_are_no_images_harm_no_class(tmp_path: Path) -> None:
    make(tmp_path, "cat/images", "dog/images", "cat/labels/", "face", "face/mask/")
    (tmp_path / "cat" / "labels" / "0.txt").touch()
    (tmp_path / "face" / "mask" / "other.jpg").touch()  # of a face with a mask
    assert arranged(tmp_path) == {"train": ("cat", "dog", "face")}


def test_splits_within_classes_are_understood(tmp_path: Path) -> None:
    layout = read_layout(make(tmp_path, *crossed("cat dog", "train Validation"), "bee/train"))
    assert {split: part.classes for split, part in layout.parts.items()} == {
        "train": ("bee", "cat", "dog"),
        "val": ("cat", "dog"),
    }
    assert [layout.name(path) for path in layout.parts["val"].paths] == [
        "cat/Validation/0.jpg",
        "cat/Validation/1.jpg",
        "dog/Validation/0.jpg",
        "dog/Validation/1.jpg",
    ]


@pytest.mark.parametrize("other", ["extra", "unlabelled", "sample_images", "seg_pred", "docs/"])
def test_what_lies_beside_splits_is_noted(tmp_path: Path, other: str) -> None:
    layout = read_layout(make(tmp_path, *crossed("train", "a b"), other))
    assert layout.parts.keys() == {"train"}
    assert layout.notes[0].startswith(f"{other.rstrip('/')}/ lies beside train/: not used")


def test_a_split_without_class_folders_is_noted(tmp_path: Path) -> None:
    make(tmp_path, *crossed("Train", "a b"), "Test", "Meta")
    assert arranged(tmp_path) == {"train": ("a", "b")}
    for name in ("wrapped", "images"):
        inner = {"wrapped": "asl_test", "images": "images"}[name]
        root = make(tmp_path / name, *crossed("asl_train", "asl_train", "a b"), f"asl_test/{inner}")
        layout = read_layout(root)
        assert layout.parts.keys() == {"train"}
        assert layout.notes[0] == "asl_test/ has no class folders and is not used"


def test_a_split_beside_nothing_but_companions_is_one(tmp_path: Path) -> None:
    make(tmp_path, *crossed("seg_train", "seg_train", "a b"), "seg_pred/seg_pred")
    assert arranged(tmp_path) == {"train": ("a", "b")}
    assert arranged(make(tmp_path / "other", *crossed("steam_train", "old new"), "bus")) == {
        "train": ("bus", "steam_train")
    }


def test_a_lone_test_folder_among_classes_is_noted(tmp_path: Path) -> None:
    layout = read_layout(make(tmp_path, "cats", "dogs", "test"))
    assert layout.parts["train"].classes == ("cats", "dogs", "test")
    assert "test/ counts as a class; if it is a split" in layout.notes[0]
    assert read_layout(make(tmp_path / "other", "plane", "train")).notes == []


def test_names_that_people_or_disks_cannot_tell_apart_are_noted(tmp_path: Path) -> None:
    (note,) = read_layout(make(tmp_path, "Cat", "cat", "cat ", "dog")).notes
    assert note.startswith("'Cat', 'cat', 'cat ' are 3 classes")


def test_what_systems_and_tools_leave_behind_is_no_class(tmp_path: Path) -> None:
    make(tmp_path, "a", "b", "lost+found", "$RECYCLE.BIN/x", "System Volume Information")
    make(tmp_path, "runs/classify/exp", "wandb/")
    (tmp_path / "runs" / "classify" / "exp" / "args.yaml").touch()
    layout = read_layout(tmp_path)
    assert layout.parts["train"].classes == ("a", "b")
    assert [note.partition(" ")[0] for note in layout.notes] == ["runs/", "wandb/"]
    assert "(args.yaml): not a class" in layout.notes[0]


def test_a_class_that_is_called_as_a_tools_folder_stays_one(tmp_path: Path) -> None:
    layout = read_layout(make(tmp_path, "runs", "walks"))
    assert layout.parts["train"].classes == ("runs", "walks")
    assert "runs/ counts as a class; if a training tool wrote it" in layout.notes[0]


def test_images_beside_class_folders_are_counted(tmp_path: Path) -> None:
    make(tmp_path, "train/a", "train/b", "val/a")
    for name in ("loose.jpg", "train/other.png", "train/labels.csv"):
        (tmp_path / name).touch()
    layout = read_layout(tmp_path)
    assert sorted(layout.loose) == ["loose.jpg", "train/other.png"]
    assert layout.ignored == ["train/labels.csv"]
    assert layout.notes[-1].startswith("2 images in no class folder, not used: ")


@pytest.mark.parametrize(
    "name", ["valley", "trains", "attest", "images", "cat", "1", "", "train_test"]
)
def test_other_names_speak_of_no_split(name: str) -> None:
    assert read_split_name(name) is None
