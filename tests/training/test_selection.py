"""Which epoch is kept, by which figure; and classes that are uneven."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import striate
from striate.data.images import ImageSet
from striate.errors import RunError, StriateError
from striate.evaluation.metrics import measure
from striate.runs.run import Run
from striate.training.distributed import Group
from striate.training.judging import ClassJudge
from striate.training.selection import note_on_imbalance, rank
from striate.training.validate import validate


def made(counts: list[int], names: tuple[str, ...]) -> ImageSet:
    labels = np.repeat(np.arange(len(counts)), counts)
    return ImageSet(
        classes=names,
        labels=labels,
        names=[str(each) for each in range(len(labels))],
        digests=[f"{each:032x}" for each in range(len(labels))],
        sizes=np.ones((len(labels), 2), np.int32),
        grey=np.ones(len(labels), np.bool_),
    )


def test_what_is_better() -> None:
    one = {"loss": 0.9, "top1": 0.8, "balanced": 0.5, "f1": 0.7}
    other = {"loss": 0.5, "top1": 0.7, "balanced": 0.6, "f1": 0.6}
    by: dict[Any, bool] = {"top1": True, "loss": False, "balanced": False, "f1": True}
    for select, wanted in by.items():
        assert (rank(one, select) > rank(other, select)) is wanted
    equal = {**one, "loss": 0.8}
    assert all(rank(equal, select) > rank(one, select) for select in by)


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        (
            [500, 50, 49],
            "the classes are uneven: 500 images of a\\x1b, 49 of <c>; to count all alike: "
            "--class-weights balanced",
        ),
        ([500, 51, 52], ""),
        ([1, 1, 1], ""),
    ],
)
def test_classes_that_are_uneven(counts: list[int], said: str) -> None:
    images = made(counts, ("a\x1b", "b", "<c>"))
    assert note_on_imbalance(images, "none") == said
    assert note_on_imbalance(images, "balanced") == ""


def test_figures_by_class_are_those_of_the_evaluation() -> None:
    random = np.random.default_rng(0)
    labels = random.choice(5, 60, p=[0.5, 0.3, 0.15, 0.05, 0.0])
    logits = torch.from_numpy(random.normal(size=(60, 6)).astype(np.float32))

    class Batches:
        def batches(self, _epoch: int) -> Any:
            for part in np.array_split(np.arange(60), 4):
                batch: Any = type("Batch", (), {})()
                batch.labels = torch.from_numpy(labels[part])
                batch.inputs = lambda _device, part=part: logits[part]
                yield batch

    cpu: Any = {"precision": "float32", "device": torch.device("cpu"), "group": Group()}
    images: Any = Batches()
    found = validate(nn.Identity(), images, ClassJudge(6), **cpu)
    wanted = measure(torch.softmax(logits, 1).numpy(), labels, "abcdef")
    assert found["balanced"] == pytest.approx(wanted.balanced)
    assert found["f1"] == pytest.approx(wanted.macro_f1)
    plain = validate(nn.Identity(), images, ClassJudge(), **cpu)
    assert plain == {name: found[name] for name in ("loss", "top1", "top5")}


def test_the_epoch_is_kept_that_was_asked_for(photographs: Path, tmp_path: Path) -> None:
    """With a rate that makes figures go up and down."""
    options: dict[str, Any] = {"net": "mnist_example", "epochs": 3, "size": 28, "workers": 0}
    options |= {"select": "balanced", "class_weights": "balanced"}
    result = striate.train(photographs, out=tmp_path / "run", **options)
    run = Run.open(result.run)
    recipe: Any = run.config.recipe
    assert (recipe.select, recipe.loss.class_weights) == ("balanced", "balanced")
    lines = [line["validation"] for line in run.metrics if "validation" in line]
    ranks = [(line["balanced"], -line["loss"]) for line in lines]
    assert run.weights_epoch == result.best_epoch == 1 + ranks.index(max(ranks))
    evaluation = run.evaluation
    assert evaluation is not None
    assert evaluation["balanced_accuracy"] == pytest.approx(
        lines[result.best_epoch - 1]["balanced"]
    )
    with pytest.raises(StriateError, match="is unknown; did you mean 'f1'"):
        striate.train(photographs, net="lenet", out=tmp_path / "new", select="f2")  # type: ignore[arg-type]
    assert not (tmp_path / "new").exists()
    with pytest.raises(RunError, match="the run to go on with has balanced; leave it out"):
        striate.train(result.run, resume=True, select="top1")
