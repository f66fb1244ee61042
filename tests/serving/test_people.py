"""One picture as it is, or several as a form: ``POST /predict``."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from striate.data.decoding.decode import decode

from .conftest import (  # type: ignore[import-not-found]
    CLASSES,
    PREPROCESSING,
    as_file,
    expected,
    noise,
    write_file,
)


def form(files: Mapping[str, bytes]) -> tuple[bytes, str]:
    """A form with `files`, written by hand, and its media type."""
    parts = [
        f'--edge\r\nContent-Disposition: form-data; name="f"; filename="{name}"\r\n\r\n'.encode()
        + content
        + b"\r\n"
        for name, content in files.items()
    ]
    return b"".join([*parts, b"--edge--\r\n"]), "multipart/form-data; boundary=edge"


def test_a_picture_as_it_is_gets_its_classes(shared: Any) -> None:
    image = noise(50, 70)
    found = shared.json("/predict", as_file(image), Content_Type="image/png")
    assert (found["model"], found["version"]) == ("colours", "1")
    (result,) = found["results"]
    assert "file" not in result
    order = np.argsort(-expected(image))
    assert [each["class"] for each in result["predictions"]] == [CLASSES[k] for k in order]
    np.testing.assert_allclose(
        [each["probability"] for each in result["predictions"]],
        expected(image)[order],
        atol=1e-5,
    )


def test_curls_default_type_is_no_form(shared: Any) -> None:
    content = as_file(noise(40, 40), "JPEG", quality=95)
    headers = {"Content_Type": "application/x-www-form-urlencoded"}
    assert shared.json("/predict?top=1", content, **headers)["results"][0]["predictions"]


def test_each_picture_of_a_form_has_its_own_result(shared: Any) -> None:
    body, kind = form({"a.png": as_file(noise(9, 9)), "b.jpg": b"\xff\xd8\xffnothing", "c": b"x"})
    found = shared.json("/predict?top=2", body, Content_Type=kind)["results"]
    assert [each["file"] for each in found] == ["a.png", "b.jpg", "c"]
    assert len(found[0]["predictions"]) == 2
    assert found[1]["error"].startswith("the picture is truncated")
    assert found[2]["error"] == "the picture is in no image format that is read here"


FORM = "multipart/form-data"


@pytest.mark.parametrize(
    ("path", "body", "kind", "said"),
    [
        ("/predict", b"no picture", "image/png", (422, "the picture is in no image format")),
        ("/predict", b"", "image/png", (400, "the body is empty")),
        ("/predict?top=0", b"x", "image/png", (400, "top must be a whole number")),
        ("/predict?top=%C2%B2", b"x", "image/png", (400, "top must be a whole number")),
        ("/predict?model=colour", b"x", "image/png", (404, "did you mean 'colours'?")),
        ("/predict", b"--x--", FORM + "; boundary=x", (400, "the form")),
        ("/predict", b"--x--", FORM, (400, "the form cannot be read")),
        ("/predict", b"rubbish", FORM + "; boundary=x", (400, "the form")),
    ],
)
def test_what_is_wrong_is_one_sentence(
    shared: Any, path: str, body: bytes, kind: str, said: tuple[int, str]
) -> None:
    status, sentence = shared.refused(path, body, Content_Type=kind)
    assert status == said[0]
    assert said[1] in sentence
    assert "object at" not in sentence
    assert "\n" not in sentence


def test_a_single_file_of_a_form_that_cannot_be_read_is_refused_by_its_name(shared: Any) -> None:
    body, kind = form({"my photo.jpg": b"nothing"})
    assert shared.refused("/predict", body, Content_Type=kind) == (
        422,
        "my photo.jpg is in no image format that is read here",
    )


def test_one_of_several_models_is_chosen_by_its_name(
    serve: Callable[..., Any], file: Any, tmp_path: Any
) -> None:
    other = write_file(tmp_path / "two words.onnx", classes=("a", "b", "c"))
    _, client = serve([file, f"向日葵={other}"])
    picture = as_file(noise(40, 40))
    assert client.json("/predict", picture)["model"] == "colours"
    found = client.json("/predict?model=%E5%90%91%E6%97%A5%E8%91%B5", picture)
    assert found["model"] == "向日葵"
    assert found["results"][0]["predictions"][0]["class"] in "abc"


def test_large_photographs_may_be_reduced(serve: Any) -> None:
    _, client = serve(reduced_decoding=True)
    soft = np.asarray(Image.fromarray(noise(7, 7)).resize((500, 420), Image.Resampling.BICUBIC))
    photograph = as_file(soft, "JPEG", quality=95)
    (result,) = client.json("/predict?top=9", photograph)["results"]
    found = {each["class"]: each["probability"] for each in result["predictions"]}
    exact = expected(decode(photograph))
    assert max(abs(found[name] - exact[k]) for k, name in enumerate(CLASSES)) < 0.02


def test_pictures_of_every_kind_are_read(shared: Any) -> None:
    image = noise(40, 60)
    grey = image[:, :, 0]
    kinds = {
        "grey": as_file(grey),
        "palette": as_file(grey, "GIF"),
        "cmyk": cmyk(image),
        "deep": as_file(grey.astype(np.uint16) * 256),
        "alpha": as_file(np.dstack([image, np.full(grey.shape, 255, np.uint8)])),
        "webp": as_file(image, "WEBP", lossless=True),
    }
    body, kind = form(kinds)
    found = shared.json("/predict", body, Content_Type=kind)["results"]
    assert [each["file"] for each in found if "error" in each] == []
    by_name = {each["file"]: each["predictions"][0]["probability"] for each in found}
    assert by_name["alpha"] == by_name["webp"] == pytest.approx(expected(image).max(), abs=1e-5)


def cmyk(image: Any) -> bytes:
    import io

    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(image).convert("CMYK").save(buffer, "JPEG")
    return buffer.getvalue()


def test_names_of_classes_stay_as_they_are_in_json(shared: Any) -> None:
    _, headers, content = shared("/predict", as_file(noise(40, 40)))
    assert headers["content-type"] == "application/json"
    assert {each["class"] for each in json.loads(content)["results"][0]["predictions"]} == set(
        CLASSES
    )


def with_heat_maps(path: Path) -> Path:
    """A file of `write_file` whose heat map is how much of a class's colour each pixel has."""
    onnx = pytest.importorskip("onnx")
    helper, kinds = onnx.helper, onnx.TensorProto
    model = onnx.load(path)
    graph = model.graph
    graph.node.extend(
        [
            helper.make_node("Max", ["heatmap_class", "zero"], ["known"]),
            helper.make_node("Gather", ["numbers", "known"], ["plane"], axis=3),
            helper.make_node("Squeeze", ["plane", "last"], ["heatmap"]),
        ]
    )
    for name, value in (("heatmap_class", -1), ("zero", 0), ("last", 3)):
        graph.initializer.append(onnx.numpy_helper.from_array(np.array([value], np.int64), name))
    graph.input.append(helper.make_tensor_value_info("heatmap_class", kinds.INT64, [1]))
    graph.output.append(helper.make_tensor_value_info("heatmap", kinds.FLOAT, ["batch", 32, 32]))
    entry = model.metadata_props.add()
    entry.key, entry.value = "heatmap", json.dumps({"grid": [32, 32]})
    onnx.save(model, path)
    return path


def test_heat_maps(serve: Any, tmp_path: Path) -> None:
    _, service = serve(with_heat_maps(write_file(tmp_path / "net.onnx")))
    image = noise(50, 70)
    (result,) = service.json("/predict?heatmap=red", as_file(image))["results"]
    heat = result["heatmap"]
    assert heat["class"] == "red"
    np.testing.assert_array_equal(heat["values"], PREPROCESSING.fit_image(image)[..., 0])
    left, top, right, bottom = heat["box"]
    assert 0 < left < right < 1
    assert (right - left) * 70 == pytest.approx((bottom - top) * 50, abs=2)
    (result,) = service.json("/predict?heatmap=likeliest", as_file(image))["results"]
    assert result["heatmap"]["class"] == result["predictions"][0]["class"]
    status, said = service.refused("/predict?heatmap=pink", as_file(image))
    assert status == 400
    assert "there is no class 'pink'" in said
