"""Heads against scikit-learn's own, and the rules by which they are chosen."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC, LinearSVC

from striate.errors import NetworkError, StriateError
from striate.transferring import heads, machines, regression
from striate.transferring.filling import platt
from striate.transferring.heads import fit_head
from striate.transferring.validation import Samples, Trial, better, search
from striate.zoo.heads import LinearSVMHead, RBFSVMHead, make_head, sizes_of

WIDTH = 12


def embeddings(classes: int, each: int = 20, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Overlapping clouds, with a feature that never changes and one of another scale."""
    random = np.random.default_rng(seed)
    labels = np.repeat(np.arange(classes), each)
    rows = random.normal(size=(len(labels), WIDTH)) + random.normal(size=(classes, WIDTH))[labels]
    rows[:, 0], rows[:, 1] = 3.0, 100 * rows[:, 1] + 1000
    return rows.astype(np.float32), labels.astype(np.int64)


def names(classes: int) -> list[str]:
    return [f"class {number}" for number in range(classes)]


def standardised(rows: np.ndarray) -> np.ndarray:
    deviation = rows.std(0, dtype=np.float64)
    deviation[deviation == 0] = 1
    return (rows - rows.mean(0, dtype=np.float64)) / deviation


def answers(head: torch.nn.Module, rows: np.ndarray) -> np.ndarray:
    with torch.inference_mode():
        return head(torch.from_numpy(rows)).softmax(1).numpy()


@pytest.mark.parametrize("classes", [2, 4])
def test_softmax_is_scikit_learns(classes: int) -> None:
    rows, labels = embeddings(classes)
    fitted = fit_head("softmax", rows, labels, names(classes))
    scaled = standardised(rows).astype(np.float32)
    theirs = LogisticRegression(C=fitted.chosen.strength, tol=1e-4, max_iter=300)
    theirs.fit(scaled, labels)
    # Where the optimisers of two such fits stop differs with the last bits of their input.
    assert answers(fitted.head, rows) == pytest.approx(theirs.predict_proba(scaled), abs=1e-2)
    if classes > 2:  # of two, scikit-learn holds the difference alone
        theirs.coef_ = fitted.head.linear.weight.detach().numpy()
        theirs.intercept_ = fitted.head.linear.bias.detach().numpy()
        assert answers(fitted.head, rows) == pytest.approx(theirs.predict_proba(scaled), abs=1e-5)


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("kind", ["svm", "svm-rbf", "descent"])
def test_machines_are_scikit_learns(
    kind: str, classes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind == "descent":
        monkeypatch.setattr(machines, "MOST_KERNEL_ROWS", 10)
    # A hold that is not so strong that all scores lie within the tolerance of one another.
    for grid in ("LINEAR_STRENGTHS", "GAUSSIAN_STRENGTHS"):
        monkeypatch.setattr(machines, grid, np.array([100.0] * 3))
    monkeypatch.setattr(machines, "BEGIN", 0)
    rows, labels = embeddings(classes)
    fitted = fit_head("svm-rbf" if kind == "svm-rbf" else "svm", rows, labels, names(classes))
    head, chosen = fitted.head, fitted.chosen
    assert isinstance(head, LinearSVMHead | RBFSVMHead)
    scaled = standardised(rows)
    with torch.inference_mode():
        ours = head.scores(torch.from_numpy(rows)).numpy()
    for number in range(classes):
        if kind == "descent":
            theirs = LinearSVC(C=chosen.strength, tol=1e-5, max_iter=100_000)
        elif kind == "svm":
            theirs = SVC(kernel="linear", C=chosen.strength, tol=1e-2)
        else:
            assert chosen.width is not None
            theirs = SVC(kernel="rbf", gamma=chosen.width, C=chosen.strength, tol=1e-2)
        theirs.fit(scaled, labels == number)
        # Both stop anywhere within the optimisers' tolerance; the arithmetic is tested below.
        assert ours[:, number] == pytest.approx(theirs.decision_function(scaled), abs=5e-2)
        assert np.ptp(ours[:, number]) > 1
    assert answers(head, rows).sum(1) == pytest.approx(1, abs=1e-5)


def test_a_kernel_machine_computes_what_its_vectors_say() -> None:
    rows, labels = embeddings(3)
    head = fit_head("svm-rbf", rows, labels, names(3)).head
    assert isinstance(head, RBFSVMHead)
    x = ((rows - head.standardise.mean.numpy()) / head.standardise.deviation.numpy()).astype(float)
    support = head.support.numpy().astype(float)
    kernel = np.exp(-float(head.width) * ((x[:, None] - support) ** 2).sum(2))
    wanted = kernel @ head.linear.weight.detach().numpy().T.astype(float)
    wanted += head.linear.bias.detach().numpy()
    with torch.inference_mode():
        assert head.scores(torch.from_numpy(rows)).numpy() == pytest.approx(wanted, abs=1e-5)
        sigmoid = 1 / (
            1 + np.exp(head.calibrate.slope.numpy() * wanted + head.calibrate.offset.numpy())
        )
    shares = sigmoid / sigmoid.sum(1, keepdims=True)
    assert answers(head, rows) == pytest.approx(shares, abs=1e-5)


def test_large_coefficients_do_not_cost_digits() -> None:
    torch.manual_seed(0)
    head = RBFSVMHead(64, 3, 1500)
    with torch.no_grad():
        head.support.copy_(torch.randn(1500, 64))
        head.width.fill_(0.25 / 64)
        half = torch.rand(3, 750) * 10
        head.linear.weight.copy_(torch.cat([half, -half], dim=1))  # as a machine's, they sum to 0
        rows = torch.randn(50, 64)
        exact = copy.deepcopy(head).double().scores(rows.double())
        assert (head.scores(rows) - exact).abs().max() < 2e-4


class _Score(ClassifierMixin, BaseEstimator):
    """Gives its input as its score."""

    def fit(self, x: np.ndarray, y: np.ndarray) -> _Score:
        self.classes_ = np.unique(y)
        return self

    def decision_function(self, x: np.ndarray) -> np.ndarray:
        return x[:, 0]

    def predict(self, x: np.ndarray) -> np.ndarray:
        return x[:, 0] > 0


def test_platts_sigmoid_is_scikit_learns() -> None:
    random = np.random.default_rng(0)
    positive = random.random(200) < 0.3
    scores = random.normal(size=200) + 1.5 * positive
    slope, offset = platt(scores, positive)
    machine = FrozenEstimator(_Score().fit(scores[:, None], positive))
    theirs = CalibratedClassifierCV(machine, method="sigmoid").fit(scores[:, None], positive)
    ours = 1 / (1 + np.exp(slope * scores + offset))
    assert ours == pytest.approx(theirs.predict_proba(scores[:, None])[:, 1], abs=1e-3)
    # Even scores that separate the classes leave a doubt.
    slope, offset = platt(np.array([-1.0, -1.0, 1.0, 1.0]), np.array([False, False, True, True]))
    assert 1 / (1 + np.exp(slope + offset)) == pytest.approx(3 / 4, abs=1e-3)


@pytest.mark.parametrize("kind", ["softmax", "svm", "svm-rbf"])
def test_a_head_is_made_again(kind: str) -> None:
    rows, labels = embeddings(3, each=8)
    one, two = (fit_head(kind, rows, labels, names(3), seed=5) for _ in range(2))
    for key, value in one.head.state_dict().items():
        assert torch.equal(value, two.head.state_dict()[key])
    again = make_head(**sizes_of(one.head))
    again.load_state_dict(one.head.state_dict())
    assert np.array_equal(answers(one.head, rows), answers(again, rows))
    assert one.to_json()["chosen"]["accuracy"] == one.chosen.accuracy


def test_views_are_held_out_with_their_image() -> None:
    rows, labels = embeddings(2, each=6)
    samples = Samples.of(np.stack([rows, rows + 1, rows - 1], axis=1), labels, 2, seed=0)
    assert len(samples.folds) == 5
    for fold in samples.folds:
        assert not set(fold.held // 3) & set(fold.fitted // 3)
        assert (fold.held % 3 == 0).all()
    fitted = fit_head("svm", np.stack([rows, rows + 0.01], axis=1), labels, names(2))
    assert fitted.margins is not None
    assert sum(fitted.margins.counts) == len(rows)
    assert max(image for image, _ in fitted.margins.hardest) < len(rows)


def test_every_fold_knows_every_class() -> None:
    labels = np.array([0, 1, 1, 2, 2, 2, *[3] * 7], np.int64)
    rows = np.random.default_rng(0).normal(size=(len(labels), 1, WIDTH)).astype(np.float32)
    samples = Samples.of(rows, labels, 4, seed=3)
    assert len(samples.folds) == 5
    for fold in samples.folds:
        assert set(labels[fold.fitted]) == {0, 1, 2, 3}
        assert 0 not in labels[fold.held]
    held = np.concatenate([fold.held for fold in samples.folds])
    assert sorted(held) == list(range(1, len(labels)))
    assert fit_head("softmax", rows, labels, names(4)).folds == 5


def test_one_image_a_class() -> None:
    rows, labels = embeddings(3, each=1)
    fitted = fit_head("softmax", rows, labels, names(3))
    assert (fitted.folds, fitted.trials) == (0, ())
    assert fitted.to_json()["chosen"] == {"strength": heads.UNTRIED}
    assert answers(fitted.head, rows).argmax(1).tolist() == [0, 1, 2]
    rows, labels = embeddings(3, each=4)
    with pytest.raises(StriateError, match=r"class .class 0. has one image.*--head softmax"):
        fit_head("svm", rows[3:], labels[3:], names(3))


def test_l1_leaves_features_out() -> None:
    rows, labels = embeddings(3)
    fitted = fit_head("softmax", rows, labels, names(3), penalty="l1")
    weights = fitted.head.linear.weight.detach()
    assert (weights == 0).any()
    assert (answers(fitted.head, rows).argmax(1) == labels).mean() > 0.8


@pytest.mark.parametrize(
    ("kind", "penalty", "said"),
    [
        ("svn", "l2", "did you mean 'svm'"),
        ("softmax", "l3", "l3: is unknown"),
        ("svm", "l1", "does not go with --head svm"),
    ],
)
def test_what_there_is_not(kind: str, penalty: str, said: str) -> None:
    rows, labels = embeddings(2, each=3)
    with pytest.raises(StriateError, match=said):
        fit_head(kind, rows, labels, names(2), penalty=penalty)  # type: ignore[arg-type]


def test_a_kernel_needs_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machines, "MOST_KERNEL_ROWS", 10)
    rows, labels = embeddings(2)
    with pytest.raises(StriateError, match="does not fit into memory"):
        fit_head("svm-rbf", rows, labels, names(2))


def test_sizes_that_no_head_has() -> None:
    with pytest.raises(NetworkError, match="did you mean 'softmax'"):
        make_head("softmx", features=3, classes=2)
    with pytest.raises(NetworkError, match="cannot be made"):
        make_head("svm-rbf", features=3, classes=2)


@pytest.mark.parametrize(
    ("accuracies", "start", "best", "tried"),
    [
        ([0.25, 0.5, 0.75, 1.0, 0.75, 0.5, 0.5], 3, 3, {1, 2, 3, 4, 5}),
        ([0.5, 0.5, 0.5, 0.5, 0.75, 1.0, 0.5], 2, 5, {0, 2, 3, 4, 5, 6}),  # flat at first
        ([0.5, 0.75, 1.0, 1.0, 1.0, 1.0, 0.5], 4, 2, {0, 1, 2, 3, 4, 6}),  # of equals the strongest
        ([1.0, 0.75, 0.75, 0.5, 0.5, 0.25, 0.25], 4, 0, {0, 1, 2, 4, 6}),
    ],
)
def test_the_search_climbs(accuracies: list[float], start: int, best: int, tried: set[int]) -> None:
    rows, labels = embeddings(2, each=10)
    samples = Samples.of(rows[:, None], labels, 2, seed=0)
    strengths = [10.0**at for at in range(len(accuracies))]
    asked: list[int] = []

    def judge(strength: float) -> list[np.ndarray]:
        asked.append(strengths.index(strength))
        held = [labels[fold.held] for fold in samples.folds]
        right = accuracies[asked[-1]]
        wrong = [np.arange(len(part)) / len(part) >= right - 1e-9 for part in held]
        return [
            np.eye(2)[np.where(off, 1 - part, part)] for off, part in zip(wrong, held, strict=True)
        ]

    found = search(samples, strengths, judge, by="accuracy", start=start)
    assert len(asked) == len(set(asked))
    assert set(asked) == tried
    assert found.best.strength == strengths[best]
    assert [trial.strength for trial in found.trials] == [strengths[at] for at in sorted(tried)]
    worse = Trial(strength=1, accuracy=1.0, deviation=0, loss=0.5)
    assert better(Trial(strength=1, accuracy=0.9, deviation=0, loss=0.4), worse)


@pytest.mark.parametrize("kind", ["svm", "svm-rbf"])
@pytest.mark.parametrize("width", [12, 1280])
def test_few_images_that_are_easily_told_apart_lie_on_their_side(kind: str, width: int) -> None:
    random = np.random.default_rng(0)
    labels = np.repeat(np.arange(3), 10)
    rows = random.normal(size=(30, width)) + 3 * random.normal(size=(3, width))[labels]
    fitted = fit_head(kind, rows.astype(np.float32), labels, names(3))
    assert fitted.chosen.accuracy == 1.0
    assert fitted.margins is not None
    assert fitted.margins.wrong == 0


def test_copies_of_a_picture_share_a_fold() -> None:
    random = np.random.default_rng(0)
    pictures = random.normal(size=(12, 1, WIDTH)).astype(np.float32)
    of = np.repeat(np.arange(12), 2)
    labels = of % 2
    labels[1] = 1  # one is called by two names
    samples = Samples.of(pictures[of], labels, 2, seed=0)
    for fold in samples.folds:
        assert not set(of[fold.held]) & set(of[fold.fitted])
        assert set(labels[fold.fitted]) == {0, 1}
    # A class of one picture, however many copies there are, is never held out.
    few = np.array([0, 0, 0, 1, 2, 3, 4])
    samples = Samples.of(pictures[few], np.array([0, 0, 0, 1, 1, 1, 1]), 2, seed=0)
    assert {0, 1, 2} <= set.intersection(*(set(fold.fitted) for fold in samples.folds))
    fit_head("svm", pictures[few, 0], np.array([0, 0, 0, 1, 1, 1, 1]), names(2))


@pytest.mark.parametrize("penalty", ["l1", "l2"])
def test_a_fit_that_did_not_converge_says_so(penalty: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rows, labels = embeddings(3)
    given = (rows, labels, names(3))
    assert fit_head("softmax", *given, penalty=penalty).note == ""  # type: ignore[arg-type]
    monkeypatch.setattr(regression, "PASSES", 1)
    said = fit_head("softmax", *given, penalty=penalty).note  # type: ignore[arg-type]
    assert "did not converge" in said


@pytest.mark.parametrize("classes", [2, 4])
def test_l1_is_scikit_learns(classes: int) -> None:
    rows, labels = embeddings(classes)
    fitted = fit_head("softmax", rows, labels, names(classes), penalty="l1")
    scaled = standardised(rows)
    theirs = LogisticRegression(
        solver="saga", l1_ratio=1.0, C=fitted.chosen.strength, tol=1e-6, max_iter=10_000
    )
    theirs.fit(scaled, labels)
    assert answers(fitted.head, rows) == pytest.approx(theirs.predict_proba(scaled), abs=2e-2)
    if classes > 2:
        weights = fitted.head.linear.weight.detach().numpy()
        assert ((weights == 0) == (theirs.coef_ == 0)).mean() > 0.9
