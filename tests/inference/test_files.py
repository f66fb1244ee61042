"""A run and the files that are exported from it are one classifier, whatever computes it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from PIL import Image

import striate
from striate.data.decoding import jpeg
from striate.engines.exported import is_exported, open_exported
from striate.errors import DataError, ExportError, RunError, StriateError
from striate.inference.classifier import Classifier
from striate.runs.run import Run
from striate.runs.samples import read_samples

KINDS: dict[str, dict[str, Any]] = {
    "any size": {},
    "one at a time": {"dynamic": ("height", "width")},
    "fitted": {"dynamic": ("batch",)},
    "one fitted": {"dynamic": ()},
    "normalised": {"preprocess": False},
}
WHOLE = "without a seam"
"""Of any size, as files were before there was one: such a file fits its images itself."""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("classifier") / "run"
    return striate.train("digits", net="lenet", epochs=1, out=out, workers=0).run


@pytest.fixture(scope="module")
def export(run: Path) -> Callable[..., Path]:
    """A file of the run, made once for each kind."""

    def made(kind: str) -> Path:
        pytest.importorskip("openvino")
        file = run.parent / f"{kind}.onnx"
        if not file.exists() and kind == WHOLE:
            altered(made("any size"), file, with_metadata(pixels="/preprocess/pixels"))
        elif not file.exists():
            striate.export(run, file, capture="trace", **KINDS[kind])
        return file

    return made


def pictures(count: int = 11) -> list[np.ndarray]:
    """Grey pictures of several sizes."""
    random = np.random.default_rng(0)
    sizes = [(28, 28), (40, 31), (28, 28)]
    return [random.integers(0, 256, sizes[i % 3], np.uint8) for i in range(count)]


def by_hand(run: Path, images: list[np.ndarray]) -> np.ndarray:
    """The run's probabilities, image by image, with nothing but its parts."""
    opened = Run.open(run)
    network = opened.network()
    inputs = torch.stack([opened.preprocessing(image) for image in images])
    with torch.inference_mode():
        return network(inputs).softmax(1).numpy()


def test_a_run_says_what_it_takes_and_gives(run: Path) -> None:
    images = pictures()
    with striate.open_classifier(run) as found:
        assert isinstance(found, striate.Classifier)
        assert found.classes == tuple("0123456789")
        assert (found.outputs, found.input, found.batch_size) == (10, (1, 32, 32), 64)
        assert found.session.name == "torch float32"
        shares = found.probabilities(images)
        assert (shares.dtype, shares.shape) == (np.float32, (11, 10))
        np.testing.assert_allclose(shares, by_hand(run, images), atol=1e-6)
        assert found.probabilities([]).shape == (0, 10)
        same = np.stack([images[0], images[2]])[..., None]
        np.testing.assert_allclose(found.probabilities(same), shares[[0, 2]], atol=1e-6)
        one = found.probabilities(Image.fromarray(images[1]))
        np.testing.assert_allclose(one, shares[1:2], atol=1e-6)


@pytest.mark.parametrize(
    ("engine", "close"),
    [
        ("torch bfloat16", 0.05),
        ("onnxruntime", 1e-5),
        ("openvino", 1e-5),
        ("openvino bfloat16", 0.05),
    ],
)
def test_a_run_in_every_engine(run: Path, engine: str, close: float) -> None:
    pytest.importorskip("openvino")
    images = pictures()
    with striate.open_classifier(run, engine=engine) as found:
        assert found.session.name.startswith(engine)
        np.testing.assert_allclose(found.probabilities(images), by_hand(run, images), atol=close)


@pytest.mark.parametrize("engine", ["auto", "openvino"])
@pytest.mark.parametrize("kind", [*KINDS, WHOLE])
def test_a_file_of_every_kind(
    run: Path, export: Callable[[str], Path], kind: str, engine: str
) -> None:
    images = pictures()
    with Classifier.of_file(export(kind), engine=engine) as found:
        expected = "onnxruntime float32" if engine == "auto" else "openvino float32"
        assert (found.session.name, found.classes) == (expected, tuple("0123456789"))
        assert found.batch_size == (1 if kind.startswith("one") else 8)
        assert found.fits == (kind != WHOLE)
        np.testing.assert_allclose(found.probabilities(images), by_hand(run, images), atol=1e-5)
        assert [each.classes[0] for each in found.predict(images, top=1)] == [
            str(each.argmax()) for each in by_hand(run, images)
        ]


def test_predict_takes_a_file(run: Path, export: Callable[[str], Path], tmp_path: Path) -> None:
    for number, image in enumerate(pictures(5)):
        Image.fromarray(image).save(tmp_path / f"{number}.png")
    (tmp_path / "bad.jpg").write_bytes(b"no image")
    found = [striate.predict(each, tmp_path, top=3) for each in (run, export("any size"))]
    for one, other in zip(*found, strict=True):
        assert (one.file, one.classes, one.error) == (other.file, other.classes, other.error)
        assert one.probabilities == pytest.approx(other.probabilities, abs=1e-5)
    assert [bool(each.error) for each in found[1]] == [False] * 5 + [True]
    with pytest.raises(DataError, match="is in no image format"):
        striate.predict(export("any size"), tmp_path / "bad.jpg")


def test_evaluate_takes_a_file_and_images(run: Path, export: Callable[[str], Path]) -> None:
    right = striate.evaluate(run, "digits", all_images=True)
    found = striate.evaluate(export("fitted"), "digits", all_images=True)
    assert (found.images, found.top1) == (right.images, right.top1)
    assert found.loss == pytest.approx(right.loss, abs=1e-5)
    assert "holds no list of what it was trained on" in found.notes[-1]
    with pytest.raises(StriateError, match="has no images of its own; give images"):
        striate.evaluate(export("fitted"))
    with pytest.raises(StriateError, match=r"nowhere\.onnx: there is no such file"):
        striate.evaluate("nowhere.onnx")


def test_large_photographs_may_be_reduced_while_they_are_decoded(
    run: Path, export: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "photographs" / "3"
    folder.mkdir(parents=True)
    soft = np.random.default_rng(0).integers(0, 256, (6, 6), np.uint8)
    large = Image.fromarray(soft).resize((450, 400), Image.Resampling.BICUBIC)
    for name in ("a", "b"):
        large.save(folder / f"{name}.jpg", quality=95)
    factors: list[int] = []
    decode = jpeg.decode
    monkeypatch.setattr(jpeg, "decode", lambda *given: factors.append(given[4:]) or decode(*given))
    file = export("any size")
    expected, found = (
        striate.predict(file, folder, top=10, reduced_decoding=reduced) for reduced in (False, True)
    )
    assert factors == [(), (), (2,), (2,)]
    for one, other in zip(expected, found, strict=True):
        left, right = (
            dict(zip(each.classes, each.probabilities, strict=True)) for each in (one, other)
        )
        assert max(abs(left[name] - right[name]) for name in left) < 0.02
    striate.predict_bulk(file, folder, tmp_path / "out", reduced_decoding=True)
    assert factors[4:] == [(2,), (2,)]
    with pytest.raises(RunError, match=r"was begun in another engine .*, reduced decoding"):
        striate.predict_bulk(file, folder, tmp_path / "out")
    striate.evaluate(file, folder.parent, reduced_decoding=True)
    assert factors[-2:] == [(2,), (2,)]
    for source, options in (
        (run, {}),
        (export(WHOLE), {}),
        (file, {"crops": "10"}),
        (file, {"heatmap": tmp_path / "map.png"}),
    ):
        with pytest.raises(StriateError, match="reduced_decoding"):
            striate.predict(source, folder / "a.jpg", reduced_decoding=True, **options)
    with pytest.raises(StriateError, match="is for exported files"):
        striate.evaluate(run, folder.parent, reduced_decoding=True)


def test_a_set_is_told_from_pictures(run: Path) -> None:
    from striate.data.sources import open_data

    images = open_data("digits", seed=0).val
    told: list[tuple[int, int]] = []
    with striate.open_classifier(run, batch_size=100) as found:
        one = found.probabilities(images, workers=0, progress=lambda *at: told.append(at))
        other = found.probabilities(images, workers=3)
    assert one.tobytes() == other.tobytes()
    assert told[0] == (100, len(images))
    assert told[-1] == (len(images), len(images))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"device": "abacus"}, "`device='abacus'`: there is no such device here"),
        ({"engine": "abacus"}, "`engine='abacus'`: is unknown"),
        ({"engine": "onnxruntime bfloat16"}, "computes in float32"),
    ],
)
def test_what_is_not_here(
    run: Path, export: Callable[[str], Path], options: dict[str, str], said: str
) -> None:
    for source in (run, export("fitted")):
        with pytest.raises(StriateError, match=said):
            striate.open_classifier(source, **options)


def test_a_file_is_not_for_pytorch(export: Callable[[str], Path]) -> None:
    with pytest.raises(StriateError, match=r"`engine='torch'`: does not run ONNX files"):
        striate.open_classifier(export("fitted"), engine="torch")


def test_a_folder_is_a_run_whatever_it_is_called(run: Path, tmp_path: Path) -> None:
    assert not is_exported(tmp_path)
    (tmp_path / "a.onnx").mkdir()
    assert not is_exported(tmp_path / "a.onnx")
    assert is_exported(tmp_path / "b.ONNX")
    with pytest.raises(RunError, match="is not a run"):
        striate.open_classifier(tmp_path / "a.onnx")


def altered(source: Path, target: Path, change: Callable[[onnx.ModelProto], None]) -> Path:
    model = onnx.load(source)
    change(model)
    onnx.save(model, target)
    return target


def with_metadata(**values: str | None) -> Callable[[onnx.ModelProto], None]:
    def change(model: onnx.ModelProto) -> None:
        told = {entry.key: entry.value for entry in model.metadata_props} | values
        del model.metadata_props[:]
        onnx.helper.set_model_props(model, {k: v for k, v in told.items() if v is not None})

    return change


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"classes": None}, "has no classes and pre-processing in its metadata; give a file"),
        ({"preprocessing": None}, "has no classes and pre-processing in its metadata"),
        ({"classes": "{"}, "has damaged metadata"),
        ({"classes": "[]"}, "has damaged metadata"),
        ({"classes": "[1]"}, r"has damaged metadata \(its classes are no names\)"),
        ({"preprocessing": "[]"}, "has damaged metadata"),
        ({"preprocessing": '{"resize": 3}'}, "has damaged metadata"),
        ({"preprocessing": "[" * 100_000}, "has damaged metadata"),
        ({"parts": "1"}, r"has damaged metadata \(of its parts: "),
        ({"parts": "[]"}, r"has damaged metadata \(of its parts: its shares"),
        ({"parts": '[{"preprocessing": {}}]'}, r"has damaged metadata \(of its parts: "),
        ({"parts": '[{"preprocessing": 3}]'}, r"\S+ damaged metadata \(of its parts: one has no"),
    ],
)
def test_metadata_that_say_nothing(
    export: Callable[[str], Path], tmp_path: Path, values: dict[str, Any], said: str
) -> None:
    file = altered(export("fitted"), tmp_path / "odd.onnx", with_metadata(**values))
    with pytest.raises(ExportError, match=rf"odd\.onnx: {said}") as caught:
        striate.open_classifier(file)
    assert "\n" not in str(caught.value)


def test_metadata_of_another_network(
    run: Path, export: Callable[[str], Path], tmp_path: Path
) -> None:
    three = altered(
        export("fitted"), tmp_path / "odd.onnx", with_metadata(classes='["a", "b", "c"]')
    )
    with pytest.raises(RunError, match=r"gives numbers of shape \(10,\) for an image, not 3"):
        striate.predict(three, pictures(1))
    values = Run.open(run).preprocessing.to_dict() | {"height": 30}
    small = altered(
        export("fitted"), tmp_path / "odd.onnx", with_metadata(preprocessing=json.dumps(values))
    )
    with pytest.raises(ExportError, match="has an input 'image' that its pre-processing does not"):
        striate.predict(small, pictures(1))


def test_what_is_no_file_of_ours(run: Path, export: Callable[[str], Path], tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"gone\.onnx: there is no such file"):
        striate.open_classifier(tmp_path / "gone.onnx")
    (tmp_path / "cut.onnx").write_bytes(export("fitted").read_bytes()[:5000])
    with pytest.raises(ExportError, match=r"cut\.onnx: is no sound ONNX file"):
        striate.open_classifier(tmp_path / "cut.onnx")
    striate.export(run, tmp_path / "bare.onnx", capture="trace", params=False)
    with pytest.raises(ExportError, match="takes its weights as inputs; export the run with"):
        striate.open_classifier(tmp_path / "bare.onnx")


def test_weights_in_other_files_are_not_looked_for(
    export: Callable[[str], Path], tmp_path: Path
) -> None:
    model = onnx.load(export("fitted"))
    onnx.save_model(
        model, tmp_path / "apart.onnx", save_as_external_data=True, size_threshold=0, location="w"
    )
    with pytest.raises(ExportError, match="keeps its weights in other files"):
        open_exported(tmp_path / "apart.onnx")


def test_a_graph_that_no_engine_runs(export: Callable[[str], Path], tmp_path: Path) -> None:
    def spoil(model: onnx.ModelProto) -> None:
        model.graph.node[-1].op_type = "Nonsense"

    file = altered(export("fitted"), tmp_path / "odd.onnx", spoil)
    for engine in ("onnxruntime", "openvino"):
        with pytest.raises(ExportError, match=r"odd\.onnx: .* cannot run it") as caught:
            striate.open_classifier(file, engine=engine)
        assert "\n" not in str(caught.value)


def test_the_kept_pictures_of_a_run_are_pictures(run: Path) -> None:
    opened = Run.open(run)
    samples = read_samples(opened)
    with Classifier.of_run(opened) as found:
        assert found.probabilities(samples).shape == (len(samples), 10)


WITHOUT_TORCH = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "onnx"):
            raise ImportError(f"{name} is not installed")

sys.meta_path.insert(0, Missing())
from striate.cli.main import main
sys.argv = ["striate", *sys.argv[1:]]
main()
"""


def test_a_file_is_used_without_torch_and_without_onnx(
    export: Callable[[str], Path], tmp_path: Path
) -> None:
    """All that using a file takes is an engine, NumPy and Pillow; torch alone costs seconds."""
    for number, image in enumerate(pictures(6)):
        folder = tmp_path / str(number % 2)
        folder.mkdir(exist_ok=True)
        Image.fromarray(image).save(folder / f"{number}.png")
    for command in (["predict", "--top", "1"], ["evaluate", "--json"]):
        name, *options = command
        given = [name, str(export("any size")), str(tmp_path), *options]
        done = subprocess.run(
            [sys.executable, "-c", WITHOUT_TORCH, *given],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("%") == 6 if name == "predict" else '"top1' in done.stdout
