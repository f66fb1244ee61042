"""What more images and fewer frozen stages would give, within bounds."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from striate.data.images import ImageSet
from striate.data.sources import Data
from striate.errors import Interrupted
from striate.hub.surgery import Headless, Transferred
from striate.report.build import write_report
from striate.runs.config import RunConfig
from striate.runs.run import Run
from striate.support.signals import StopSignal
from striate.training import loop
from striate.training.distributed import Group
from striate.training.place import Place
from striate.transfer_learning import learning_curves as curve
from striate.transfer_learning import transfer as module
from striate.transfer_learning.finish import finish_transfer
from striate.transfer_learning.options import TransferOptions
from striate.transfer_learning.result import TransferResult
from striate.transfer_learning.tasks.classification import Classification
from striate.transfer_learning.transfer import transfer
from striate.zoo.create import create

from .conftest import make_images
from .test_transfer import make_source


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_source(tmp_path_factory.mktemp("sources") / "source")


def carry(photographs: Path, source: Path, out: Path, **choices: Any) -> TransferResult:
    given: dict[str, Any] = {"data": str(photographs), "backbone": source, "workers": 1}
    given |= {"engine": "torch float32", "out": out, "cache": source.parent / "cache"}
    return finish_transfer(
        transfer(TransferOptions(**(given | choices))),
        write_report=write_report,
        export=False,
        workers=1,
    )


@pytest.mark.slow
def test_curves(photographs: Path, source: Path, tmp_path: Path) -> None:
    result = carry(photographs, source, tmp_path / "run", head="svm", curve=True)
    record = json.loads((result.run / "transfer.json").read_text())
    points = record["curve"]["images"]
    assert [point["images"] for point in points][:3] == [1, 2, 5]
    assert set(points[0]["accuracy"]) == {"softmax", "svm", "svm-rbf"}  # of one image a class, too
    assert all(0.3 < share <= 1 for share in points[0]["accuracy"].values())
    stages = record["curve"]["stages"]
    assert stages["frozen"][0] == 0
    for line in stages["curves"]:
        assert len(line["accuracy"]) == len(stages["frozen"])
        # Training begins with the head that all stages frozen end with.
        image = 1 / stages["judged"]
        assert min(line["accuracy"]) >= line["accuracy"][-1] - 1.01 * image
    page = result.report.read_text(encoding="utf-8")
    assert "More images, fewer frozen stages" in page


def make_data(classes: int, each: int) -> Data:
    """As many random images of every class to train on, and one to judge by."""
    names = tuple(f"c{number:03}" for number in range(classes))

    def part(count: int) -> ImageSet:
        images = make_images(classes * count, side=32)
        labels = np.arange(classes * count, dtype=np.int64) % classes
        return replace(images, classes=names, labels=labels)

    train = part(each)
    return Data(origin="", classes=names, train=train, val=part(1), test=None, fingerprint="0")


@pytest.mark.parametrize(("classes", "rows"), [(3, [30, 60]), (40, [280]), (301, None)])
def test_training_with_stages_frozen_is_bounded(
    classes: int, rows: list[int] | None, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[tuple[int, int]] = []

    def trained(
        _task: Any, _trial: RunConfig, _start: Any, data: Data, *, frozen: int, **_: Any
    ) -> float:
        tried.append((len(data.train), frozen))
        return 0.5

    monkeypatch.setattr(curve, "_trained", trained)
    task = Classification("softmax", penalty="l2", class_weights="none", seed=0)
    monkeypatch.setattr(task, "fit", lambda *_: SimpleNamespace(head=nn.Identity()))
    run = Run.open(source)
    network = Transferred(Headless(create("resnet20"), "fc"), nn.Identity())
    data = make_data(classes, 20)
    found = curve.by_stages(
        task,
        run,
        network,
        stages=4,
        data=data,
        of_train=np.zeros((len(data.train), 1, 64), np.float32),
        place=Place(device=torch.device("cpu"), group=Group()),
        workers=0,
    )
    assert (found is None) == (rows is None)
    if found is not None:
        assert [each["rows"] for each in found["curves"]] == rows
        assert found["judged"] <= curve.MOST_JUDGED
        assert sorted({images for images, _ in tried}) == rows


def test_ctrl_c_while_stages_are_tried(
    photographs: Path, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    epoch = loop.Training._train_epoch

    def interrupted(training: loop.Training, stop: StopSignal) -> None:
        stop.received = True
        epoch(training, stop)

    monkeypatch.setattr(loop.Training, "_train_epoch", interrupted)
    monkeypatch.setattr(module, "by_images", lambda *_, **__: [])
    with pytest.raises(Interrupted) as found:
        carry(photographs, source, tmp_path / "run", curve=True)
    assert "run the same command again" in str(found.value)
    assert "striate-curve" not in str(found.value)
