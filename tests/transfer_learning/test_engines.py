"""What computes features: named exactly, never waits for ever, captures what a trace cannot."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from itertools import repeat
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from striate.data.preprocessing import Preprocessing
from striate.errors import DataError, StriateError
from striate.hub.surgery import Headless
from striate.transfer_learning import engines as module
from striate.transfer_learning.backbone import Backbone
from striate.transfer_learning.engines import BATCH, choose_engine, make_engine

from .conftest import make_images  # type: ignore[import-not-found]

PREPROCESSING = Preprocessing(resize=8, height=8, width=8, mean=(0.5,) * 3, std=(0.25,) * 3)


class Untraceable(nn.Module):
    """Asks for the size of a feature map, which a trace with a free batch does not know."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3)
        self.classifier = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        odd = (x.shape[2] % 2, x.shape[3] % 2)
        x = nn.functional.max_pool2d(x, 3, stride=2, padding=odd)
        result: Tensor = self.classifier(x.mean((2, 3)))
        return result


def small(network: nn.Module | None = None) -> Backbone:
    torch.manual_seed(0)
    return Backbone(
        name="small",
        spec="small",
        network=Headless(network or Untraceable(), "classifier").eval(),
        preprocessing=PREPROCESSING,
        classes=None,
        weights_digest="ab",
        origin="chance",
    )


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("torch", "torch"),
        ("openvino float32", "openvino float32"),
        ("bfloat16 torch", "torch bfloat16"),
        ("auto float32", "float32"),
    ],
)
def test_engines_by_name(wanted: str, found: str) -> None:
    assert set(found.split()) <= set(choose_engine(wanted))


@pytest.mark.parametrize(
    "wanted", ["openvino torch", "torch torch", "auto torch", "float32 bfloat16", "", " "]
)
def test_two_of_a_kind_or_nothing_is_no_engine(wanted: str) -> None:
    with pytest.raises(StriateError, match=r"must name one engine, one precision, or one of each"):
        choose_engine(wanted)


@pytest.mark.parametrize("wanted", ["opnvino", "Torch", "torch,float32", "ｔorch"])
def test_another_word_is_no_engine(wanted: str) -> None:
    with pytest.raises(StriateError, match="is unknown"):
        choose_engine(wanted)


ROUNDS = """
import faulthandler, sys
from dataclasses import replace
from pathlib import Path
from torch import nn
sys.path.insert(0, sys.argv[1])
from conftest import make_backbone, make_images
from striate.transfer_learning.features import features
from striate.hub.surgery import Headless
faulthandler.dump_traceback_later(100, exit=True)
sys.setswitchinterval(5)  # who asks for Python's lock waits for long: the unlucky order is common
layers = [nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)]
backbone = replace(make_backbone(), network=Headless(nn.Sequential(*layers), "3").eval())
for _ in range(int(sys.argv[2])):
    features(backbone, make_images(8), engine="openvino float32", cache_dir=Path("/proc/none"))
print("done")
"""


@pytest.mark.slow
def test_an_engine_ends_with_its_last_batch() -> None:
    """A lock that its threads wanted while it was taken apart stopped nearly every such round."""
    pytest.importorskip("openvino")
    given = [str(Path(__file__).parent), "8"]
    done = subprocess.run(
        [sys.executable, "-c", ROUNDS, *given], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")


class Slow:
    """A request of OpenVINO's that answers with what it was given."""

    def __init__(self) -> None:
        self.running = self.cancelled = False

    def start_async(self, inputs: list[NDArray[np.uint8]]) -> None:
        assert not self.running
        self.running, self.given = True, inputs[0]

    def wait(self) -> None:
        self.running = False
        if self.cancelled:  # as OpenVINO does
            raise RuntimeError("Infer Request was canceled")

    def cancel(self) -> None:
        self.cancelled = True

    def get_output_tensor(self, _index: int) -> Slow:
        return self

    @property
    def data(self) -> NDArray[np.float32]:
        assert not self.running
        return self.given[:, 0, 0].astype(np.float32)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 7])
def test_answers_come_in_order_and_as_many_as_there_were_images(count: int) -> None:
    pixels = np.arange(count * BATCH - 3 * (count > 0)).astype(np.uint8)
    images = pixels[:, None, None, None].repeat(3, -1)
    batches = [images[first : first + BATCH] for first in range(0, len(images), BATCH)]
    answers = list(module._in_parallel([Slow(), Slow(), Slow()], batches))
    assert [len(answer) for answer in answers] == [len(batch) for batch in batches]
    if count:
        np.testing.assert_array_equal(np.concatenate(answers)[:, 0], pixels)


def test_who_wants_no_more_leaves_nothing_running() -> None:
    requests = [Slow(), Slow(), Slow()]
    answers = module._in_parallel(requests, repeat(np.zeros((BATCH, 1, 1, 3), np.uint8)))
    next(answers)
    assert any(each.running for each in requests)
    answers.close()  # type: ignore[attr-defined]
    assert not any(each.running for each in requests)


def test_what_went_wrong_with_an_image_is_told_and_not_that_others_were_cancelled() -> None:
    def batches() -> Iterator[NDArray[np.uint8]]:
        yield np.zeros((BATCH, 1, 1, 3), np.uint8)
        raise DataError("an image", "cannot be read any more")

    requests = [Slow(), Slow(), Slow()]
    with pytest.raises(DataError, match="cannot be read any more"):
        list(module._in_parallel(requests, batches()))
    assert not any(each.running for each in requests)


def test_what_a_trace_cannot_capture_is_captured_all_the_same() -> None:
    pytest.importorskip("openvino")
    backbone = small()
    pixels = make_images(4, side=8).pixels
    assert pixels is not None
    (values,) = make_engine(backbone, "openvino", "float32")([pixels])
    with torch.inference_mode():
        right = backbone.network(PREPROCESSING.normalise(torch.from_numpy(pixels))).numpy()
    np.testing.assert_allclose(values, right, atol=1e-5)
