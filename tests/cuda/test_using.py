"""What was trained on a CUDA device is evaluated, asked, transferred, exported like any other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import striate
from striate.data.loader import Loader
from striate.data.sources import open_data
from striate.inference.classifier import Classifier
from striate.runs import layout as names
from striate.training.distributed import Group
from striate.training.judging import ClassJudge
from striate.training.validate import validate

#: Convolutions may be computed in TF32 there, which keeps 10 bits of the 23.
CLOSE = 0.02


@pytest.fixture(scope="module")
def trained(photographs: Path, device: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("cuda") / "run"
    options = {"net": "resnet20", "size": 32, "epochs": 6, "batch_size": 8}
    return striate.train(photographs, out=out, device=device, **options).run


def test_evaluation_agrees_with_the_processors(trained: Path, device: str) -> None:
    there, here = striate.evaluate(trained, device=device), striate.evaluate(trained)
    assert there.images == here.images
    assert there.loss == pytest.approx(here.loss, abs=CLOSE)
    assert abs(there.top1 - here.top1) <= 1 / here.images
    again = striate.evaluate(trained, device=device)
    assert again.to_json() == there.to_json(), "the same is measured differently"


def test_predictions_agree_with_the_processors(
    trained: Path, photographs: Path, device: str
) -> None:
    there = striate.predict(trained, photographs, device=device)
    here = striate.predict(trained, photographs)
    assert [each.file for each in there] == [each.file for each in here]
    for one, two in zip(there, here, strict=True):
        known = dict(zip(two.classes, two.probabilities, strict=True))
        for name, share in zip(one.classes, one.probabilities, strict=True):
            assert share == pytest.approx(known[name], abs=CLOSE)


def test_both_precisions_agree(trained: Path, photographs: Path, device: str) -> None:
    run = striate.open_run(trained)
    images = open_data(str(photographs), seed=0, val_fraction=0.5).val
    loader = Loader(images, run.preprocessing, None, batch_size=16, workers=0, shuffle=False)
    network = run.network().to(device)
    found = [
        validate(
            network,
            loader,
            ClassJudge(),
            precision=precision,
            device=torch.device(device),
            group=Group(),
        )
        for precision in ("float32", "bfloat16")
    ]
    assert found[1]["loss"] == pytest.approx(found[0]["loss"], abs=0.05)
    assert abs(found[1]["top1"] - found[0]["top1"]) <= 2 / len(images)
    classifier = Classifier.of_network(network, run.preprocessing, run.classes, device=device)
    shares = classifier.probabilities(images)
    assert np.allclose(shares.sum(1), 1, atol=1e-5)
    assert np.isfinite(shares).all()


@pytest.mark.parametrize("freeze", ["all", "none"])
def test_it_is_a_backbone(trained: Path, photographs: Path, tmp_path: Path, freeze: str) -> None:
    """Features come from the processor's engines; what is not frozen trains on the device."""
    pytest.importorskip("openvino")
    result = striate.transfer(
        photographs,
        backbone=trained,
        freeze=freeze,
        epochs=None if freeze == "all" else 1,
        out=tmp_path / "run",
        cache=tmp_path / "cache",
        export=False,
    )
    assert result.top1 > 1 / 3
    again = striate.evaluate(result.run)
    assert again.loss == pytest.approx(result.loss, abs=CLOSE)


def test_it_is_exported_as_any_other(trained: Path, tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    pytest.importorskip("onnxruntime")
    report = striate.export(trained, tmp_path / "network.onnx", capture="trace")
    assert report.verified.onnxruntime < 1e-4
    assert (trained / names.WEIGHTS).is_file()
