"""The Open Inference Protocol, as its text has it; `test_tritonclient` has another's client."""

from __future__ import annotations

import base64
import gzip
import json
import struct
import zlib
from typing import Any

import numpy as np
import pytest

from striate.serving.kinds import Classes
from striate.serving.protocol.messages import read_inference
from striate.serving.refusals import Refused

from .conftest import CLASSES, as_file, expected, noise  # type: ignore[import-not-found]

INFER = "/v2/models/colours/infer"
LENGTH = "Inference_Header_Content_Length"


def with_length(content: bytes) -> bytes:
    return struct.pack("<I", len(content)) + content


def document(**changes: Any) -> dict[str, Any]:
    """A request with one picture in base64."""
    text = base64.b64encode(as_file(noise(40, 50))).decode()
    tensor = {"name": "image", "datatype": "BYTES", "shape": [1], "data": [text]}
    return {"inputs": [{**tensor, **changes}]}


def test_the_server_tells_of_itself_and_its_models(shared: Any) -> None:
    assert shared.json("/v2")["name"] == "striate"
    assert shared.json("/v2/health/live") == {"live": True}
    assert shared.json("/v2/health/ready") == {"live": True, "ready": True}
    for path in ("/v2/models/colours", "/v2/models/colours/versions/1"):
        assert shared.json(path) == {
            "name": "colours",
            "versions": ["1"],
            "platform": "onnx_onnxv1",
            "inputs": [{"name": "image", "datatype": "UINT8", "shape": [-1, -1, -1, 3]}],
            "outputs": [
                {"name": "probabilities", "datatype": "FP32", "shape": [-1, 3]},
                {"name": "error", "datatype": "BYTES", "shape": [-1]},
            ],
        }
        assert shared.json(path + "/ready") == {"name": "colours", "ready": True}
    index = shared.json("/v2/repository/index", b"")
    assert index == [{"name": "colours", "version": "1", "state": "READY", "reason": ""}]


def test_files_in_base64(shared: Any) -> None:
    found = shared.json(INFER, {"id": "ab 7", **document()})
    assert (found["model_name"], found["model_version"], found["id"]) == ("colours", "1", "ab 7")
    (output,) = found["outputs"]
    assert (output["name"], output["datatype"], output["shape"]) == (
        "probabilities",
        "FP32",
        [1, 3],
    )
    np.testing.assert_allclose(output["data"], expected(noise(40, 50)), atol=1e-5)


def test_pixels_in_json_nested_or_flat(shared: Any) -> None:
    pixels = np.stack([noise(8, 9, seed) for seed in range(2)])
    for data in (pixels.tolist(), pixels.ravel().tolist()):
        found = shared.json(INFER, document(datatype="UINT8", shape=[2, 8, 9, 3], data=data))
        rows = np.reshape(found["outputs"][0]["data"], (2, 3))
        np.testing.assert_allclose(rows, [expected(each) for each in pixels], atol=1e-5)


def test_binary_tensors_both_ways(shared: Any) -> None:
    images = [noise(30 + k, 40, k) for k in range(3)]
    tail = b"".join(with_length(as_file(each)) for each in images)
    head = json.dumps(
        {
            "inputs": [
                {
                    "name": "image",
                    "datatype": "BYTES",
                    "shape": [3, 1],
                    "parameters": {"binary_data_size": len(tail)},
                }
            ],
            "parameters": {"binary_data_output": True},
        }
    ).encode()
    status, headers, content = shared(INFER, head + tail, **{LENGTH: str(len(head))})
    assert (status, headers["content-type"]) == (200, "application/octet-stream")
    size = int(headers["inference-header-content-length"])
    output = json.loads(content[:size])["outputs"][0]
    assert output["parameters"] == {"binary_data_size": 36}
    rows = np.frombuffer(content[size:], "<f4").reshape(output["shape"])
    np.testing.assert_allclose(rows, [expected(each) for each in images], atol=1e-5)


def test_a_body_that_is_one_file(shared: Any) -> None:
    content = as_file(noise(40, 50))
    status, headers, body = shared(INFER, content, **{LENGTH: "0"})
    assert status == 200
    row = np.frombuffer(body[int(headers["inference-header-content-length"]) :], "<f4")
    np.testing.assert_allclose(row, expected(noise(40, 50)), atol=1e-5)
    # As OpenVINO Model Server has it: one input without its size is all that follows.
    head = json.dumps({"inputs": [{"name": "image", "datatype": "BYTES", "shape": [1]}]}).encode()
    found = shared.json(INFER, head + content, **{LENGTH: str(len(head))})
    np.testing.assert_allclose(found["outputs"][0]["data"], row, atol=1e-6)


def test_classes_instead_of_numbers(shared: Any) -> None:
    wanted = [{"name": "probabilities", "parameters": {"classification": 2}}]
    output = shared.json(INFER, {**document(), "outputs": wanted})["outputs"][0]
    order = np.argsort(-expected(noise(40, 50)))[:2]
    assert (output["datatype"], output["shape"]) == ("BYTES", [1, 2])
    for text, index in zip(output["data"], order, strict=True):
        value, number, label = text.split(":")
        assert (int(number), label) == (index, CLASSES[index])
        assert float(value) == pytest.approx(expected(noise(40, 50))[index], abs=1e-5)


def test_a_picture_that_cannot_be_read_fails_its_request_or_only_its_row(shared: Any) -> None:
    good, bad = as_file(noise(40, 50)), b"no picture"
    texts = [base64.b64encode(each).decode() for each in (good, bad, good)]
    asked = document(shape=[3], data=texts)
    assert shared.refused(INFER, asked) == (
        422,
        "picture 2 of 3 is in no image format that is read here",
    )
    asked["outputs"] = [{"name": "probabilities"}, {"name": "error"}]
    rows, errors = shared.json(INFER, asked)["outputs"]
    assert errors["data"] == ["", "picture is in no image format that is read here", ""]
    np.testing.assert_allclose(
        np.reshape(rows["data"], (3, 3)),
        [expected(noise(40, 50)), np.zeros(3), expected(noise(40, 50))],
        atol=1e-5,
    )


@pytest.mark.parametrize(
    ("encoding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)]
)
def test_bodies_may_be_packed(shared: Any, encoding: str, pack: Any) -> None:
    body = pack(json.dumps(document()).encode())
    assert shared.json(INFER, body, Content_Encoding=encoding)["outputs"]
    assert shared.refused(INFER, body[:-9], Content_Encoding=encoding)[0] == 400
    assert shared.refused(INFER, b"x" + body, Content_Encoding=encoding)[0] == 400
    assert shared.refused(INFER, body, Content_Encoding="br")[0] == 415


def test_texts_as_pixels_cost_no_more_than_they_are_long(shared: Any) -> None:
    pixels = {"name": "image", "datatype": "UINT8", "shape": [1, 300, 300, 3]}
    data = ["x" * 1_000_000, *[""] * 269_999]  # as one array of texts: a terabyte
    status, said = shared.refused(INFER, {"inputs": [{**pixels, "data": data}]})
    assert (status, said) == (400, "pixels in JSON must be whole numbers")


def test_long_answers_are_packed_for_who_wants_it(shared: Any) -> None:
    status, headers, body = shared("/openapi.json", Accept_Encoding="gzip")
    assert (status, headers["content-encoding"]) == (200, "gzip")
    assert json.loads(gzip.decompress(body))["openapi"].startswith("3.")


PIXELS = {"datatype": "UINT8", "shape": [1, 2, 2, 3]}


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("{", "no sound JSON"),
        ("[" * 100_000, "no sound JSON"),
        ("7", "must be a JSON object"),
        ({"inputs": []}, "one input, 'image'"),
        ({"inputs": [7]}, "one input, 'image'"),
        ({"id": 7, "inputs": []}, "id must be text"),
        (document(name="picture"), "called 'image'"),
        (document(datatype="FP32"), "as UINT8"),
        (document(shape="no"), "has no shape"),
        (document(shape=[True]), "has no shape"),
        (document(shape=[0]), "at least 1"),
        (document(shape=[2] * 100_000), "more than 32 axes"),
        (document(name=["x" * 100_000]), "not a list"),
        ({**document(), "outputs": [{"name": "x" * 100_000}]}, f"'{'x' * 39}…; choose one"),
        (document(shape=[2]), "means 2 elements, and there are 1"),
        (document(data=["§§§"]), "base64"),
        (document(data=[7]), "base64"),
        (document(data={}), "must be a list"),
        (document(data=[[[[]]]]), "means 1 elements, and there are 0"),
        (document(parameters=7), "parameters must be an object"),
        (document(parameters={"binary_data_size": 4}), "both data and"),
        (document(datatype="UINT8", shape=[1], data=[1]), "height, width"),
        (document(datatype="UINT8", shape=[1, 2, 2, 4], data=[1]), "height, width"),
        (document(**PIXELS, data=[1, 2]), "means 12 elements, and there are 2"),
        (document(**PIXELS, data=[256] * 12), "between 0 and 255"),
        (document(**PIXELS, data=[-1] * 12), "between 0 and 255"),
        (document(**PIXELS, data=[0.5] * 12), "whole numbers"),
        (document(**PIXELS, data=[[1], [1, 2]]), "means 12 elements, and there are 3"),
        (document(**PIXELS, data=[10**30] * 12), "between 0 and 255"),
        (document(**PIXELS, data=["a"] * 12), "whole numbers"),
        ({**document(), "outputs": 7}, "outputs must be a list"),
        ({**document(), "outputs": [{"name": "probability"}]}, "'probabilities'?"),
        ({**document(), "outputs": [{"name": "error"}] * 2}, "twice"),
        (
            {
                **document(),
                "outputs": [{"name": "probabilities", "parameters": {"classification": "x"}}],
            },
            "whole number of classes",
        ),
    ],
)
def test_what_is_no_request_is_told(shared: Any, body: Any, sentence: str) -> None:
    status, said = shared.refused(INFER, body)
    assert status == 400
    assert sentence in said


@pytest.mark.parametrize(
    ("header", "tail", "parameters", "sentence"),
    [
        ("x", b"", {}, "no number of bytes"),
        ("-1", b"", {}, "no number of bytes"),
        ("9999999", b"", {}, "and the body has"),
        (None, b"abc", {"binary_data_size": 4}, "4, and 3 bytes follow"),
        (None, b"abc", {"binary_data_size": "3"}, "'3', and 3 bytes follow"),
        (None, b"abc", {"binary_data_size": 3}, "ends within a length"),
        (None, b"\x09\0\0\0abc", {"binary_data_size": 7}, "ends within an element"),
        (None, 2 * b"\x01\0\0\0a", {"binary_data_size": 10}, "means 1 elements, and there are"),
        (None, b"", {}, "None, and 0 bytes follow".replace("None", "0")),
    ],
)
def test_what_is_no_binary_request_is_told(
    header: str | None, tail: bytes, parameters: dict[str, Any], sentence: str
) -> None:
    tensor = {"name": "image", "datatype": "BYTES", "shape": [1], "parameters": parameters}
    head = json.dumps({"inputs": [tensor]}).encode()
    length = str(len(head)) if header is None else header
    with pytest.raises(Refused, match=sentence):
        read_inference(head + tail, length, 1000, Classes(classifier=None))  # type: ignore[arg-type]


def test_unknown_addresses_models_and_methods_are_json(shared: Any) -> None:
    assert shared.refused("/v2/models/colour")[1].endswith("did you mean 'colours'?")
    assert shared.refused("/v2/models/colours/versions/2")[0] == 404
    assert shared.refused("/v2/models/colours/versions/2/infer", document())[0] == 404
    assert shared.refused("/v1/models")[0] == 404
    assert shared.refused("/v2/models/colours/infer") == (405, "GET is not for this address")
    assert shared.refused("/v2/models/..%2f..%2fetc%2fpasswd")[0] == 404
    assert shared.refused("/examples/..%2f..%2fetc/0")[0] == 404
    assert shared.refused("/examples/colours/0")[0] == 404
