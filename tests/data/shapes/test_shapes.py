"""Pictures of shapes: what is drawn is what is said, on every machine alike."""

from __future__ import annotations

import hashlib
import math

import numpy as np
import pytest
from scipy import ndimage

from striate.data.shapes import paint
from striate.data.shapes.drawn import Drawn, draw
from striate.data.shapes.forms import FORMS, MOST_CLASSES, ONE
from striate.data.shapes.scenes import scene
from striate.data.shapes.settings import Settings, read_settings
from striate.data.sources import open_data
from striate.data.targets import Answers, Target
from striate.errors import DataError

PLAIN = "noise=0,clutter=0,colour=no,seed=5"


@pytest.fixture
def _clear(monkeypatch: pytest.MonkeyPatch) -> None:
    """Grounds without clouds."""
    monkeypatch.setattr(paint, "_CLOUDY", 0)


def test_the_pictures_are_the_same_bytes_everywhere() -> None:
    settings = read_settings("size=40,images=40,classes=40,count=1-9")
    found = draw(settings, workers=2)
    digest = hashlib.sha256(found.images.tobytes() + found.values.tobytes()).hexdigest()
    assert digest[:16] == "382525b5055f05d5"
    assert (found.images == draw(settings).images).all()


def test_no_cosine_lies_near_a_half() -> None:
    """Another library's last digit would decide how it is rounded."""
    exact = [ONE * math.cos(math.radians(angle)) for angle in range(360)]
    away = [abs(value - math.floor(value) - 0.5) for value in exact]
    assert min(away) > 1e-4


def test_a_picture_hangs_on_the_seed_and_its_number_alone() -> None:
    few, many = (draw(read_settings(f"size=32,images={n}")) for n in (10, 30))
    assert (few.images == many.images[:10]).all()
    assert (few.values == many.values[:10]).all()
    other = draw(read_settings("size=32,images=10,seed=1"))
    assert (other.images != few.images).any(axis=(1, 2, 3)).all()
    assert few.labels.tolist() == [0, 1, 2, 3, 0, 1, 2, 3, 0, 1]


# --- what is said is what is seen ----------------------------------------------------------------


def masks(settings: Settings, found: Drawn) -> list[np.ndarray]:
    """Where the shapes are, whose paler tone differs by 48 levels from the ground."""
    grounds = [scene(settings, index).ground[0] for index in range(settings.images)]
    pairs = zip(found.images[..., 0].astype(int), grounds, strict=True)
    return [np.abs(image - ground) > 24 for image, ground in pairs]


@pytest.mark.usefixtures("_clear")
def test_counts_are_those_of_the_components() -> None:
    settings = read_settings(f"size=96,images=60,classes=10,diameter=14-20,count=1-9,{PLAIN}")
    found = draw(settings)
    counted = [ndimage.label(mask, np.ones((3, 3)))[1] for mask in masks(settings, found)]
    assert counted == found.values[:, 0].tolist()
    assert set(counted) == set(range(1, 10))


@pytest.mark.usefixtures("_clear")
def test_diameters_and_places_are_those_of_circles() -> None:
    settings = read_settings(f"size=64,images=40,classes=2,count=1,{PLAIN}")
    found = draw(settings)
    for mask, label, values in zip(masks(settings, found), found.labels, found.values, strict=True):
        if label:
            continue
        rows, columns = np.nonzero(mask)
        _, diameter, _, x, y = values
        assert np.ptp(rows) + 1 == pytest.approx(diameter, abs=1.5)
        assert math.sqrt(4 * mask.sum() / math.pi) == pytest.approx(diameter, abs=0.7)
        assert columns.mean() + 0.5 == pytest.approx(x, abs=0.3)
        assert rows.mean() + 0.5 == pytest.approx(y, abs=0.3)


@pytest.mark.usefixtures("_clear")
def test_angles_are_those_by_which_halves_lean() -> None:
    settings = read_settings(f"size=64,images=80,classes=8,count=1,tilt=180,diameter=30-50,{PLAIN}")
    found = draw(settings)
    for mask, label, values in zip(masks(settings, found), found.labels, found.values, strict=True):
        if tuple(FORMS)[label] != "half":
            continue
        rows, columns = np.nonzero(mask)
        _, _, angle, x, y = values
        lean = math.degrees(math.atan2(columns.mean() + 0.5 - x, y - rows.mean() - 0.5))
        assert (lean - angle + 180) % 360 - 180 == pytest.approx(0, abs=4)


@pytest.mark.parametrize("label", range(MOST_CLASSES))
def test_every_form_fills_its_circle_and_no_more(label: int) -> None:
    settings = read_settings(f"size=64,images=80,classes=40,count=1,diameter=40,{PLAIN}")
    each = scene(settings, label)
    side = np.arange(-ONE, ONE + 1, 256)
    inside = FORMS[each.form](side[None, :], side[:, None])
    reach = np.sqrt(side[None, :] ** 2.0 + side[:, None] ** 2.0)[inside]
    assert 0.94 * ONE < reach.max() <= 1.001 * ONE
    assert 0.1 < inside.mean() < 0.79


# --- as data -------------------------------------------------------------------------------------


def test_they_are_data_with_classes_or_numbers() -> None:
    data = open_data("shapes:size=32,images=60,classes=3,seed=2")
    assert data.classes == ("circle", "square", "triangle")
    assert data.origin == "shapes:size=32,images=60,classes=3,seed=2"
    assert data.held_out_name == "split"
    assert data.train.pixels is not None
    counted = open_data("shapes:size=32,images=60", answers=Answers.of(["count", "diameter"]))
    assert counted.targets == (Target(name="count"), Target(name="diameter", unit="pixels"))
    assert counted.train.values is not None
    assert set(counted.train.values[:, 0]) == {1, 2, 3, 4, 5}
    assert open_data("shapes:size=96,images=12,count=1").train.largest_side == 96


REFUSED = {
    "siez=64": "shapes:siez=64: 'siez' is no setting; did you mean 'size'?",
    "size": "shapes:size: has no value; e.g. size=64",
    "size=big": "shapes:size=big: is no whole number",
    "size=9": "shapes:size=9: must be at least 16",
    "classes=41": "must be at most 40",
    "count=5-1": "ends before it begins; did you mean count=1-5?",
    "count=x": "is neither a number nor a range; e.g. count=3 or count=1-5",
    "colour=red": "must be yes or no",
    "count=100,size=32": "have no room side by side; take size=50, fewer, or smaller ones",
    "size=64,diameter=40": "5 shapes of up to 40 pixels have no room side by side; take size=120",
    "size=512,images=1000000": "GiB of memory; take at most images=5461",
}


@pytest.mark.parametrize("settings", REFUSED)
def test_settings_that_cannot_be_are_refused(settings: str) -> None:
    with pytest.raises(DataError) as caught:
        open_data(f"shapes:{settings}")
    assert REFUSED[settings] in str(caught.value)


def test_numbers_that_there_are_not_are_refused() -> None:
    with pytest.raises(DataError, match="`target='size'`: is no number of shapes; choose one of"):
        open_data("shapes:images=10", answers=Answers.of("size"))
    with pytest.raises(DataError, match="there are up to 5; take shapes:count=1"):
        open_data("shapes:images=10", answers=Answers.of("x"))
    with pytest.raises(DataError, match="shapes: has classes, and no columns"):
        open_data("shapes:images=10", answers=Answers.of(label="form"))
    with pytest.raises(DataError, match="'count' is 2 for every image"):
        open_data("shapes:images=10,count=2", answers=Answers.of("count"))
