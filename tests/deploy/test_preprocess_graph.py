"""The pre-processing as a graph computes what Pillow computes, to the bit, in every engine."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import onnx
import onnxruntime
import openvino
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from striate.data.preprocessing import WHOLE_RESIZE, Preprocessing
from striate.engines.preprocessing import graph as module
from striate.engines.preprocessing.compose import NORMALISED, before_alone, put_before
from striate.engines.seam import PIXELS

CROP = Preprocessing(resize=36, height=32, width=30, mean=(0.5,) * 3, std=(0.25,) * 3)
PAD = Preprocessing(
    fit="pad", resize=28, height=32, width=33, channels=1, fill=9, mean=(0.1,), std=(0.3,)
)
IMAGENET = Preprocessing(
    resize=256, height=224, width=224, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)
)
CUBIC = replace(CROP, interpolation="bicubic")
CUBIC_PAD = replace(PAD, interpolation="bicubic")
ALL = [CROP, PAD, CUBIC, CUBIC_PAD]
EACH = pytest.mark.parametrize("preprocessing", ALL, ids=["crop", "pad", "cubic", "cubic pad"])
STRIPS = [(1, 1), (1, 2), (2, 1), (1, 700), (900, 2), (32, 32), (2000, 37), (37, 2000)]

Fit = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]


def make_image(height: int, width: int, channels: int = 3, seed: int = 0) -> NDArray[np.uint8]:
    rng = np.random.default_rng([height, width, seed])
    return rng.integers(0, 256, (height, width, channels), dtype=np.uint8)


def behind_a_network(preprocessing: Preprocessing) -> onnx.ModelProto:
    """The graph with a convolution behind it that changes nothing: what a network gets to see."""
    channels = preprocessing.channels
    model = before_alone(preprocessing, 18)
    identity = np.eye(channels, dtype=np.float32)[:, :, None, None]
    model.graph.initializer.append(onnx.numpy_helper.from_array(identity, "identity"))
    to_float = onnx.helper.make_node("Cast", [PIXELS], ["levels"], to=onnx.TensorProto.FLOAT)
    convolution = onnx.helper.make_node("Conv", ["levels", "identity"], ["seen"])
    model.graph.node.extend([to_float, convolution])
    shape = ["batch", channels, preprocessing.height, preprocessing.width]
    end = onnx.helper.make_tensor_value_info("seen", onnx.TensorProto.FLOAT, shape)
    model.graph.output[0].CopyFrom(end)
    return model


def in_onnxruntime(model: bytes) -> Callable[[NDArray[Any]], NDArray[Any]]:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return lambda images: session.run(None, {"image": images})[0]


def in_openvino(model: bytes, precision: str) -> Callable[[NDArray[Any]], NDArray[Any]]:
    core = openvino.Core()
    settings = {"INFERENCE_PRECISION_HINT": precision}
    request = core.compile_model(core.read_model(model), "CPU", settings).create_infer_request()
    return lambda images: np.array(request.infer({"image": images})[0])


@functools.cache
def graph_of(preprocessing: Preprocessing, engine: str = "onnxruntime", opset: int = 18) -> Fit:
    """The pre-processing in an engine: from an image to what `fit_image` gives."""
    if engine == "onnxruntime":
        run = in_onnxruntime(before_alone(preprocessing, opset).SerializeToString())
        return lambda image: run(image[None])[0].transpose(1, 2, 0)
    model = behind_a_network(preprocessing).SerializeToString()
    seen = in_openvino(model, engine)
    return lambda image: seen(image[None])[0].transpose(1, 2, 0)


def resized_whole(preprocessing: Preprocessing, height: int, width: int) -> bool:
    """Whether evaluation makes the whole resized image, of which the graph keeps the middle."""
    made = np.prod(preprocessing.resized(height, width))
    kept = preprocessing.height * preprocessing.width
    return preprocessing.fit == "pad" or bool(made <= WHOLE_RESIZE * kept)


def check(fit: Fit, preprocessing: Preprocessing, *size: int, seed: int = 0) -> None:
    image = make_image(*size, preprocessing.channels, seed)
    apart = np.abs(fit(image).astype(int) - preprocessing.fit_image(image))
    assert apart.max() <= (0 if resized_whole(preprocessing, *size) else 2), size


@settings(max_examples=200, deadline=None)
@given(
    preprocessing=st.sampled_from(ALL),
    height=st.integers(1, 300),
    width=st.integers(1, 300),
    seed=st.integers(0, 9),
)
def test_equals_pillow_for_images_of_any_size(
    preprocessing: Preprocessing, height: int, width: int, seed: int
) -> None:
    check(graph_of(preprocessing), preprocessing, height, width, seed=seed)


@settings(max_examples=30, deadline=None)
@given(
    resize=st.integers(1, 80),
    smaller=st.tuples(st.integers(0, 79), st.integers(0, 79)),
    fit=st.sampled_from(["crop", "pad"]),
    interpolation=st.sampled_from(["bilinear", "bicubic"]),
    sizes=st.lists(st.tuples(st.integers(1, 90), st.integers(1, 90)), min_size=4, max_size=4),
)
def test_equals_pillow_for_any_target(
    resize: int,
    smaller: tuple[int, int],
    fit: Any,
    interpolation: Any,
    sizes: list[tuple[int, int]],
) -> None:
    height, width = (max(1, resize - gap) if fit == "crop" else resize + gap for gap in smaller)
    preprocessing = replace(
        CROP, fit=fit, resize=resize, height=height, width=width, interpolation=interpolation
    )
    fitted = graph_of(preprocessing)
    for size in sizes:
        check(fitted, preprocessing, *size)


@EACH
@pytest.mark.parametrize("size", STRIPS)
def test_equals_pillow_for_strips_and_single_pixels(
    preprocessing: Preprocessing, size: tuple[int, int]
) -> None:
    check(graph_of(preprocessing), preprocessing, *size)


@EACH
@pytest.mark.parametrize("precision", ["f32", "bf16"])
def test_openvino_computes_the_same_in_either_precision(
    preprocessing: Preprocessing, precision: str
) -> None:
    """In bfloat16, which it takes by default where the processor has it, a network follows."""
    fit = graph_of(preprocessing, precision)
    for size in [(31, 97), (300, 130), (213, 320), (1, 1), (1, 700), (900, 2)]:
        check(fit, preprocessing, *size)


@EACH
def test_every_opset_computes_the_same(preprocessing: Preprocessing) -> None:
    for opset in (12, 13, 21):
        onnx.checker.check_model(before_alone(preprocessing, opset), full_check=True)
        fit = graph_of(preprocessing, opset=opset)
        for size in [(45, 61), (150, 50)]:
            check(fit, preprocessing, *size)


@pytest.mark.slow
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize("size", [(4000, 6000), (6000, 2000), (3000, 4000)])
def test_equals_pillow_for_photographs(interpolation: Any, size: tuple[int, int]) -> None:
    preprocessing = replace(IMAGENET, interpolation=interpolation)
    check(graph_of(preprocessing), preprocessing, *size)


def test_bicubic_is_not_bilinear() -> None:
    image = make_image(90, 120)
    assert (graph_of(CUBIC)(image) != graph_of(CROP)(image)).mean() > 0.5


def test_sharp_edges_are_clipped_between_the_passes_as_pillow_clips_them() -> None:
    board = (np.indices((70, 90)).sum(0) % 2 * 255).astype(np.uint8)[:, :, None].repeat(3, 2)
    np.testing.assert_array_equal(graph_of(CUBIC)(board), CUBIC.fit_image(board))


@EACH
def test_a_batch_equals_its_images_one_by_one(preprocessing: Preprocessing) -> None:
    run = in_onnxruntime(before_alone(preprocessing, 18).SerializeToString())
    for size in [(45, 61), (150, 50)]:
        batch = np.stack([make_image(*size, preprocessing.channels, seed) for seed in range(3)])
        fitted = np.stack([preprocessing.fit_image(image) for image in batch])
        np.testing.assert_array_equal(run(batch).transpose(0, 2, 3, 1), fitted)


def test_the_order_of_the_axes_is_that_of_the_installed_pillow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Before Pillow 13 the width came first, whatever the image."""
    monkeypatch.setattr(module, "pillow_goes_height_first", lambda: False)
    fit = in_onnxruntime(before_alone(CUBIC, 18).SerializeToString())
    image = make_image(150, 50)
    height, width = CUBIC.resized(150, 50)
    narrow = Image.fromarray(image).resize((width, 150), Image.Resampling.BICUBIC)
    whole = np.asarray(narrow.resize((width, height), Image.Resampling.BICUBIC))
    top, left = (height - CUBIC.height) // 2, (width - CUBIC.width) // 2
    kept = whole[top : top + CUBIC.height, left : left + CUBIC.width]
    np.testing.assert_array_equal(fit(image[None])[0].transpose(1, 2, 0), kept)


@pytest.mark.parametrize("preprocessing", [CROP, PAD], ids=["crop", "pad"])
@pytest.mark.parametrize("fit", [False, True])
def test_normalises_as_evaluation_does(preprocessing: Preprocessing, fit: bool) -> None:
    shape = ["batch", preprocessing.channels, preprocessing.height, preprocessing.width]
    network = onnx.helper.make_node("Identity", [NORMALISED], ["seen"])
    ends = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)
        for name in (NORMALISED, "seen")
    ]
    graph = onnx.helper.make_graph([network], "network", ends[:1], ends[1:])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)])
    model.ir_version = 8
    put_before(model, preprocessing, input_name="image", batch="batch", opset=18, fit=fit)
    onnx.checker.check_model(model, full_check=True)
    ours = [node.name.startswith(("/preprocess/", "/normalise/")) for node in model.graph.node]
    assert ours == [True] * (len(ours) - 1) + [False]
    image = make_image(50, 60, preprocessing.channels)
    fitted = preprocessing.fit_image(image)[None]
    found = in_onnxruntime(model.SerializeToString())(image[None] if fit else fitted)
    theirs = preprocessing.normalise(torch.from_numpy(fitted)).numpy()
    np.testing.assert_allclose(found, theirs, rtol=0, atol=1e-6)
