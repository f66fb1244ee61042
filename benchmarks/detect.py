"""YOLOv4-tiny's published weights in PyTorch, OpenVINO and OpenCV, in one run.

    python benchmarks/detect.py yolov4-tiny.weights yolov4-tiny.cfg street.jpg

Every engine computes the same input, (1, 3, 416, 416), to decoded boxes, several times a round, in
rounds that take turns. Printed are images a second (of the median round), wall and processor time
of a round over those of OpenCV in the same round (medians), and the largest difference of a score
from OpenCV's. OpenVINO computes as many images at a time as there are threads; the others use all
threads for one.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from striate.data.decoding.decode import decode as read_picture
from striate.detection.decode import decode
from striate.detection.opening import open_detector
from striate.detection.pytorch import NetworkDetector
from striate.support.packages import unreported

Rows = NDArray[np.float32]
Way = Callable[[int], Rows]
"""Computes so many images; gives the boxes of the last."""


class Decoded(nn.Module):
    """A detector's network with its decoding."""

    def __init__(self, detector: NetworkDetector) -> None:
        super().__init__()
        self.network, self.heads = detector.network, detector.heads

    def forward(self, x: Tensor) -> Tensor:
        return decode(self.network(x), self.heads)


def in_pytorch(weights: Path, values: Tensor, precision: str) -> Way:
    detector = open_detector(weights, precision=precision)

    def compute(images: int) -> Rows:
        return [detector.rows(values)[0] for _ in range(images)][-1]

    return compute


def in_openvino(weights: Path, values: Tensor, precision: str, threads: int) -> Way:
    with unreported():
        import openvino
    detector = open_detector(weights)
    model = openvino.convert_model(Decoded(detector), example_input=values)
    model.reshape(list(values.shape))
    compiled = openvino.Core().compile_model(
        model,
        "CPU",
        {
            "INFERENCE_PRECISION_HINT": precision,
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": threads,
        },
    )
    requests, pixels = openvino.AsyncInferQueue(compiled, threads), values.numpy()

    def compute(images: int) -> Rows:
        for _ in range(images):
            requests.start_async(pixels)
        requests.wait_all()
        return np.array(requests[0].get_output_tensor().data[0])

    return compute


def in_opencv(weights: Path, cfg: Path, values: Tensor) -> Way:
    import cv2

    with tempfile.TemporaryDirectory() as folder:
        # Every box, as the other engines give them.
        raw = Path(folder) / "raw.cfg"
        raw.write_text(cfg.read_text().replace("[yolo]", "[yolo]\nthresh=0\nnms_threshold=0"))
        network = cv2.dnn.readNetFromDarknet(str(raw), str(weights))
    outputs = network.getUnconnectedOutLayersNames()
    pixels = values.numpy()

    def compute(images: int) -> Rows:
        for _ in range(images):
            network.setInput(pixels)
            found = network.forward(outputs)
        return np.concatenate(found)

    return compute


def measure(ways: dict[str, Way], rounds: int, images: int) -> dict[str, list[tuple[float, float]]]:
    """Wall and processor seconds of each way in each round; the first round does not count."""
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for _ in range(rounds + 1):
        for name, way in ways.items():
            begun = time.perf_counter(), time.process_time()
            way(images)
            taken[name].append((time.perf_counter() - begun[0], time.process_time() - begun[1]))
    return {name: times[1:] for name, times in taken.items()}


def report(
    weights: Path, cfg: Path, picture: Path, *, threads: int, rounds: int, images: int
) -> dict[str, Any]:
    import cv2

    warnings.simplefilter("ignore")  # of tracing, which knows this network's sizes
    torch.set_num_threads(threads)
    cv2.setNumThreads(threads)
    values = open_detector(weights).prepare(read_picture(picture)).values[None]
    ways = {
        "opencv": in_opencv(weights, cfg, values),
        "torch float32": in_pytorch(weights, values, "float32"),
        "torch bfloat16": in_pytorch(weights, values, "bfloat16"),
        "openvino float32": in_openvino(weights, values, "f32", threads),
        "openvino bfloat16": in_openvino(weights, values, "bf16", threads),
    }
    wanted = ways["opencv"](1)
    taken = measure(ways, rounds, images)
    found = {}
    for name, times in taken.items():
        pairs = list(zip(times, taken["opencv"], strict=True))
        found[name] = {
            "images_a_second": images / statistics.median(wall for wall, _ in times),
            "wall_over_opencv": statistics.median(own[0] / judge[0] for own, judge in pairs),
            "processor_over_opencv": statistics.median(own[1] / judge[1] for own, judge in pairs),
            "score_difference": float(np.abs(ways[name](1)[:, 4:] - wanted[:, 4:]).max()),
        }
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights", type=Path, help="the published yolov4-tiny.weights")
    parser.add_argument("cfg", type=Path, help="its configuration")
    parser.add_argument("picture", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--images", type=int, default=4, help="in a round")
    given = parser.parse_args()
    found = report(
        given.weights,
        given.cfg,
        given.picture,
        threads=given.threads,
        rounds=given.rounds,
        images=given.images,
    )
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
