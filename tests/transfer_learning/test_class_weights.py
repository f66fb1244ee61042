"""Heads of classes that are uneven in number, against scikit-learn and against repeated images."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC, LinearSVC

from striate.data.sources import open_data
from striate.errors import StriateError
from striate.evaluation.metrics import negative_log_likelihood
from striate.hub.heads import HEADS, LinearSVMHead, RBFSVMHead
from striate.recipes.frozen import FrozenRecipe
from striate.report.build import write_report
from striate.runs.run import Run
from striate.training.callbacks.base import Callback
from striate.transfer_learning.backbone import open_backbone
from striate.transfer_learning.fine_tuning import recipe_of
from striate.transfer_learning.finish import finish_transfer
from striate.transfer_learning.heads import svm
from striate.transfer_learning.heads.fit import fit_head
from striate.transfer_learning.options import TransferOptions
from striate.transfer_learning.transfer import transfer

from .test_heads import answers, embeddings, names, scaled
from .test_transfer import make_source

TIMES = 4
"""How many images a common class has for each of a rare one."""


def uneven(classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Overlapping clouds: 6 images of the last class, 24 of each other."""
    rows, labels = embeddings(classes, each=24)
    kept = np.flatnonzero((labels < classes - 1) | (np.arange(len(labels)) % TIMES == 0))
    return rows[kept], labels[kept]


@pytest.mark.parametrize("classes", [2, 4])
def test_softmax_is_scikit_learns(classes: int) -> None:
    rows, labels = uneven(classes)
    fitted = fit_head("softmax", rows, labels, names(classes), class_weights="balanced")
    own = scaled(fitted.head, rows)
    theirs = LogisticRegression(C=fitted.chosen.C, tol=1e-6, max_iter=500, class_weight="balanced")
    wanted = theirs.fit(own, labels).predict_proba(own)
    assert answers(fitted.head, rows) == pytest.approx(wanted, abs=1e-2)
    plain = LogisticRegression(C=fitted.chosen.C, tol=1e-6, max_iter=500).fit(own, labels)
    assert np.abs(plain.predict_proba(own) - wanted).max() > 0.1


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("kind", ["svm", "svm-rbf", "descent"])
def test_svms_are_those_of_repeated_images(
    kind: str, classes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind == "descent":
        monkeypatch.setattr(svm, "MOST_KERNEL_ROWS", 10)
    for grid in ("LINEAR_C_VALUES", "GAUSSIAN_C_VALUES"):
        # Of a large C the descent is far from where it ends in the passes that it has.
        monkeypatch.setattr(svm, grid, np.array([1.0 if kind == "descent" else 100.0] * 5))
    monkeypatch.setattr(svm, "BEGIN", 0)
    rows, labels = uneven(classes)
    given = rows, labels, names(classes)
    fitted = fit_head("svm-rbf" if kind == "svm-rbf" else "svm", *given, class_weights="balanced")
    head, chosen = fitted.head, fitted.chosen
    assert isinstance(head, LinearSVMHead | RBFSVMHead)
    # Images of the rare class as often as they count, and C for what one of the others counts.
    c = chosen.C * len(labels) / (classes * 24)
    again = np.repeat(np.arange(len(labels)), np.where(labels == classes - 1, TIMES, 1))
    own = scaled(head, rows)
    with torch.inference_mode():
        ours = head.scores(torch.from_numpy(rows)).numpy()
    for number in range(classes):
        if kind == "descent":
            theirs = LinearSVC(C=c, tol=1e-5, max_iter=100_000)
        elif kind == "svm":
            theirs = SVC(kernel="linear", C=c, tol=1e-3)
        else:
            theirs = SVC(kernel="rbf", gamma=chosen.gamma, C=c, tol=1e-3)
        theirs.fit(own[again], labels[again] == number)
        assert ours[:, number] == pytest.approx(theirs.decision_function(own), abs=5e-2)


@pytest.mark.parametrize("kind", HEADS)
def test_cross_validation_weighs_alike(kind: str) -> None:
    rows, labels = uneven(3)
    noise = np.random.default_rng(1).normal(size=rows.shape).astype(np.float32)
    rows[:, 1] = 0
    rows += 3 * noise  # so that the rare class is lost where it does not count
    recall, losses = {}, {}
    for weights in ("none", "balanced"):
        fitted = fit_head(kind, rows, labels, names(3), class_weights=weights)  # type: ignore[arg-type]
        said = answers(fitted.head, rows).argmax(1)
        recall[weights] = (said[labels == 2] == 2).mean()
        of_images = {"none": np.ones(3), "balanced": 54 / (3 * np.bincount(labels))}[weights]
        held = fitted.held_shares.astype(np.float32)
        of = labels[fitted.held]
        loss = np.average(-np.log(held[np.arange(54), of]), weights=of_images[of])
        losses[weights] = fitted.chosen.loss, loss
    assert recall["balanced"] > recall["none"] + 0.3
    for stated, wanted in losses.values():
        assert stated == pytest.approx(wanted, abs=1e-5)


def test_a_weighted_loss_is_that_of_repeated_images() -> None:
    shares = np.array([[0.9, 0.1], [0.4, 0.6]], np.float32)
    labels = np.array([0, 1])
    again = np.array([0, 1, 1, 1])
    assert negative_log_likelihood(shares, labels, np.array([0.5, 1.5])) == pytest.approx(
        negative_log_likelihood(shares[again], labels[again])
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty reddish pictures and two bluish ones to train on, two of each held out."""
    base, random = tmp_path_factory.mktemp("uneven") / "uneven", np.random.default_rng(0)
    for split, name, count in (
        ("train", "red", 20),
        ("train", "<b>", 2),
        ("val", "red", 2),
        ("val", "<b>", 2),
    ):
        (base / split / name).mkdir(parents=True)
        for number in range(count):
            pixels = random.integers(0, 120, (36, 36, 3), np.uint8)
            pixels[..., 0 if name == "red" else 2] += 120
            Image.fromarray(pixels).save(base / split / name / f"{number}.png")
    return base


def test_a_transfer_weighs_and_says_so(folder: Path, tmp_path: Path) -> None:
    source, notes = make_source(tmp_path / "source"), []

    class Listening(Callback):
        def on_note(self, text: str) -> None:
            notes.append(text)

    runs = {}
    for weights in ("none", "balanced"):
        given: dict[str, Any] = {"data": str(folder), "backbone": source, "engine": "torch float32"}
        given |= {"out": tmp_path / weights, "class_weights": weights, "cache": tmp_path / "cache"}
        options = TransferOptions(**given, workers=1, callbacks=[Listening()])
        result = finish_transfer(
            transfer(options), write_report=write_report, export=False, workers=1
        )
        runs[weights] = Run.open(result.run)
    said = [note for note in notes if "uneven" in note]
    assert said == [
        "the classes are uneven: 20 images of red, 2 of <b>; to count all alike: "
        "--class-weights balanced"
    ]
    recipes = [run.config.recipe for run in runs.values()]
    assert all(isinstance(recipe, FrozenRecipe) for recipe in recipes)
    assert [recipe.head.class_weights for recipe in recipes] == ["none", "balanced"]  # type: ignore[union-attr]
    assert runs["none"].config.identity != runs["balanced"].config.identity
    pages = [(run.path / "report.html").read_text(encoding="utf-8") for run in runs.values()]
    assert ["all classes count alike" in page for page in pages] == [False, True]
    # Heads beside it are weighed likewise: none of them is one that was kept of the other run.
    tried = [
        json.loads((run.path / "transfer.json").read_text())["compared"] for run in runs.values()
    ]
    assert all(
        one["chosen"]["loss"] != other["chosen"]["loss"] for one, other in zip(*tried, strict=True)
    )
    # Training on goes by the same weights.
    data = open_data(str(folder), seed=0, workers=1)
    recipe = recipe_of(open_backbone(source), data, options)
    assert recipe.loss.class_weights == "balanced"


def test_weights_that_there_are_not(folder: Path, tmp_path: Path) -> None:
    options = TransferOptions(
        data=str(folder),
        backbone="resnet18",
        class_weights="balance",  # type: ignore[arg-type]
    )
    with pytest.raises(StriateError, match="did you mean 'balanced'"):
        transfer(options)
