from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from striate.cli.check import check as command
from striate.cli.parsing import command_of
from striate.data.checking.check import check, summary
from striate.data.checking.duplicates import near_duplicates
from striate.data.checking.terminal import show
from striate.data.sketches import Sketches, sketch_of
from striate.data.sources import open_data
from striate.data.statistics import channel_statistics
from striate.errors import DataError, RecipeError


def run(*typed: str) -> int | None:
    """The exit status of the command, where it is not 0."""
    app = command_of(command)
    return app(typed, standalone_mode=False)


def scene(number: int, side: int = 96) -> Image.Image:
    """A picture with large shapes, as photographs have them."""
    coarse = np.random.default_rng(number).integers(0, 256, (6, 6, 3), np.uint8)
    return Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for place, name in enumerate(("[red]rose", "tulip")):
        (tmp_path / name).mkdir()
        for number in range(20 - 10 * place):
            scene(100 * place + number).save(tmp_path / name / f"{number:02}.png")
    return tmp_path


def kinds(groups, kind):
    return [sorted(m.name for m in group.members) for group in groups if group.kind == kind]


def test_a_sound_set(folder):
    report = check(folder)
    assert report.usable
    assert report.images == 30
    assert report.counts["train"][0] + report.counts["val"][0] == 20
    assert report.held_out == "split"
    assert report.duplicates == ()
    trained = report.counts["train"]
    assert report.imbalance == pytest.approx(max(trained) / min(trained), abs=1e-3)
    assert report.sizes["width"] == {"min": 96, "median": 96, "max": 96}
    assert report.statistics is not None
    assert len(report.statistics.mean) == 3


def test_exact_duplicates_within_and_between_classes(folder):
    rose, tulip = folder / "[red]rose", folder / "tulip"
    (rose / "copy.png").write_bytes((rose / "00.png").read_bytes())
    (tulip / "copy.png").write_bytes((rose / "01.png").read_bytes())
    found = check(folder).duplicates
    assert kinds(found, "near") == []
    between, within = found
    assert between.crosses_classes
    assert not within.crosses_classes
    assert [group.crosses_splits for group in found] == [False, False]  # the split sees to that


def test_near_duplicates_are_found_across_given_splits(folder, tmp_path):
    root = tmp_path / "parts"
    for split, start in (("train", 0), ("val", 50)):
        for place, name in enumerate("ab"):
            (root / split / name).mkdir(parents=True)
            for number in range(20):
                scene(start + 100 * place + number).save(root / split / name / f"{number}.png")
    scene(3).save(root / "val" / "a" / "recompressed.jpg", quality=30)
    scene(4).resize((60, 60)).save(root / "val" / "b" / "smaller.png")
    (root / "val" / "a" / "copy.png").write_bytes((root / "train" / "a" / "7.png").read_bytes())
    found = check(root).duplicates
    assert kinds(found, "exact") == [["train/a/7.png", "val/a/copy.png"]]
    assert sorted(kinds(found, "near")) == [
        ["train/a/3.png", "val/a/recompressed.jpg"],
        ["train/a/4.png", "val/b/smaller.png"],
    ]
    assert all(group.crosses_splits for group in found)


def given(squares):
    """What `near_duplicates` takes, of grey squares (n, 32, 32) each of a content of its own."""
    sketches = Sketches.empty(len(squares))
    for index, square in enumerate(squares):
        sketches.put(index, sketch_of(square[:, :, None]))
    return sketches, squares.__getitem__, [f"{index:032x}" for index in range(len(squares))]


def test_many_images_are_compared_without_missing_copies():
    rng = np.random.default_rng(0)
    thumbnails = np.stack([np.asarray(scene(number, 32).convert("L")) for number in range(3000)])
    copies = rng.choice(3000, 100, replace=False)
    noisy = np.clip(thumbnails[copies] + rng.normal(0, 4, (100, 32, 32)), 0, 255).astype(np.uint8)
    everything = np.concatenate([thumbnails, noisy])
    found = near_duplicates(*given(everything))
    pairs = {tuple(group) for group in found.groups}
    wanted = {(int(original), 3000 + place) for place, original in enumerate(copies)}
    assert len(wanted & pairs) >= 99
    assert len(pairs - wanted) == 0


def test_flat_images_are_counted_and_not_compared():
    found = near_duplicates(*given(np.full((5, 32, 32), 200, np.uint8)))
    assert found.groups == []
    assert found.flat == 5


def test_bad_files_are_reported_and_the_rest_is_measured(folder):
    (folder / "tulip" / "empty.jpg").write_bytes(b"")
    (folder / "tulip" / "notes.txt").write_text("no image")
    scene(500).save(folder / "tulip" / "jpeg.png", "JPEG")
    report = check(folder)
    assert not report.usable
    assert [(p.name, p.kind) for p in report.problems] == [("tulip/empty.jpg", "empty")]
    assert report.ignored == ("tulip/notes.txt",)
    assert report.misnamed[0].reason == "is JPEG, not PNG as its name says"
    assert report.images == 31


def test_a_set_that_training_refuses_is_reported(folder):
    (folder / "empty class").mkdir()
    report = check(folder)
    assert not report.usable
    assert "no image to train on in class 'empty class'" in report.refusal
    assert report.counts == {"train": [20, 0, 10]}


def test_nothing_to_look_at_is_an_error(tmp_path):
    with pytest.raises(DataError, match="no class folders"):
        check(tmp_path)


def test_the_report_is_plain_data(folder):
    found = check(folder).to_json()
    assert json.loads(json.dumps(found)) == json.loads(json.dumps(found))
    assert found["usable"] is True
    assert set(found) >= {"problems", "misnamed", "duplicates", "imbalance", "sizes", "statistics"}
    assert set(summary(open_data(folder))) == set(found)


def test_it_prints_names_as_they_are(folder, capsys):
    (folder / "tulip" / "[bold]bad.jpg").write_bytes(b"")
    scene(3).save(folder / "tulip" / "[i]same.png")
    console = Console(width=100, highlight=False, force_terminal=False)
    show(check(folder), console)
    printed = capsys.readouterr().out
    for text in ("[red]rose", "[bold]bad.jpg: is empty", "[i]same.png", "would refuse"):
        assert text in printed


def test_the_command_exits_with_two_where_something_must_be_mended(folder, capsys):
    run(str(folder), "--json")
    assert json.loads(capsys.readouterr().out)["usable"] is True
    (folder / "tulip" / "bad.jpg").write_bytes(b"")
    assert run(str(folder), "--json") == 2
    assert json.loads(capsys.readouterr().out)["problems"][0]["name"] == "tulip/bad.jpg"


def test_the_document_is_ascii_on_any_machine(tmp_path, capsys):
    for place, name in enumerate(("café", "花🌻")):
        (tmp_path / name).mkdir()
        for number in range(4):
            scene(100 * place + number, 40).save(tmp_path / name / f"{number}.png")
    run(str(tmp_path), "--json")
    printed = capsys.readouterr().out
    assert printed.isascii()
    assert json.loads(printed)["classes"] == ["café", "花🌻"]


def test_the_share_held_out_is_the_one_asked_for(folder):
    few, many = check(folder, val_fraction=0.1), check(folder, val_fraction=0.6)
    assert sum(few.counts["val"]) < 10 < sum(many.counts["val"])
    with pytest.raises(RecipeError, match="does not lie between 0 and 1"):
        check(folder, val_fraction=1.5)


def test_a_part_that_is_only_measured_on_is_looked_at(folder, tmp_path, capsys):
    root = tmp_path / "parts"
    (root / "test").mkdir(parents=True)
    for name in ("[red]rose", "tulip"):
        (folder / name).rename(root / "test" / name)
    report = check(root)
    assert not report.usable
    assert "has test/ and no images to train on; put them into train/" in report.refusal
    assert report.counts == {"test": [20, 10]}
    show(report, Console(width=100, highlight=False, force_terminal=False))
    assert "would refuse" in capsys.readouterr().out


def test_class_folders_without_images_are_looked_at(tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
    report = check(tmp_path)
    assert "no image to train on in classes 'a', 'b'" in report.refusal
    assert (report.images, report.imbalance, report.sizes) == (0, 0.0, {})


def test_images_in_no_class_folder_are_counted(folder):
    scene(7).save(folder / "loose.png")
    report = check(folder)
    assert report.loose == ("loose.png",)
    assert report.notes[0].startswith("1 image in no class folder, not used: loose.png; put each")


# --- statistics -----------------------------------------------------------------------------------


def test_statistics_are_those_of_all_pixels(folder):
    train = open_data(folder).train
    found = channel_statistics(train, 3)
    pixels = np.concatenate([train.read(i).reshape(-1, 3) for i in range(len(train))]) / 255
    np.testing.assert_allclose(found.mean, pixels.mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(found.std, pixels.std(axis=0), atol=1e-5)
    vectors = np.array(found.eigenvectors)
    rebuilt = vectors.T @ np.diag(found.eigenvalues) @ vectors
    np.testing.assert_allclose(rebuilt, np.cov(pixels.T, bias=True), atol=1e-5)
    assert list(found.eigenvalues) == sorted(found.eigenvalues, reverse=True)


def test_statistics_of_a_sample_do_not_depend_on_threads(folder):
    train = open_data(folder).train
    found = channel_statistics(train, 3, limit=7, workers=1)
    assert found == channel_statistics(train, 3, limit=7, workers=3)
    assert (found.images, found.of) == (7, len(train))


def test_statistics_of_black_images_can_be_divided_by(tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
        for number in range(3):
            size = (9 + number, 9 if name == "a" else 7)
            Image.new("L", size).save(tmp_path / name / f"{number}.png")
    found = channel_statistics(open_data(tmp_path).train, 1)
    assert found.mean == (0.0,)
    assert found.std == (round(1 / 255, 6),)


@pytest.mark.slow
def test_real_photographs_hold_the_duplicates_that_eyes_found(real_data):
    found = check(real_data / "flowers").duplicates
    assert len(kinds(found, "exact")) == 3
    assert len(kinds(found, "near")) == 9
