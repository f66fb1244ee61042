"""Files with heat maps: what is in them, who uses them, and what else stays as it was."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from striate import api
from striate.deploy import trial
from striate.deploy.cam.reference import heat_maps
from striate.deploy.export import ExportReport, export_run
from striate.engines.exported import open_exported
from striate.engines.heat_maps import HEAT_MAP, laid_in, without_heat_maps
from striate.errors import ExportError, StriateError
from striate.inference.classifier import Classifier
from striate.inference.explaining.last_map import laid_of
from striate.inference.explaining.over_pictures import seen
from striate.inference.heat_maps import drawn

Images = Sequence[NDArray[np.uint8]]
Make = Callable[..., NDArray[np.uint8]]
GRID = (6, 6)


def export(run: Any, output: Path, images: Images, **options: Any) -> ExportReport:
    return export_run(run, output, images, **{"capture": "trace", "cam": True, **options})


@pytest.fixture(scope="module")
def exported() -> list[bytes]:
    """The file of `run`, once a test has made it."""
    return []


@pytest.fixture
def file(run: Any, images: Images, tmp_path: Path, exported: list[bytes]) -> Path:
    target = tmp_path / "net.onnx"
    if not exported:
        exported.append(export(run, target, images).file.read_bytes())
    target.write_bytes(exported[0])
    return target


def right(run: Any, image: NDArray[np.uint8], label: int) -> NDArray[np.float32]:
    pixels = torch.from_numpy(run.preprocessing.fit_image(image)[None])
    return heat_maps(run.network(), run.preprocessing.normalise(pixels), label, GRID)[0]


def test_the_report_and_the_file_say_what_there_is(
    run: Any, images: Images, tmp_path: Path
) -> None:
    report = export(run, tmp_path / "net.onnx", images)
    assert [(each.name, each.shape) for each in report.outputs] == [
        ("probabilities", ("batch", 3)),
        (HEAT_MAP, ("batch", *GRID)),
    ]
    assert [each.name for each in report.inputs] == ["image"]
    assert report.verified.heat_maps is not None
    assert 0 <= report.verified.heat_maps < 1e-4
    model = onnx.load(report.file)
    onnx.checker.check_model(model, full_check=True)
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    assert json.loads(metadata[HEAT_MAP])["grid"] == list(GRID)
    laid = laid_in(metadata)
    assert laid is not None
    assert laid == laid_of(run.network(), (3, 32, 32), GRID)
    for damaged in (
        "1",
        "[[1, 2], [3]]",
        '[["a", 1], [0, 1]]',
        "[[0, 0], [0, 1]]",
        "[[1e999, 2], [0, 2]]",
    ):
        assert laid_in({HEAT_MAP: f'{{"grid": [6, 6], "laid": {damaged}}}'}) is None


@pytest.mark.parametrize("options", [{}, {"dynamic": ("batch",)}, {"dynamic": ()}])
def test_of_any_class(
    run: Any, images: Images, tmp_path: Path, make_image: Make, options: dict[str, Any]
) -> None:
    opened = open_exported(export(run, tmp_path / "net.onnx", images, **options).file)
    image = make_image(91, 57, seed=5)
    pixels = run.preprocessing.fit_image(image)
    with opened.heat_maps() as maps:
        for label in range(3):
            heat = maps.of(pixels[None], label)[0]
            wanted = right(run, image, label)
            assert np.abs(heat - wanted).max() <= 1e-4 * np.abs(wanted).max()


def test_probabilities_cost_what_they_did(
    run: Any, images: Images, tmp_path: Path, file: Path
) -> None:
    plain = export(run, tmp_path / "plain.onnx", images, cam=False).file
    with_maps, without = open_exported(file), open_exported(plain)
    operators = [
        [node.op_type for node in onnx.load_from_string(each.graph).graph.node]
        for each in (with_maps, without)
    ]
    assert operators[0] == operators[1]
    assert HEAT_MAP not in without.metadata
    with pytest.raises(ExportError, match="has no heat maps; export its run with"):
        without.heat_maps()


def test_what_is_quantised_has_none(file: Path) -> None:
    model = onnx.load_from_string(without_heat_maps(file.read_bytes()))
    assert [each.name for each in model.graph.output] == ["probabilities"]
    assert not any(HEAT_MAP in name for node in model.graph.node for name in node.output)


def test_another_file_in_its_place(file: Path, run: Any, images: Images) -> None:
    opened = open_exported(file)
    run.config.identity = "cd" * 32
    export(run, file, images)
    with pytest.raises(ExportError, match="has changed meanwhile"):
        opened.heat_maps()


@pytest.mark.parametrize("text", ["", "[]", '{"grid": [0, 1]}', '{"grid": "ab"}'])
def test_damaged_metadata(file: Path, text: str) -> None:
    model = onnx.load(file)
    next(each for each in model.metadata_props if each.key == HEAT_MAP).value = text
    file.write_bytes(model.SerializeToString())
    with pytest.raises(ExportError, match="damaged metadata"):
        open_exported(file)


@pytest.mark.parametrize("option", ["params", "preprocess"])
def test_what_it_does_not_go_with(run: Any, images: Images, tmp_path: Path, option: str) -> None:
    with pytest.raises(ExportError, match="`cam`: goes into files with their weights"):
        export(run, tmp_path / "net.onnx", images, **{option: False})
    assert not list(tmp_path.iterdir())


def test_a_wrong_map_is_no_file(
    run: Any, images: Images, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "heat_maps", lambda *given: 1.01 * heat_maps(*given))
    with pytest.raises(ExportError, match="of the largest number in a heat map on"):
        export(run, tmp_path / "net.onnx", images)
    assert not list(tmp_path.iterdir())


# --- pictures ---------------------------------------------------------------------------------


@pytest.fixture
def pictures(tmp_path: Path, make_image: Make) -> Path:
    """A folder of what people have, two of whom call a picture alike."""
    folder = tmp_path / "pictures"
    for part in ("a <b>", "“向日葵”"):
        (folder / part).mkdir(parents=True)
    Image.fromarray(make_image(90, 60)).save(folder / "a <b>" / "1.jpg")
    Image.fromarray(make_image(30, 50)).convert("L").save(folder / "“向日葵”" / "1.png")
    Image.fromarray(make_image(40, 40)).convert("RGBA").save(folder / "“向日葵”" / "2.png")
    Image.fromarray(make_image(40, 40)).convert("CMYK").save(folder / "“向日葵”" / "3.jpg")
    (folder / "“向日葵”" / "4.png").write_bytes(b"no picture")
    return folder


def test_a_picture_for_each(file: Path, pictures: Path, tmp_path: Path) -> None:
    found = api.predict(file, pictures, heatmap=tmp_path / "maps")
    names = [Path(each.heatmap).name for each in found if not each.error]
    assert names == [
        "1.heatmap.png", "1-2.heatmap.png", "2.heatmap.png", "3.heatmap.png"
    ]  # fmt: skip
    assert sorted(path.name for path in (tmp_path / "maps").iterdir()) == sorted(names)
    assert [bool(each.error) for each in found] == [False] * 4 + [True]
    assert found[0].to_json()["heatmap"] == found[0].heatmap
    assert found[0].to_json()["heatmap_method"] == "grad-cam"
    with Image.open(found[0].heatmap) as image:
        assert image.size == (256, 384)


def test_one_picture_into_one_file(file: Path, pictures: Path, tmp_path: Path) -> None:
    source, target = pictures / "a <b>" / "1.jpg", tmp_path / "out.jpg"
    (one,) = api.predict(file, source, heatmap=target, heatmap_class="向日葵")
    assert one.heatmap == str(target)
    with Image.open(target) as image:
        assert image.format == "JPEG"
    with pytest.raises(StriateError, match="is one file; give a folder"):
        api.predict(file, pictures, heatmap=target)


def test_what_cannot_be_drawn(file: Path, pictures: Path, tmp_path: Path, run: Any) -> None:
    with pytest.raises(StriateError, match="there is no such class"):
        api.predict(file, pictures, heatmap=tmp_path / "maps", heatmap_class="rose")
    with pytest.raises(StriateError, match="is for heat maps"):
        api.predict(file, pictures, heatmap_class="向日葵")
    with pytest.raises(StriateError, match="cannot be made a folder"):
        api.predict(file, pictures, heatmap=tmp_path / "no" / "maps")
    with (
        Classifier.of_network(run.network(), run.preprocessing, run.classes) as classifier,
        pytest.raises(ExportError, match="a run: has no heat maps"),
    ):
        classifier.heat_maps()


def test_the_map_lies_where_the_network_looks(run: Any) -> None:
    """A single hot cell is bright in its place of the crop, and nowhere else."""
    image = np.full((128, 256, 3), 120, np.uint8)
    left, top, right_, bottom = seen(run.preprocessing, 128, 256)
    assert (left, top) == pytest.approx((71, 7), abs=1)
    heat = np.full(GRID, -1, np.float32)
    heat[0, 5] = 3
    pixels = np.asarray(drawn(image, heat, run.preprocessing)).astype(int)
    colourful = (pixels.max(2) - pixels.min(2)) > 60
    rows, columns = np.nonzero(colourful)
    scale = pixels.shape[0] / 128
    assert rows.max() < scale * (top + (bottom - top) / 3)
    assert columns.min() > scale * (right_ - (right_ - left) / 3)
    assert columns.max() <= scale * right_
    assert (pixels[0, 0] == pixels[0, 0, 0]).all()
    assert pixels[0, 0, 0] < pixels[pixels.shape[0] // 2, pixels.shape[1] // 2, 0]


def test_no_pytorch(file: Path, pictures: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from striate.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = ('torch', 'onnx', 'openvino', 'pydantic', 'rich', 'scipy', 'jinja2')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    target = tmp_path / "one.png"
    given = ["predict", str(file), str(pictures / "a <b>" / "1.jpg"), "--heatmap", str(target)]
    done = subprocess.run(
        [sys.executable, "-c", code, *given], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
    assert target.exists()
