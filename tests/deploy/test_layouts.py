"""Folders that other servers load: every file of them in the server's own terms."""

from __future__ import annotations

import json
from pathlib import Path

import onnx
import pytest

import striate
from striate.deploy.layouts import Model, files_of, model_name
from striate.errors import ExportError

MODEL = Model(
    name="photos",
    content=b"",
    outputs=3,
    classes=("daisy", 'a "quoted"\n<b>', "向日葵"),
    image=("height", "width", 3),
    input="image",
    output="probabilities",
    colour=True,
    fitted=False,
)


def test_triton_reads_its_configuration() -> None:
    """Parsed by the messages that Triton's own client is made of, which refuse a misspelt field."""
    schema = pytest.importorskip("tritonclient.grpc.model_config_pb2")
    text_format = pytest.importorskip("google.protobuf.text_format")
    files = files_of("triton", [MODEL])
    assert set(files) == {"photos/1/model.onnx", "photos/config.pbtxt", "photos/labels.txt"}
    found = text_format.Parse(files["photos/config.pbtxt"].decode(), schema.ModelConfig())
    assert (found.name, found.platform, found.max_batch_size) == ("photos", "onnxruntime_onnx", 16)
    assert list(found.input[0].dims) == [-1, -1, 3]
    assert found.input[0].data_type == schema.TYPE_UINT8
    assert list(found.output[0].dims) == [3]
    assert found.output[0].label_filename == "labels.txt"
    assert found.dynamic_batching.default_queue_policy.max_queue_size > 0


def test_a_class_is_a_line_whatever_it_is_called() -> None:
    labels = files_of("triton", [MODEL])["photos/labels.txt"].decode()
    assert labels == 'daisy\na "quoted" <b>\n向日葵\n'


def test_openvino_model_server_is_told_the_colours() -> None:
    """It decodes to BGR, and hands that over without a word where nobody says otherwise."""
    config = json.loads(files_of("ovms", [MODEL])["config.json"])
    (entry,) = config["model_config_list"]
    assert entry["config"] == {
        "name": "photos",
        "base_path": "/models/photos",
        "layout": "NHWC",
        "color_format": "RGB:BGR",
        "plugin_config": {"INFERENCE_PRECISION_HINT": "f32"},
    }


def test_kserve_has_a_service_of_the_second_protocol() -> None:
    yaml = pytest.importorskip("yaml")
    files = files_of("kserve", [MODEL])
    service = yaml.safe_load(files["inference-service.yaml"])
    assert (service["apiVersion"], service["kind"]) == (
        "serving.kserve.io/v1beta1",
        "InferenceService",
    )
    model = service["spec"]["predictor"]["model"]
    assert model["modelFormat"] == {"name": "onnx"}
    assert model["protocolVersion"] == "v2"
    assert "photos/config.pbtxt" in files


@pytest.mark.parametrize("name", ["my photos (2)", "向日葵", "..", "a/b", "-x-"])
def test_names_that_servers_take(name: str) -> None:
    assert model_name(name).strip("abcdefghijklmnopqrstuvwxyz0123456789-._") == ""
    assert model_name(name)[0] not in "-._"


def test_a_run_as_a_repository(tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    run = striate.train("digits", net="lenet", epochs=1, out=tmp_path / "run", workers=0).run
    folder = tmp_path / "digits server"
    report = striate.export(run, folder, layout="triton", capture="trace")
    assert report.file == folder
    shapes = {}
    for name in ("digits-server", "digits-server-fitted"):
        model = onnx.load(folder / name / "1" / "model.onnx")
        axes = model.graph.input[0].type.tensor_type.shape.dim
        shapes[name] = [axis.dim_param or axis.dim_value for axis in axes]
    assert shapes["digits-server"] == ["batch", "height", "width", 1]
    assert shapes["digits-server-fitted"] == ["batch", 32, 32, 1]
    before = sorted(tmp_path.iterdir())
    with pytest.raises(ExportError, match="is there already; choose another folder"):
        striate.export(run, folder, layout="ovms", capture="trace")
    with pytest.raises(ExportError, match="`preprocess=False`: is decided by `layout='kserve'`"):
        striate.export(run, tmp_path / "other", layout="kserve", preprocess=False)
    assert sorted(tmp_path.iterdir()) == before
