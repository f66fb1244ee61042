"""Predictions of runs and of files explained, from Python and from the command line."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image
from torch import nn

import striate
from striate.cli.parsing import command_of
from striate.cli.predict import predict
from striate.data.preprocessing import Preprocessing
from striate.errors import DataError, NetworkError, StriateError
from striate.inference.classifier import Classifier
from striate.inference.explaining.choosing import Wanted, explainer_of


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "a run <b>"
    return striate.create_run("resnet20", folder, classes=2, seed=1).path


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photographs") / "照片 <i>"
    folder.mkdir()
    random = np.random.default_rng(0)
    for name, size in (("a b.jpg", (60, 44, 3)), ("c.png", (33, 90, 3))):
        Image.fromarray(random.integers(0, 256, size, dtype=np.uint8)).save(folder / name)
    (folder / "d.jpg").write_bytes(b"no picture")
    return folder


def test_a_prediction_is_explained(run: Path, photographs: Path, tmp_path: Path) -> None:
    image = photographs / "a b.jpg"
    (predicted,) = striate.predict(run, image)
    found = striate.explain_prediction(run, image)
    assert (found.class_, found.likeliest) == (predicted.classes[0],) * 2
    assert found.probability == pytest.approx(predicted.probabilities[0], abs=1e-6)
    assert (found.method, found.layer) == ("cam", "stage3.2.relu#2")
    assert found.map.shape == (8, 8)
    other = striate.explain_prediction(run, image, predicted.classes[1])
    assert other.probability == pytest.approx(predicted.probabilities[1], abs=1e-6)
    assert other.likeliest == predicted.classes[0]
    assert f"(likeliest: {predicted.classes[0]})" in str(other)
    assert np.abs(other.map - found.map).max() > 0
    assert json.loads(json.dumps(found.to_json()))["map"] == found.map.tolist()
    page = replace(found, class_="<b>rose")._repr_html_()
    assert "&lt;b&gt;rose" in page
    assert "<b>" not in page
    assert 'src="data:image/png;base64,' in page
    with Image.open(found.save(tmp_path / "map.webp")) as picture:
        assert (picture.format, picture.size) == ("WEBP", found.drawn().size)
    with pytest.raises(StriateError, match=r"is no name for a picture; give map\.png"):
        found.save(tmp_path / "map.gif")


def test_from_memory_and_by_occlusion(run: Path, photographs: Path) -> None:
    pixels = np.asarray(Image.open(photographs / "c.png"))
    found = striate.explain_prediction(run, pixels, window=16, stride=8)
    assert (found.file, found.method, found.layer) == ("image", "occlusion", "")
    assert found.map.shape == (32, 32)
    again = striate.explain_prediction(run, Image.fromarray(pixels), window=16, stride=8)
    np.testing.assert_array_equal(again.map, found.map)
    assert "occlusion, which takes at most" in found.summary()
    assert found.laid is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"class_": "rose"}, "`class_='rose'`: there is no such class; choose one of"),
        ({"method": "gradcam"}, "there is no such method; did you mean 'grad-cam'?"),
        ({"method": "cam", "window": 3}, "`window=3`: is for occlusion; take `method='occlusion'`"),
        ({"window": 33}, "`window=33`: is larger than what the network sees; give at most 32"),
        ({"window": 4, "stride": 5}, "`stride=5`: leaves pixels that are never covered"),
        ({"window": 0}, "must be at least 1"),
    ],
)
def test_options_that_explain_nothing(
    run: Path, photographs: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(StriateError) as raised:
        striate.explain_prediction(run, photographs / "c.png", **options)
    assert message in str(raised.value)


def test_images_that_cannot_be_explained(run: Path, photographs: Path) -> None:
    with pytest.raises(StriateError, match="is not one image; give one"):
        striate.explain_prediction(run, photographs)
    with pytest.raises(DataError, match=r"d\.jpg"):
        striate.explain_prediction(run, photographs / "d.jpg")


class Skipping(nn.Module):
    """A network without a last feature map."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.fc = nn.Conv2d(3, 4, 3), nn.Linear(7, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        means = self.conv(x).mean((2, 3)), x.mean((2, 3))
        return self.fc(torch.cat(means, 1))


def test_the_way_that_is_taken() -> None:
    fit = Preprocessing(resize=8, height=8, width=8, mean=(0.5,) * 3, std=(0.25,) * 3)
    averaging = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    flat = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(144, 2))
    for network, method in ((averaging, "cam"), (flat, "grad-cam"), (Skipping(), "occlusion")):
        with Classifier.of_network(network, fit, list("abcd")[: 4 if method == "cam" else 2]) as it:
            assert explainer_of(it).method == method
            if method == "grad-cam":
                wanted = Wanted(method="cam", prefix="heatmap_")
                with pytest.raises(NetworkError, match="take `heatmap_method='grad-cam'`"):
                    explainer_of(it, wanted)
            if method == "occlusion":
                with pytest.raises(NetworkError, match="take `method='occlusion'`"):
                    explainer_of(it, Wanted(method="grad-cam"))


def test_the_command_draws_a_run_s_predictions(
    run: Path, photographs: Path, tmp_path: Path
) -> None:
    app = command_of(predict)

    def typed(*arguments: object) -> Result:
        return CliRunner().invoke(app, [str(run), *map(str, arguments)])

    target = tmp_path / "maps"
    done = typed(photographs, "--heatmap", target, "--json")
    assert done.exit_code == 2, "one of the files is none"
    found = json.loads(done.stdout)
    assert [each.get("heatmap_method") for each in found] == ["cam", "cam", None]
    assert sorted(each.name for each in target.iterdir()) == ["a b.heatmap.png", "c.heatmap.png"]
    one, other = tmp_path / "one.png", found[0]["predictions"][1]["class"]
    given = photographs / "c.png", "--heatmap", one, "--heatmap-class", other
    done = typed(*given, "--heatmap-method", "occlusion", "--heatmap-window", 16)
    assert done.exit_code == 0
    assert f"(occlusion: {one})" in done.stdout
    error = typed(photographs, "--heatmap-stride", 4).exception
    assert isinstance(error, StriateError)
    assert str(error) == "`heatmap_stride`: is for heat maps; give `heatmap` as well"
