"""A file is cut between pre-processing and network, and put together again."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from striate.data.preprocessing import Preprocessing
from striate.engines.capture import GraphOptions, capture, weights_to_inputs
from striate.engines.preprocessing.compose import NORMALISED, put_before
from striate.engines.probabilities import Probabilities
from striate.engines.seam import PIXELS, has_seam, join, split_at_seam
from striate.errors import ExportError

PREPROCESSING = Preprocessing(
    resize=10, height=8, width=9, mean=(0.5, 0.4, 0.3), std=(0.25, 0.3, 0.2)
)


def make_file(
    *, fit: bool = True, batch: str | int = "batch", params: bool = True
) -> onnx.ModelProto:
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    )
    options = GraphOptions(input_name=NORMALISED, capture="trace", params=params)
    example = torch.zeros(2 if batch == "batch" else 1, *PREPROCESSING.input_size)
    axes = {0: "batch"} if batch == "batch" else {}
    model = capture(Probabilities(network).eval(), example, axes, options)
    if not params:
        weights_to_inputs(model, list(network.state_dict()))
    put_before(model, PREPROCESSING, input_name="image", batch=batch, opset=18, fit=fit)
    onnx.helper.set_model_props(model, {PIXELS: PIXELS, "classes": "[]"})
    model.producer_name = "striate"
    return model


def run(model: onnx.ModelProto, **inputs: NDArray[np.generic]) -> NDArray[np.generic]:
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    found: NDArray[np.generic] = session.run(None, inputs)[0]
    return found


def make_images(count: int, height: int, width: int) -> NDArray[np.uint8]:
    return np.random.default_rng(height).integers(0, 256, (count, height, width, 3), np.uint8)


@pytest.mark.parametrize("size", [(8, 9), (10, 10), (31, 17), (200, 300)])
def test_the_whole_is_its_halves_one_after_the_other(size: tuple[int, int]) -> None:
    whole, images = make_file(), make_images(3, *size)
    before, network = split_at_seam(whole)
    pixels = run(before, image=images)
    assert pixels.dtype == np.uint8
    expected = np.stack([PREPROCESSING.fit_image(image) for image in images])
    np.testing.assert_array_equal(pixels, expected.transpose(0, 3, 1, 2))
    right = run(whole, image=images)
    np.testing.assert_allclose(run(network, pixels=pixels), right, atol=1e-6)
    np.testing.assert_array_equal(run(join(before, network), image=images), right)


def test_halves_are_put_together_as_they_were() -> None:
    whole = make_file()
    given = whole.SerializeToString()
    again = join(*split_at_seam(whole))
    assert whole.SerializeToString() == given
    assert list(again.graph.node) == list(whole.graph.node)
    for field in ("input", "output", "value_info"):
        assert list(getattr(again.graph, field)) == list(getattr(whole.graph, field))
    initialisers = {each.name: each for each in whole.graph.initializer}
    assert {each.name: each for each in again.graph.initializer} == initialisers
    assert list(again.metadata_props) == list(whole.metadata_props)
    assert again.producer_name == "striate"
    assert has_seam(again)


def test_halves_say_what_they_take_and_give() -> None:
    before, network = split_at_seam(make_file())
    assert before.graph.output[0] == network.graph.input[0]
    tensor = network.graph.input[0].type.tensor_type
    assert tensor.elem_type == onnx.TensorProto.UINT8
    axes = [axis.dim_param or axis.dim_value for axis in tensor.shape.dim]
    assert axes == ["batch", 3, 8, 9]
    assert [value.name for value in network.graph.output] == ["probabilities"]
    names = [node.name for node in before.graph.node]
    assert all(name.startswith("/preprocess/") for name in names)
    assert not any(node.name.startswith("/preprocess/") for node in network.graph.node)


@pytest.mark.parametrize("batch", [1, "batch"])
def test_a_file_of_a_fixed_size_has_a_seam_too(batch: str | int) -> None:
    whole, images = make_file(fit=False, batch=batch), make_images(1, 8, 9)
    before, network = split_at_seam(whole)
    assert [node.op_type for node in before.graph.node] == ["Transpose"]
    planes = np.ascontiguousarray(images.transpose(0, 3, 1, 2))
    np.testing.assert_allclose(run(network, pixels=planes), run(whole, image=images), atol=1e-6)


def test_weights_that_are_inputs_stay_with_the_network() -> None:
    whole = make_file(params=False)
    before, network = split_at_seam(whole)
    assert [value.name for value in before.graph.input] == ["image"]
    weights = [value.name for value in whole.graph.input[1:]]
    assert [value.name for value in network.graph.input] == [PIXELS, *weights]
    assert list(join(before, network).graph.input) == list(whole.graph.input)


def test_a_file_from_before_there_was_a_seam_is_not_cut() -> None:
    whole = make_file()
    del whole.metadata_props[:]
    assert not has_seam(whole)
    with pytest.raises(ExportError, match="has no tensor 'pixels'"):
        split_at_seam(whole)


def test_a_network_that_looks_past_the_seam_is_refused() -> None:
    whole = make_file()
    last = whole.graph.node[-1]
    whole.graph.node.insert(-1, onnx.helper.make_node("Shape", ["image"], ["size"]))
    whole.graph.node.insert(-1, onnx.helper.make_node("Cast", ["size"], ["axes"], to=1))
    last.input.append("axes")
    with pytest.raises(ExportError, match="reads 'image' beside 'pixels'"):
        split_at_seam(whole)


def test_halves_that_do_not_fit_are_not_joined() -> None:
    before, network = split_at_seam(make_file())
    with pytest.raises(ExportError, match="does not begin with a tensor 'pixels'"):
        join(network, network)
    other = make_file()
    name = before.graph.initializer[0].name
    other.graph.initializer.append(onnx.numpy_helper.from_array(np.zeros(7, np.float32), name))
    other = split_at_seam(other).network
    network.graph.initializer.append(onnx.numpy_helper.from_array(np.zeros(7, np.float32), name))
    with pytest.raises(ExportError, match=f"two tensors called '{name}'"):
        join(before, network)
