"""From images and a backbone to a run that every command takes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import striate
from striate.data.images import ImageSet
from striate.data.preprocessing import Preprocessing
from striate.data.sources import open_data
from striate.deploy.export import export_run
from striate.errors import ExportError, Interrupted, NetworkError, RunError, StriateError
from striate.hub.surgery import Transferred
from striate.inference.classifier import Classifier
from striate.recipes.recipe import Recipe
from striate.report.build import write_report
from striate.runs.config import RunConfig
from striate.runs.layout import CONFIG, WEIGHTS
from striate.runs.origins import DataOrigin
from striate.runs.run import Run
from striate.runs.samples import read_samples
from striate.runs.weights import write_weights
from striate.training.callbacks.base import Callback
from striate.transfer_learning import transfer as module
from striate.transfer_learning.backbone import open_backbone
from striate.transfer_learning.classifier import (
    CachedClassifier,
    classifier_of,
    float32_features,
)
from striate.transfer_learning.features import features
from striate.transfer_learning.finish import finish_transfer
from striate.transfer_learning.heads import comparison as comparing
from striate.transfer_learning.heads.comparison import some
from striate.transfer_learning.heads.fit import fit_head
from striate.transfer_learning.options import TransferOptions
from striate.transfer_learning.result import TransferResult
from striate.transfer_learning.tasks import classification
from striate.transfer_learning.transfer import transfer
from striate.zoo.create import create

Carry = Callable[..., TransferResult]


def make_source(folder: Path) -> Path:
    """A run of ResNet-20 whose weights are chance: enough to tell colours apart."""
    folder.mkdir()
    config = RunConfig(
        network="resnet20",
        classes=("this", "that", "other", "more"),
        in_channels=3,
        preprocessing=Preprocessing(
            resize=32, height=32, width=32, mean=(0.5,) * 3, std=(0.25,) * 3
        ),
        recipe=Recipe(name="modern"),
        data=DataOrigin(
            origin="elsewhere",
            fingerprint="0",
            val_fraction=0.2,
            train_images=8,
            val_images=2,
            test_images=0,
            held_out="split",
        ),
        seed=0,
        precision="float32",
        device="cpu",
        threads=1,
    )
    config.write(folder / CONFIG)
    torch.manual_seed(0)
    weights = create("resnet20", classes=4, in_channels=3).state_dict()
    write_weights(folder / WEIGHTS, weights, identity=config.identity, epoch=1)
    return folder


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_source(tmp_path_factory.mktemp("sources") / "source")


@pytest.fixture(scope="module")
def carry(photographs: Path, source: Path, tmp_path_factory: pytest.TempPathFactory) -> Carry:
    """Transfers onto the photographs, with features kept between the tests."""
    cache = tmp_path_factory.mktemp("features")

    def run(out: Path, **choices: Any) -> TransferResult:
        given: dict[str, Any] = {"data": str(photographs), "backbone": source, "workers": 1}
        given |= {"engine": "torch float32", "cache": cache, "out": out}
        return finish_transfer(
            transfer(TransferOptions(**(given | choices))),
            write_report=write_report,
            export=False,
            workers=1,
        )

    return run


def test_the_result_is_a_run(carry: Carry, tmp_path: Path, photographs: Path) -> None:
    result = carry(tmp_path / "run", head="svm-rbf")
    assert result.top1 > 0.9
    run = Run.open(result.run)
    network = run.network()
    assert isinstance(network, Transferred)
    assert run.config.network == "resnet20"
    assert run.config.stem == "resnet20"
    # Its figures come from features in float32, hence evaluating it anew repeats them.
    again = striate.evaluate(run.path, workers=1)
    assert again.loss == pytest.approx(result.loss, abs=1e-4)
    assert again.top1 == result.top1
    found = striate.predict(run.path, photographs / "red", workers=1)
    assert len(found) == 12
    assert json.dumps(result.to_json())
    assert "C =" in result.summary()
    page = result.report.read_text(encoding="utf-8")
    assert "Support vectors" in page
    assert "Gaussian SVM" in page
    record = json.loads((run.path / "transfer.json").read_text())
    assert [each["kind"] for each in record["compared"]] == ["softmax", "svm", "svm-rbf"]
    assert record["head"]["chosen"]["C"] == result.C


def test_the_second_run_reads_and_a_run_is_a_backbone(carry: Carry, tmp_path: Path) -> None:
    carry(tmp_path / "one", head="softmax")
    second = carry(tmp_path / "two", head="svm", views=1)
    assert (second.features_computed, second.images_per_second) == (0, None)
    # Of a transferred run, the backbone counts: the same weights, hence the same features.
    third = carry(tmp_path / "three", backbone=tmp_path / "two")
    assert third.validated is not None
    assert Run.open(third.run).network() is not None
    with pytest.raises(RunError, match="holds a run already"):
        carry(tmp_path / "one")


def test_heads_are_compared_once(
    carry: Carry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    carry(tmp_path / "one", head="softmax", cache=cache)
    kept = list((cache / "heads").iterdir())
    assert len(kept) == 2  # the run's own head is fitted anyway
    kept[0].write_bytes(b"{cut short")
    fitted: list[str] = []

    def counted(kind: str, *given: Any, **more: Any) -> Any:
        fitted.append(kind)
        return fit_head(kind, *given, **more)

    monkeypatch.setattr(classification, "fit_head", counted)
    monkeypatch.setattr(comparing, "fit_head", counted)
    carry(tmp_path / "two", head="softmax", cache=cache)
    assert len(fitted) == 2
    one, two = (json.loads((tmp_path / n / "transfer.json").read_text()) for n in ("one", "two"))
    assert [each["chosen"] for each in one["compared"]] == [
        each["chosen"] for each in two["compared"]
    ]


def test_views(carry: Carry, tmp_path: Path) -> None:
    result = carry(tmp_path / "run", views=2, head="svm")
    assert result.views == 2
    assert result.features_computed >= 1
    assert "2 views" in result.report.read_text(encoding="utf-8")
    record = json.loads((result.run / "transfer.json").read_text())
    # The heads are compared as the run's was fitted, in all views: among them it is the same.
    assert record["compared"][1] == record["head"]
    assert record["compared_all"] is True


def test_heads_are_compared_on_part_of_many_images(
    carry: Carry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparing, "COMPARED", 20)
    result = carry(tmp_path / "run", views=2, head="svm")
    record = json.loads((result.run / "transfer.json").read_text())
    assert record["compared_all"] is False
    assert record["compared_images"] < 20
    assert "not all of those that this run’s head was fitted to" in result.report.read_text(
        encoding="utf-8"
    )


def test_weights_of_another_head_are_not_taken(carry: Carry, tmp_path: Path) -> None:
    run = carry(tmp_path / "run").run
    text = (run / CONFIG).read_text()
    (run / CONFIG).write_text(text.replace('kind = "softmax"\nfeatures', 'kind = "svm"\nfeatures'))
    with pytest.raises(RunError, match="altered or replaced"):
        Run.open(run).network()
    (run / CONFIG).write_text(text.replace("[transfer.head]", "[transfer.heads]"))
    with pytest.raises(RunError, match=r"transfer: heads: is not a key here; did you mean .head"):
        Run.open(run)


@pytest.mark.parametrize(("head", "copies"), [("softmax", 1), ("svm", 1), ("svm-rbf", 2)])
def test_one_picture_a_class_and_a_class_that_is_not_held_out(
    source: Path, tmp_path: Path, photographs: Path, head: str, copies: int
) -> None:
    few = tmp_path / "few"
    for split, count in (("train", 1), ("val", 2)):
        for name in ("red", "green", "blue"):
            if (split, name) == ("val", "blue"):
                continue
            (few / split / name).mkdir(parents=True)
            for image in sorted((photographs / name).iterdir())[4 * (split == "val") :][:count]:
                for copy in range(copies if split == "train" else 1):
                    shutil.copy(image, few / split / name / f"{copy} {image.name}")
    notes: list[str] = []

    class Listening(Callback):
        def on_note(self, text: str) -> None:
            notes.append(text)

    options = TransferOptions(
        data=str(few),
        backbone=source,
        out=tmp_path / "run",
        head=head,
        engine="torch float32",
        workers=1,
        callbacks=[Listening()],
    )
    made = transfer(options)
    assert any("nothing can be held out" in note for note in notes)
    assert any("no image is held out of: blue" in note for note in notes)
    calibrated = any("no image could be held out to calibrate" in note for note in notes)
    assert calibrated == (head != "softmax")
    result = finish_transfer(made, write_report=write_report, export=False, workers=1)
    assert result.validated is None
    page = result.report.read_text(encoding="utf-8")
    assert "one picture a class" in page
    assert ("calibrate its probabilities" in page) == (head != "softmax")
    assert json.loads((result.run / "transfer.json").read_text())["compared"] == []


@pytest.mark.parametrize("engine", ["torch bfloat16", "bfloat16"])
def test_figures_are_those_that_evaluate_gives(
    carry: Carry, tmp_path: Path, photographs: Path, engine: str
) -> None:
    """Also where the head was fitted to features in fewer digits."""
    result = carry(tmp_path / "run", engine=engine, head="svm")
    assert result.engine.endswith("bfloat16")
    page = result.report.read_text(encoding="utf-8")
    assert "fitted to features in bfloat16; the figures are those of the network in float32" in page
    kept = json.loads((result.run / "evaluation.json").read_text())
    for again in (
        striate.evaluate(result.run, workers=1),
        striate.evaluate(result.run, photographs),
    ):
        assert again.top1 == result.top1 == kept["top1"]
        assert again.loss == pytest.approx(result.loss, abs=1e-6)
    # And what the network says to each picture, in whatever engine.
    run, data = Run.open(result.run), open_data(str(photographs), seed=0, workers=1)
    cached = classifier_of(run)
    assert isinstance(cached, CachedClassifier)
    said = cached.probabilities(data.val)
    whole = Classifier.of_run(run).probabilities(data.val)
    assert said == pytest.approx(whole, abs=1e-4)


def test_held_out_features_are_computed_in_float32_by_an_engine_that_goes(
    source: Path, tmp_path: Path, images: ImageSet
) -> None:
    backbone = open_backbone(source)
    cache = tmp_path / "cache"
    given = {"cache": cache, "workers": 1}
    ours = float32_features(backbone, images, fitted_by="torch bfloat16", **given)
    exact = features(backbone, images, engine="torch float32", cache_dir=cache, workers=1)
    assert exact.computed == 0  # PyTorch, and float32
    assert np.array_equal(ours, exact.values[0])


@pytest.mark.parametrize(
    ("choices", "said"),
    [
        ({"freeze": "half"}, "`freeze='half'`: must be all, none, or a number of stages"),
        ({"freeze": "２"}, "must be all, none, or a number of stages"),
        ({"freeze": "9" * 5000}, "must be all, none, or a number of stages"),
        ({"freeze": "9"}, r"below the network's \d+ stages \(1 conv"),
        ({"epochs": 3}, "`epochs=3`: has no meaning where the backbone is frozen"),
        ({"val_fraction": 1.5}, "`val_fraction=1.5`: must be less than 1"),
        ({"seed": -1}, "`seed=-1`: must be at least 0"),
        ({"workers": 10**6}, "`workers=1000000`: must be at most 1,024"),
        ({"head": "knn"}, "`head='knn'`: there is no such head"),
        ({"weights": "timm"}, "a run has its own weights"),
    ],
)
def test_what_cannot_be_meant(
    choices: dict[str, Any], said: str, carry: Carry, tmp_path: Path
) -> None:
    with pytest.raises(StriateError, match=said):
        carry(tmp_path / "run", **choices)
    assert not (tmp_path / "run" / CONFIG).exists()


def test_what_an_export_needs_is_missed_at_once(
    carry: Carry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("striate.transfer_learning.transfer.installed", lambda _name: False)
    with pytest.raises(StriateError, match="or add `export=False`"):
        carry(tmp_path / "run")


def test_a_backbone_that_there_is_not(carry: Carry, tmp_path: Path) -> None:
    with pytest.raises(NetworkError, match="did you mean"):
        carry(tmp_path / "run", backbone="resnet18x", weights="torchvision")


def test_an_interrupted_transfer_goes_on_from_its_features(
    carry: Carry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(classification, "fit_head", stop)
        with pytest.raises(Interrupted, match="run the same command again"):
            carry(tmp_path / "run", seed=4)
    assert not (tmp_path / "run" / CONFIG).exists()
    assert carry(tmp_path / "run", seed=4).features_computed == 0


def test_some_images_of_every_class() -> None:
    labels = np.repeat([0, 1, 2], [1, 100, 900])
    chosen = some(labels, 100, seed=0)
    assert np.bincount(labels[chosen]).tolist() == [1, 10, 90]
    assert (np.diff(chosen) > 0).all()
    assert len(some(labels, 1001, seed=0)) == 1001


@pytest.mark.slow
@pytest.mark.parametrize("head", ["softmax", "svm", "svm-rbf"])
def test_the_export_holds_backbone_and_head(carry: Carry, tmp_path: Path, head: str) -> None:
    run = Run.open(carry(tmp_path / "run", head=head).run)
    quick = export_run(run, run.path / "whole.onnx", read_samples(run), capture="trace")
    assert quick.verified.onnxruntime < 1e-4
    report = export_run(run, run.path / "whole.onnx", read_samples(run))
    assert report.verified.onnxruntime < 1e-4
    assert report.verified.openvino < 1e-4


def test_an_export_that_fails_leaves_a_whole_run(
    photographs: Path, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []

    def refuse(*_: Any, capture: str, names: list[str], **__: Any) -> None:
        tried.append(capture)
        raise ExportError("the exported graph", f"differs on {names[0]}", "no file was written")

    monkeypatch.setattr("striate.deploy.export.export_run", refuse)
    options = TransferOptions(
        data=str(photographs),
        backbone=source,
        out=tmp_path / "run",
        engine="torch float32",
        workers=1,
    )
    result = finish_transfer(transfer(options), write_report=write_report, export=True, workers=1)
    assert tried == ["trace", "export"]
    assert result.export is None
    assert result.export_error.startswith("the exported graph: differs on blue/")
    assert Run.open(result.run).evaluation is not None
    assert result.report.exists()


@pytest.mark.parametrize("wrong", [{"head": "svn"}, {"head": "svm", "penalty": "l1"}])
def test_a_head_that_cannot_be_is_refused_before_any_feature(
    carry: Carry, tmp_path: Path, wrong: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "features", lambda *_, **__: pytest.fail("computed features"))
    with pytest.raises(StriateError):
        carry(tmp_path / "out", **wrong)
    assert not (tmp_path / "out").exists()
