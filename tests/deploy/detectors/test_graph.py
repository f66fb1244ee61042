"""The graph of a detector against decoding and suppression in NumPy, in both engines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from striate.deploy.detectors.graph import Judging, capture_rows, detector_graph
from striate.deploy.detectors.suppression import Candidates, stays_nodes
from striate.detection.boxes import Boxes
from striate.detection.detector import Choice
from striate.detection.fitting import Fitting
from striate.detection.pytorch import NetworkDetector
from striate.detection.suppression import Rule, suppress
from striate.engines.packages import need
from striate.engines.preprocessing.nodes import Nodes
from striate.zoo.yolov4 import YOLOv4Tiny

SIZE = (64, 96)
FITTING = Fitting(SIZE)
Arrays = list[NDArray[Any]]
Run = Callable[[dict[str, NDArray[Any]]], Arrays]
LIMIT = 0.45
#: Many boxes of `made_up` have just a quarter in common, and stay. A fifth, which they can have as
#: well, has another last digit by some engines' division than by NumPy's.
LIMITS = (0.25, LIMIT)


def in_onnxruntime(graph: bytes) -> Run:
    runtime = need("onnxruntime")
    quiet = runtime.SessionOptions()
    quiet.log_severity_level = 3
    quiet.intra_op_num_threads = 1
    session = runtime.InferenceSession(graph, quiet, providers=["CPUExecutionProvider"])
    return lambda given: session.run(None, given)  # type: ignore[no-any-return]


def in_openvino(graph: bytes) -> Run:
    from striate.engines.openvino import core

    ours = core(need("openvino"))
    compiled = ours.compile_model(
        ours.read_model(graph), "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
    )
    return lambda given: [found.copy() for found in compiled(given).values()]


ENGINES = {"onnxruntime": in_onnxruntime, "openvino": in_openvino}


def of_suppression(rule: Rule) -> bytes:
    onnx = need("onnx")
    info, kinds = onnx.helper.make_tensor_value_info, onnx.TensorProto
    graph = Nodes(18, "/suppress")
    left, top, right, bottom, scores, classes, limit = (
        graph.value(name) for name in ("l", "t", "r", "b", "scores", "classes", "limit")
    )
    boxes = Candidates((left, top, right, bottom), scores, classes)
    found = stays_nodes(graph, boxes, limit, rule=rule)
    taken = [info(name, kinds.FLOAT, ["n"]) for name in ("l", "t", "r", "b", "scores")]
    taken += [info("classes", kinds.INT64, ["n"]), info("limit", kinds.FLOAT, [])]
    ends = [info(found.name, kinds.INT64, ["m"])]
    made = onnx.helper.make_graph(graph.nodes, "suppress", taken, ends, graph.initializers)
    imports = [onnx.helper.make_opsetid("", 18)]
    model = onnx.helper.make_model(made, opset_imports=imports, ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString()  # type: ignore[no-any-return]


RUNS = {
    (engine, rule): make(of_suppression(rule))
    for engine, make in ENGINES.items()
    for rule in ("greedy", "iou")
}


def made_up(seed: int, count: int) -> Boxes:
    """Boxes on a coarse grid, so that many are the same, touch, or lie in one another."""
    rng = np.random.default_rng(seed)
    corner = rng.integers(0, 6, (count, 2)) / 8
    size = rng.integers(0, 4, (count, 2)) / 8  # some have no area
    scores = np.sort(rng.integers(1, 9, count) / 10)[::-1].astype(np.float32)
    xyxy = np.concatenate([corner, corner + size], 1).astype(np.float32)
    return Boxes(xyxy, scores.copy(), rng.integers(0, 2, count))


@pytest.mark.parametrize("rule", ["greedy", "iou"])
@pytest.mark.parametrize("engine", ENGINES)
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), count=st.integers(0, 40), limit=st.sampled_from(LIMITS))
def test_the_loop_keeps_what_numpy_keeps(
    engine: str, rule: Rule, seed: int, count: int, limit: float
) -> None:
    boxes = made_up(seed, count)
    expected = suppress(boxes.xyxy, boxes.scores, boxes.classes, rule=rule, limit=limit)
    columns = np.concatenate([boxes.xyxy, np.zeros((1, 4), np.float32)]).T
    (found,) = RUNS[engine, rule](
        {
            **{name: columns[number].copy() for number, name in enumerate("ltrb")},
            "scores": np.append(boxes.scores, np.float32(0)),
            "classes": np.append(boxes.classes, -1),
            "limit": np.array(limit, np.float32),
        }
    )
    assert found.tolist() == expected.tolist()


@pytest.fixture(scope="module")
def network() -> YOLOv4Tiny:
    torch.manual_seed(0)
    made = YOLOv4Tiny(classes=3, width=1 / 16).eval()
    for head in (made.head4, made.head5):
        torch.nn.init.normal_(head.out.weight, std=1.5)
    return made.requires_grad_(requires_grad=False)


@pytest.fixture(scope="module")
def rows(network: YOLOv4Tiny) -> bytes:
    return capture_rows(network, network.heads, SIZE)


def in_torch(
    network: YOLOv4Tiny, image: NDArray[np.uint8], threshold: float, fitting: Fitting = FITTING
) -> Boxes:
    detector = NetworkDetector(network, network.heads, fitting, ("a", "b", "c"))
    return detector.boxes(image, Choice(threshold, limit=LIMIT))


def noise(*shape: int) -> NDArray[np.uint8]:
    return np.random.default_rng(sum(shape)).integers(0, 256, (*shape, 3), dtype=np.uint8)


IMAGES = [noise(50, 70), noise(128, 31), noise(1, 1), noise(300, 3)]


FITTINGS = [
    FITTING,
    Fitting(SIZE, sampling="bilinear"),
    Fitting(SIZE, "letterbox"),
    Fitting(SIZE, "letterbox", "bilinear", 114 / 255),
]


@pytest.mark.parametrize("fitting", FITTINGS, ids=lambda each: f"{each.fit}-{each.sampling}")
@pytest.mark.parametrize("engine", ENGINES)
def test_pictures_of_any_size_give_the_detector_s_boxes(
    engine: str, fitting: Fitting, network: YOLOv4Tiny, rows: bytes
) -> None:
    judging = Judging(threshold=0.3, nms="greedy", iou=LIMIT)
    run = ENGINES[engine](detector_graph(rows, fitting, judging).SerializeToString())
    total = 0
    for image in IMAGES:
        expected = in_torch(network, image, 0.3, fitting)
        boxes, scores, classes = run({"image": image[None]})
        assert classes.tolist() == expected.classes.tolist()
        np.testing.assert_allclose(scores, expected.scores, atol=1e-5)
        np.testing.assert_allclose(boxes, expected.xyxy, atol=1e-2)
        total += len(scores)
    assert total > len(IMAGES)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_picture_without_anything_gives_nothing(engine: str, rows: bytes) -> None:
    judging = Judging(threshold=0.9999, nms="greedy", iou=LIMIT)
    run = ENGINES[engine](detector_graph(rows, FITTING, judging).SerializeToString())
    shapes = [each.shape for each in run({"image": IMAGES[0][None]})]
    assert shapes == [(0, 4), (0,), (0,)]


def test_a_caller_of_onnx_runtime_may_take_other_thresholds(
    network: YOLOv4Tiny, rows: bytes
) -> None:
    graph = detector_graph(rows, FITTING, Judging(threshold=0.9999, nms="greedy", iou=0.9))
    given = {"threshold": np.array(0.2, np.float32), "iou": np.array(LIMIT, np.float32)}
    found = in_onnxruntime(graph.SerializeToString())({"image": IMAGES[0][None], **given})
    expected = in_torch(network, IMAGES[0], 0.2)
    assert found[2].tolist() == expected.classes.tolist()
    np.testing.assert_allclose(found[1], expected.scores, atol=1e-5)


@pytest.mark.parametrize("engine", ENGINES)
def test_without_suppression_every_box_comes_out(
    engine: str, network: YOLOv4Tiny, rows: bytes
) -> None:
    graph = detector_graph(rows, FITTING, Judging(threshold=0, nms="none", iou=0))
    boxes, scores = ENGINES[engine](graph.SerializeToString())({"image": IMAGES[0][None]})
    positions = sum(
        3 * (SIZE[0] // head.stride) * (SIZE[1] // head.stride) for head in network.heads
    )
    assert boxes.shape == (positions, 4)
    assert scores.shape == (positions, 3)
