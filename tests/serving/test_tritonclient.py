"""Triton's own client against the service, unchanged: an independent reading of the protocol."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from .conftest import CLASSES, as_file, expected, noise  # type: ignore[import-not-found]

http = pytest.importorskip("tritonclient.http", reason="tritonclient[http] is not installed")
utils = pytest.importorskip("tritonclient.utils")

IMAGES = [noise(30 + 5 * k, 40, k) for k in range(3)]
ROWS = [expected(each) for each in IMAGES]


@pytest.fixture(scope="module")
def client(shared: Any) -> Iterator[Any]:
    found = http.InferenceServerClient(shared.place, concurrency=4)
    yield found
    found.close()


def files(count: int = 3) -> Any:
    data = np.array([as_file(each) for each in IMAGES[:count]], dtype=object)
    tensor = http.InferInput("image", [count], "BYTES")
    tensor.set_data_from_numpy(data)
    return tensor


def pixels(*, binary: bool = True) -> Any:
    tensor = http.InferInput("image", [1, *IMAGES[0].shape], "UINT8")
    tensor.set_data_from_numpy(IMAGES[0][None], binary_data=binary)
    return tensor


def test_health_and_metadata(client: Any) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("colours")
    assert client.is_model_ready("colours", "1")
    assert not client.is_model_ready("none")
    assert client.get_server_metadata()["name"] == "striate"
    assert client.get_model_metadata("colours", "1")["inputs"][0]["name"] == "image"
    assert client.get_model_config("colours")["max_batch_size"] >= 1
    assert client.get_model_repository_index()[0]["name"] == "colours"


def test_files_and_pixels_in_and_out_in_every_way(client: Any) -> None:
    for binary in (True, False):
        outputs = [http.InferRequestedOutput("probabilities", binary_data=binary)]
        found = client.infer("colours", [files()], outputs=outputs, request_id="7")
        np.testing.assert_allclose(found.as_numpy("probabilities"), ROWS, atol=1e-5)
        assert found.get_response()["id"] == "7"
        for tensor in (pixels(binary=True), pixels(binary=False)):
            found = client.infer("colours", [tensor], outputs=outputs)
            np.testing.assert_allclose(found.as_numpy("probabilities"), ROWS[:1], atol=1e-5)
    found = client.infer("colours", [files()])
    np.testing.assert_allclose(found.as_numpy("probabilities"), ROWS, atol=1e-5)


@pytest.mark.parametrize("packing", ["gzip", "deflate"])
def test_packed_both_ways(client: Any, packing: str) -> None:
    found = client.infer(
        "colours",
        [files()],
        request_compression_algorithm=packing,
        response_compression_algorithm=packing,
    )
    np.testing.assert_allclose(found.as_numpy("probabilities"), ROWS, atol=1e-5)


def test_classification(client: Any) -> None:
    for binary in (True, False):
        wanted = http.InferRequestedOutput("probabilities", binary_data=binary, class_count=2)
        found = client.infer("colours", [files()], outputs=[wanted]).as_numpy("probabilities")
        assert found.shape == (3, 2)
        for texts, row in zip(found, ROWS, strict=True):
            text = texts[0].decode() if isinstance(texts[0], bytes) else texts[0]
            value, index, label = text.split(":")
            assert (int(index), label) == (row.argmax(), CLASSES[row.argmax()])
            assert float(value) == pytest.approx(row.max(), abs=1e-5)


def test_several_at_a_time(client: Any) -> None:
    waiting = [client.async_infer("colours", [files(1 + k % 3)]) for k in range(12)]
    for k, each in enumerate(waiting):
        rows = each.get_result().as_numpy("probabilities")
        np.testing.assert_allclose(rows, ROWS[: 1 + k % 3], atol=1e-5)


def test_a_body_that_the_client_made_beforehand(client: Any) -> None:
    body, size = http.InferenceServerClient.generate_request_body([files()])
    headers = {"Inference-Header-Content-Length": str(size)} if size is not None else {}
    answer = client._post("v2/models/colours/infer", body, headers, None)
    length = answer.get("inference-header-content-length")
    found = http.InferenceServerClient.parse_response_body(
        answer.read(), header_length=int(length) if length is not None else None
    )
    np.testing.assert_allclose(found.as_numpy("probabilities"), ROWS, atol=1e-5)


def test_statistics_count_what_was_done(client: Any) -> None:
    def stats() -> Any:
        (found,) = client.get_inference_statistics("colours")["model_stats"]
        return found

    before = stats()
    client.infer("colours", [files()])
    after = stats()
    assert after["inference_count"] - before["inference_count"] == 3
    assert after["inference_stats"]["success"]["count"] >= 3
    assert sum(each["batch_size"] * each["compute_infer"]["count"] for each in after["batch_stats"])
    assert client.get_inference_statistics()["model_stats"] == [after]


def test_errors_are_the_clients_own_exceptions(client: Any) -> None:
    with pytest.raises(utils.InferenceServerException, match="no model is called 'none'"):
        client.infer("none", [files()])
    with pytest.raises(utils.InferenceServerException, match="version 1, not in 3"):
        client.get_model_metadata("colours", "3")
    bad = http.InferInput("image", [1], "BYTES")
    bad.set_data_from_numpy(np.array([b"no picture"], dtype=object))
    with pytest.raises(utils.InferenceServerException, match="no image format"):
        client.infer("colours", [bad])
    wanted = [http.InferRequestedOutput("probabilities"), http.InferRequestedOutput("error")]
    found = client.infer("colours", [bad], outputs=wanted)
    assert b"no image format" in found.as_numpy("error")[0]
    # What is not offered is refused in a way that the client can read.
    for call in (client.get_trace_settings, client.get_system_shared_memory_status):
        with pytest.raises(utils.InferenceServerException, match="nothing at this address"):
            call()


def test_loading_and_unloading(serve: Any) -> None:
    _, plain = serve()
    client = http.InferenceServerClient(plain.place)
    client.unload_model("colours")
    assert not client.is_model_ready("colours")
    client.load_model("colours")
    assert client.is_model_ready("colours")
    with pytest.raises(utils.InferenceServerException, match="takes no parameters"):
        client.load_model("colours", config='{"backend": "python"}')
    client.close()
