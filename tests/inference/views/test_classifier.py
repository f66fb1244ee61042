"""Views of images in everything that classifies, against the mean by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import striate
from striate.errors import StriateError
from striate.inference.views.views import Views
from striate.runs.run import Run

SCALES = {"center": (224, 320), "10": (), "144": (), "dense": (224, 256)}


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    """Photographs of several shapes, one of which cannot be read."""
    rng = np.random.default_rng(0)
    paths = []
    for number, size in enumerate([(48, 64), (64, 48), (40, 90), (48, 64), (33, 33)]):
        paths.append(tmp_path / f"{number} <b>花.png")
        Image.fromarray(rng.integers(0, 256, (*size, 3), np.uint8)).save(paths[-1])
    paths.insert(2, tmp_path / "torn.png")
    paths[2].write_bytes(b"\x89PNG")
    return paths


def by_hand(run: Path, paths: list[Path], views: Views) -> np.ndarray:
    """The mean of the probabilities of the views, with nothing but the run's parts."""
    opened = Run.open(run)
    network, fit = opened.network(), opened.preprocessing
    found = []
    for path in paths:
        cut = views.cut(np.asarray(Image.open(path)), fit)
        groups = [cut] if len({view.shape for view in cut}) == 1 else [[view] for view in cut]
        with torch.inference_mode():
            each = [
                network(fit.normalise(torch.from_numpy(np.stack(group)))).softmax(1)
                for group in groups
            ]
        found.append(torch.cat(each).double().mean(0).numpy())
    return np.stack(found)


@pytest.mark.parametrize(
    ("crops", "workers"), [("center", 0), ("10", 0), ("10", 2), ("144", 2), ("dense", 0)]
)
def test_a_run_averages_the_probabilities_of_its_views(
    seen: Path, pictures: list[Path], crops: str, workers: int
) -> None:
    pictures = pictures[:4] if crops == "144" else pictures
    readable = [*pictures[:2], *pictures[3:]]
    views = Views(crops, SCALES[crops])  # type: ignore[arg-type]
    expected = by_hand(seen, readable, views)
    with striate.open_classifier(seen, crops=crops, scales=SCALES[crops]) as found:  # type: ignore[arg-type]
        np.testing.assert_allclose(
            found.probabilities(readable, workers=workers), expected, atol=2e-6
        )
    given = {"crops": crops, "scales": SCALES[crops], "workers": workers}
    predicted = striate.predict(seen, pictures, top=3, **given)
    assert [bool(each.error) for each in predicted] == [
        path.name == "torn.png" for path in pictures
    ]
    best = [max(each.probabilities) for each in predicted if not each.error]
    np.testing.assert_allclose(best, expected.max(1), atol=2e-6)


@pytest.mark.parametrize("crops", ["10", "144"])
def test_an_exported_file_sees_the_same_views(
    seen: Path, exported: Path, pictures: list[Path], crops: str
) -> None:
    readable = pictures[: 1 if crops == "144" else 2]
    expected = by_hand(seen, readable, Views(crops))  # type: ignore[arg-type]
    for engine in ("onnxruntime", "openvino"):
        with striate.open_classifier(exported, engine=engine, crops=crops) as found:  # type: ignore[arg-type]
            np.testing.assert_allclose(found.probabilities(readable), expected, atol=1e-4)


def test_an_exported_file_takes_no_whole_images(exported: Path) -> None:
    with pytest.raises(StriateError, match="takes 32 x 32 pixels; give the run"):
        striate.open_classifier(exported, crops="dense")


def test_a_run_is_measured_in_many_views_and_keeps_the_figures_of_one(
    seen: Path, exported: Path, photographs: Path
) -> None:
    before = (seen / "evaluation.json").read_bytes()
    plain = striate.evaluate(seen)
    ten = striate.evaluate(seen, crops="10")
    assert (ten.images, ten.classes) == (plain.images, plain.classes)
    assert ten.loss != plain.loss
    assert (seen / "evaluation.json").read_bytes() == before
    file = striate.evaluate(exported, photographs, crops="10")
    run = striate.evaluate(seen, all_images=True, crops="10")
    assert file.loss == pytest.approx(run.loss, abs=1e-4)
    assert file.top1 == run.top1


def test_predictions_in_bulk_go_on_with_the_same_views_alone(
    seen: Path, pictures: list[Path], tmp_path: Path
) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    out = tmp_path / "out"
    found = striate.predict_bulk(seen, pictures[0].parent, out, crops="10")
    assert (found.images, found.unreadable) == (6, 1)
    rows = parquet.read_table(out / "part-00000.parquet").to_pylist()
    expected = by_hand(seen, pictures[:1], Views("10"))[0]
    np.testing.assert_allclose(rows[0]["probabilities"], expected, atol=2e-6)
    with pytest.raises(StriateError, match="10 crops"):
        striate.predict_bulk(seen, pictures[0].parent, out)
    with pytest.raises(StriateError, match="whole images"):
        striate.predict_bulk(
            seen, pictures[0].parent, tmp_path / "2", crops="dense", embeddings=True
        )
