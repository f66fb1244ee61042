"""Numbers explained: what raises a value and what lowers it, in its own unit."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from torch import Tensor, nn

import striate
from striate.cli.main import app
from striate.data.preprocessing import Preprocessing
from striate.errors import StriateError
from striate.inference.ensemble import EnsembleRegressor
from striate.inference.explaining.choosing import Wanted, explainer_of
from striate.inference.explaining.explanation import ValueExplanation
from striate.inference.explaining.gradients import GradientMaps
from striate.inference.heat_maps import drawn_fitted
from striate.inference.regressor import Regressor
from striate.runs.targets import ScaledTarget
from striate.zoo.create import create

CPU = torch.device("cpu")
FIT = Preprocessing(resize=32, height=32, width=32, mean=(0.45,) * 3, std=(0.2,) * 3)
TARGETS = (
    ScaledTarget(name="age", unit="years", mean=40.0, deviation=12.0, low=1.0, high=99.0),
    ScaledTarget(name="<b>weight", mean=-3.0, deviation=0.5, low=-4.0, high=0.0),
)


def noise(count: int) -> Any:
    return np.random.default_rng(count).integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)


def regressor(name: str = "resnet20", seed: int = 7) -> Regressor:
    torch.manual_seed(seed)
    return Regressor.of_network(create(name, classes=2, in_channels=3).eval(), FIT, TARGETS)


@pytest.mark.parametrize(
    ("name", "layer", "method"),
    [("resnet20", "stage3.2", "cam"), ("lenet", "pool2", "grad-cam")],
)
def test_captum_gives_the_same_in_the_unit(name: str, layer: str, method: str) -> None:
    captum = pytest.importorskip("captum.attr")
    opened, pixels, numbers = regressor(name), noise(3), [1, 0, 1]
    network: Any = opened.session.network  # type: ignore[attr-defined]
    with explainer_of(opened) as maps:
        assert isinstance(maps, GradientMaps)
        assert maps.method == method
        assert maps.layer.startswith(layer)
        heat = maps.of(pixels, numbers)
    inputs = FIT.normalise(torch.from_numpy(pixels)).requires_grad_()
    cam = captum.LayerGradCam(network, network.network.get_submodule(layer))
    right = cam.attribute(inputs, target=torch.tensor(numbers))[:, 0].detach().numpy()
    assert np.abs(heat - right).max() <= 1e-5 * np.abs(right).max()


def test_the_numbers_of_cam_add_up_to_the_value_less_what_nothing_gives() -> None:
    opened, pixels = regressor(), noise(2)
    network: Any = opened.session.network  # type: ignore[attr-defined]
    bias = network.network.get_submodule("fc").bias.detach()
    nothing = bias * network.deviation + network.mean
    values = np.concatenate(list(opened.session.run([pixels])))
    with explainer_of(opened) as maps:
        for number in range(2):
            heat = maps.of(pixels, [number, number])  # type: ignore[attr-defined]
            wanted = values[:, number] - float(nothing[number])
            np.testing.assert_allclose(heat.sum((1, 2)), wanted, rtol=1e-3)


class Corner(nn.Module):
    """Standardised value: how light the upper left quarter is, less how light the lower right."""

    def forward(self, image: Tensor) -> Tensor:
        light = image.mean(1)
        difference = light[:, :16, :16].mean((1, 2)) - light[:, 16:, 16:].mean((1, 2))
        return torch.stack([difference, -difference], 1)


def test_occlusion_tells_the_change_of_the_value_in_its_unit() -> None:
    opened = Regressor.of_network(Corner(), FIT, TARGETS)
    white = np.full((32, 32, 3), 255, np.uint8)
    with explainer_of(opened, Wanted(window=16, stride=16)) as maps:
        heat, fit, laid = maps.of_picture(white, 0)
    # White is (1 - 0.45) / 0.2 above the grey that covers, and the first target's deviation 12.
    wanted = 12 * (1 - round(255 * 0.45) / 255) / 0.2
    np.testing.assert_allclose(heat[:16, :16], wanted, rtol=1e-4)
    np.testing.assert_allclose(heat[16:, 16:], -wanted, rtol=1e-4)
    np.testing.assert_allclose(heat[:16, 16:], 0, atol=1e-4)
    picture = np.asarray(drawn_fitted(white, heat, 32, laid, signed=True)).astype(int)
    assert picture[5, 5, 0] > picture[5, 5, 2] + 50  # warm where it is raised
    assert picture[26, 26, 2] > picture[26, 26, 0] + 10  # blue where it is lowered
    assert fit == FIT


def test_of_members_that_see_other_pixels_it_is_the_mean_in_the_unit() -> None:
    members = [regressor(seed=seed) for seed in (1, 2)]
    alone = []
    for each in members:
        with explainer_of(each) as maps:
            alone.append(maps.of_picture(noise(1)[0], 0).values)
    from striate.hub.ensemble import NumberEnsemble

    scale = [40.0, -3.0], [12.0, 0.5]
    groups = []
    for each in members:
        inner: Any = each.session.network  # type: ignore[attr-defined]
        joined = NumberEnsemble([inner.network], [None], [(FIT.mean, FIT.std)], [scale], scale)
        groups.append(Regressor.of_network(joined, FIT, TARGETS))
    with explainer_of(EnsembleRegressor(groups, [0.25, 0.75])) as maps:
        heat = maps.of_picture(noise(1)[0], 0)
        assert maps.method == "cam"
    middle = 0.25 * alone[0] + 0.75 * alone[1]
    # The map over the whole picture has its extremes where the mean of the members' has them.
    assert heat.values.max() == pytest.approx(middle.max(), rel=0.25)
    assert heat.values.min() == pytest.approx(middle.min(), rel=0.25)


def test_from_python(number_run: Path, squares: Path, tmp_path: Path) -> None:
    image = sorted(squares.glob("*.png"))[0]
    (predicted,) = striate.predict(number_run, image)
    found: Any = striate.explain_prediction(number_run, image)
    assert isinstance(found, ValueExplanation)
    assert found.value == pytest.approx(predicted.values[0], rel=1e-5)  # type: ignore[attr-defined]
    assert found.target.name == "side"
    assert "px, Grad-CAM" in found.summary()
    assert json.loads(json.dumps(found.to_json()))["map"] == found.map.tolist()
    assert "&lt;b&gt;000" in replace(found, file="<b>000")._repr_html_()
    assert found.save(tmp_path / "map.png").exists()
    covered: Any = striate.explain_prediction(number_run, image, target="side", window=8)
    assert "raise it by up to" in covered.summary()
    with pytest.raises(StriateError, match=r"`target='sid'`: there is no such target; .*side"):
        striate.explain_prediction(number_run, image, target="sid")
    with pytest.raises(StriateError, match="this one answers with numbers"):
        striate.explain_prediction(number_run, image, "side")


def test_from_the_command_line(number_run: Path, squares: Path, tmp_path: Path) -> None:
    image = sorted(squares.glob("*.png"))[0]
    given = ["predict", str(number_run), str(image), "--heatmap"]
    told = CliRunner().invoke(app, [*given, str(tmp_path / "one.png")])
    assert told.exit_code == 0, told.output
    assert "(Grad-CAM:" in told.stdout
    assert Image.open(tmp_path / "one.png").size == (256, 256)
    plain = CliRunner().invoke(app, [*given, str(tmp_path / "two.png"), "--json"])
    (row,) = json.loads(plain.stdout)
    assert row["heatmap"] == str(tmp_path / "two.png")
    wrong = [*given, str(tmp_path / "x.png"), "--heatmap-target", "sid"]
    with pytest.raises(StriateError, match="--heatmap-target sid: there is no such target"):
        CliRunner().invoke(app, wrong, catch_exceptions=False)


def test_a_file_is_explained_by_occlusion(numbers: Path, number_pictures: Path) -> None:
    given: dict[str, Any] = {"target": "<i>count", "window": 16, "stride": 16}
    picture = number_pictures / "z.png"
    of_file = striate.explain_prediction(numbers / "lenet.onnx", picture, **given)
    of_run = striate.explain_prediction(numbers, picture, **given)
    most = np.abs(of_run.map).max()
    assert most > 0
    np.testing.assert_allclose(of_file.map, of_run.map, atol=1e-3 * most)
    with pytest.raises(StriateError, match=r"has no heat maps; take `method='occlusion'`$"):
        striate.explain_prediction(numbers / "lenet.onnx", picture, method="grad-cam")


def test_what_cannot_be_had_is_refused() -> None:
    with pytest.raises(StriateError, match="is of networks that end in an average"):
        explainer_of(regressor("lenet"), Wanted(method="cam"))
