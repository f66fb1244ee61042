"""Heads against scikit-learn's own, and the rules by which they are chosen."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from scipy.optimize import OptimizeResult
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC, LinearSVC

from striate.errors import NetworkError, StriateError
from striate.hub.heads import HEADS, Head, LinearSVMHead, RBFSVMHead, make_head, sizes_of
from striate.transfer_learning.heads import softmax, solver, svm
from striate.transfer_learning.heads.cross_validation import Samples
from striate.transfer_learning.heads.fit import fit_head

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


def scaled(head: Head, rows: np.ndarray) -> np.ndarray:
    with torch.inference_mode():
        found: np.ndarray = head.standardise(torch.from_numpy(rows)).double().numpy()
    return found


def answers(head: torch.nn.Module, rows: np.ndarray) -> np.ndarray:
    with torch.inference_mode():
        return head(torch.from_numpy(rows)).softmax(1).numpy()


@pytest.mark.parametrize("classes", [2, 4])
def test_softmax_is_scikit_learns(classes: int) -> None:
    rows, labels = embeddings(classes)
    fitted = fit_head("softmax", rows, labels, names(classes))
    own = scaled(fitted.head, rows).astype(np.float32)
    theirs = LogisticRegression(C=fitted.chosen.C, tol=1e-4, max_iter=300)
    theirs.fit(own, labels)
    # Where the optimisers of two such fits stop differs with the last bits of their input.
    assert answers(fitted.head, rows) == pytest.approx(theirs.predict_proba(own), abs=1e-2)
    if classes > 2:  # of two, scikit-learn holds the difference alone
        theirs.coef_ = fitted.head.linear.weight.detach().numpy()
        theirs.intercept_ = fitted.head.linear.bias.detach().numpy()
        assert answers(fitted.head, rows) == pytest.approx(theirs.predict_proba(own), abs=1e-5)


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("kind", ["svm", "svm-rbf", "descent"])
def test_svms_are_scikit_learns(kind: str, classes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    if kind == "descent":
        monkeypatch.setattr(svm, "MOST_KERNEL_ROWS", 10)
    # A C that is not so small that all scores lie within the tolerance of one another.
    for grid in ("LINEAR_C_VALUES", "GAUSSIAN_C_VALUES"):
        monkeypatch.setattr(svm, grid, np.array([100.0] * 5))
    monkeypatch.setattr(svm, "BEGIN", 0)
    rows, labels = embeddings(classes)
    fitted = fit_head("svm-rbf" if kind == "svm-rbf" else "svm", rows, labels, names(classes))
    head, chosen = fitted.head, fitted.chosen
    assert isinstance(head, LinearSVMHead | RBFSVMHead)
    own = scaled(head, rows)
    with torch.inference_mode():
        ours = head.scores(torch.from_numpy(rows)).numpy()
    for number in range(classes):
        if kind == "descent":
            theirs = LinearSVC(C=chosen.C, tol=1e-5, max_iter=100_000)
        elif kind == "svm":
            theirs = SVC(kernel="linear", C=chosen.C, tol=1e-2)
        else:
            assert chosen.gamma is not None
            theirs = SVC(kernel="rbf", gamma=chosen.gamma, C=chosen.C, tol=1e-2)
        theirs.fit(own, labels == number)
        # Both stop anywhere within the optimisers' tolerance; the arithmetic is tested below.
        assert ours[:, number] == pytest.approx(theirs.decision_function(own), abs=5e-2)
        assert np.ptp(ours[:, number]) > 1
    assert answers(head, rows).sum(1) == pytest.approx(1, abs=1e-5)


def test_a_kernel_machine_computes_what_its_vectors_say() -> None:
    rows, labels = embeddings(3)
    head = fit_head("svm-rbf", rows, labels, names(3)).head
    assert isinstance(head, RBFSVMHead)
    x = scaled(head, rows)
    support = head.support.numpy().astype(float)
    kernel = np.exp(-float(head.gamma) * ((x[:, None] - support) ** 2).sum(2))
    wanted = kernel @ head.linear.weight.detach().numpy().T.astype(float)
    wanted += head.linear.bias.detach().numpy()
    with torch.inference_mode():
        assert head.scores(torch.from_numpy(rows)).numpy() == pytest.approx(wanted, abs=1e-4)
        sigmoid = 1 / (
            1 + np.exp(head.calibrate.slope.numpy() * wanted + head.calibrate.offset.numpy())
        )
    shares = sigmoid / sigmoid.sum(1, keepdims=True)
    assert answers(head, rows) == pytest.approx(shares, abs=1e-4)


def test_large_coefficients_do_not_cost_digits() -> None:
    torch.manual_seed(0)
    head = RBFSVMHead(64, 3, 1500)
    with torch.no_grad():
        head.support.copy_(torch.randn(1500, 64))
        head.gamma.fill_(0.25 / 64)
        half = torch.rand(3, 750) * 10
        head.linear.weight.copy_(torch.cat([half, -half], dim=1))  # as a machine's, they sum to 0
        rows = torch.randn(50, 64)
        exact = copy.deepcopy(head).double().scores(rows.double())
        assert (head.scores(rows) - exact).abs().max() < 2e-4


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


@pytest.mark.parametrize("kind", HEADS)
@pytest.mark.parametrize("copies", [1, 3])
def test_one_picture_a_class(kind: str, copies: int) -> None:
    rows, labels = (np.repeat(each, copies, axis=0) for each in embeddings(3, each=1))
    fitted = fit_head(kind, rows, labels, names(3))
    assert (fitted.folds, fitted.trials) == (0, ())
    assert answers(fitted.head, rows).argmax(1).tolist() == labels.tolist()
    chosen = fitted.to_json()["chosen"]
    assert "accuracy" not in chosen
    if kind == "softmax":
        assert chosen["C"] == softmax.C_VALUES[softmax.BEGIN]
        assert fitted.calibrated is None
    else:
        assert fitted.calibrated == 0
        assert "no image could be held out" in fitted.note


@pytest.mark.parametrize("kind", HEADS)
def test_a_class_of_one_picture_beside_others(kind: str) -> None:
    rows, labels = embeddings(3, each=6)
    fitted = fit_head(kind, rows[5:], labels[5:], names(3))
    assert fitted.folds == 5
    assert (answers(fitted.head, rows).argmax(1) == labels).mean() > 0.7


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", HEADS)
@pytest.mark.parametrize("views", [1, 2])
def test_pictures_that_cannot_be_told_apart(kind: str, views: int) -> None:
    rows, _ = embeddings(2, each=1)
    alike = np.repeat(rows[:1], 6, axis=0)[:, None].repeat(views, axis=1)
    fitted = fit_head(kind, alike, np.arange(6) % 3, names(3))
    assert answers(fitted.head, rows[:1]) == pytest.approx(1 / 3, abs=1e-3)
    # Two pictures, each of which is called by every name.
    both = np.concatenate([alike[:3], np.repeat(rows[1:], 3, axis=0)[:, None].repeat(views, 1)])
    fitted = fit_head(kind, both, np.arange(6) % 3, names(3))
    assert np.isfinite(answers(fitted.head, rows)).all()
    # The only picture of a class is one of another class, too.
    shared = np.concatenate([both[:1], both[3:4], both[:1], both[3:4] + 1, both[:1] + 2])
    fitted = fit_head(kind, shared, np.array([0, 0, 1, 2, 2]), names(3))
    assert np.isfinite(answers(fitted.head, rows)).all()


def rectified(
    labels: np.ndarray, classes: int, seed: int, *, signal: float = 1.0, width: int = 400
) -> np.ndarray:
    """Features as after a ReLU, 60 % of which are nearly always almost 0."""
    always = np.random.default_rng([1, classes])
    centres, rare = signal * always.normal(size=(classes, width)), always.random(width) < 0.6
    random = np.random.default_rng([2, seed])
    rows = np.maximum(centres[labels] + 2 * random.normal(size=(len(labels), width)), 0)
    rows[:, rare] *= random.random((len(labels), int(rare.sum()))) < 0.05
    return (rows + 1e-4 * random.random(rows.shape)).astype(np.float32)


@pytest.mark.parametrize("each", [1, 2, 3, 5, 10])
@pytest.mark.parametrize("classes", [2, 5])
@pytest.mark.parametrize("kind", HEADS)
def test_few_images_do_not_ruin_a_head(kind: str, classes: int, each: int) -> None:
    labels, asked = np.repeat(np.arange(classes), each), np.repeat(np.arange(classes), 100)
    others = rectified(asked, classes, 0, signal=0.8)
    ours, theirs, losses = [], [], []
    plain = {
        "softmax": LogisticRegression(max_iter=1000),
        "svm": SVC(kernel="linear"),
        "svm-rbf": SVC(),
    }[kind]
    for seed in range(1, 5):
        rows = rectified(labels, classes, seed, signal=0.8)
        said = answers(fit_head(kind, rows, labels, names(classes)).head, others)
        ours.append((said.argmax(1) == asked).mean())
        losses.append(-np.log(said[np.arange(len(asked)), asked]).mean())
        theirs.append((plain.fit(rows, labels).predict(others) == asked).mean())
        assert len(np.unique(said.round(4), axis=0)) > len(asked) / 2  # not one answer for all
    assert np.mean(ours) > np.mean(theirs) - 0.02
    assert np.mean(losses) < np.log(classes)


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
        ("softmax", "l3", "`penalty='l3'`: is unknown"),
        ("svm", "l1", "does not go with `head='svm'`"),
    ],
)
def test_what_there_is_not(kind: str, penalty: str, said: str) -> None:
    rows, labels = embeddings(2, each=3)
    with pytest.raises(StriateError, match=said):
        fit_head(kind, rows, labels, names(2), penalty=penalty)  # type: ignore[arg-type]


def test_a_kernel_needs_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(svm, "MOST_KERNEL_ROWS", 10)
    rows, labels = embeddings(2)
    with pytest.raises(StriateError, match="does not fit into memory"):
        fit_head("svm-rbf", rows, labels, names(2))


def test_sizes_that_no_head_has() -> None:
    with pytest.raises(NetworkError, match="did you mean 'softmax'"):
        make_head("softmx", features=3, classes=2)
    with pytest.raises(NetworkError, match="cannot be made"):
        make_head("svm-rbf", features=3, classes=2)


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


@pytest.mark.parametrize("kind", ["svm", "svm-rbf"])
def test_a_calibrated_score_is_never_turned_round(kind: str) -> None:
    """Of features that say nothing, so that held-out scores speak against a class by chance."""
    random = np.random.default_rng(0)
    for seed in range(6):
        labels = np.repeat(np.arange(3 if seed % 2 else 2), 2)
        rows = random.normal(size=(len(labels), 30)).astype(np.float32)
        fitted = fit_head(kind, rows, labels, names(labels.max() + 1))
        assert isinstance(fitted.head, LinearSVMHead | RBFSVMHead)
        assert (fitted.head.calibrate.slope < 0).all()  # Platt's sign: the higher, the likelier
        assert fitted.calibrated == len(labels)


@pytest.mark.parametrize("kind", HEADS)
def test_features_are_scaled_as_cross_validation_says(kind: str) -> None:
    random = np.random.default_rng(0)
    labels = np.repeat(np.arange(3), 40)
    # What tells the classes apart lies in features a thousandth as large as those that say nothing.
    signal = random.normal(size=(3, 40))[labels] + random.normal(size=(120, 40))
    noise = 1000 * random.normal(size=(120, 40))
    rows = np.concatenate([signal, noise], axis=1).astype(np.float32)
    fitted = fit_head(kind, rows, labels, names(3))
    assert fitted.chosen.scaling == "standard"
    assert fitted.chosen.accuracy > 0.7
    # And the other way round, where dividing would let what says nothing speak loudest.
    rows = np.concatenate([1000 * signal, noise / 1000], axis=1).astype(np.float32)
    assert fit_head(kind, rows, labels, names(3)).chosen.scaling != "standard"


@pytest.mark.parametrize("penalty", ["l1", "l2"])
def test_a_fit_that_did_not_converge_says_so(penalty: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rows, labels = embeddings(3)
    given = (rows, labels, names(3))
    assert fit_head("softmax", *given, penalty=penalty).note == ""  # type: ignore[arg-type]
    monkeypatch.setattr(solver, "PASSES", 1)
    said = fit_head("softmax", *given, penalty=penalty).note  # type: ignore[arg-type]
    assert "did not converge" in said


@pytest.mark.parametrize(
    ("status", "slope", "converged"),
    [
        (2, 1e-4, True),  # the line search found no way down, and there is hardly any
        (2, 1e-1, False),
        (1, 1e-4, False),  # it ran out of steps
    ],
)
@pytest.mark.parametrize("penalty", ["l1", "l2"])
def test_where_float32_resolves_no_descent_a_fit_has_converged(
    penalty: str, status: int, slope: float, converged: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    minimize = solver.minimize

    def abnormal(*given: object, **more: object) -> OptimizeResult:
        found = minimize(*given, **more)
        found.update(success=False, status=status, jac=np.full_like(found.jac, slope))
        return found

    monkeypatch.setattr(solver, "minimize", abnormal)
    rows, labels = embeddings(3, each=1)
    note = fit_head("softmax", rows, labels, names(3), penalty=penalty).note  # type: ignore[arg-type]
    assert ("did not converge" not in note) == converged


@pytest.mark.parametrize("classes", [2, 4])
def test_l1_is_scikit_learns(classes: int) -> None:
    rows, labels = embeddings(classes)
    fitted = fit_head("softmax", rows, labels, names(classes), penalty="l1")
    own = scaled(fitted.head, rows)
    theirs = LogisticRegression(
        solver="saga", l1_ratio=1.0, C=fitted.chosen.C, tol=1e-5, max_iter=20_000
    )
    theirs.fit(own, labels)
    assert answers(fitted.head, rows) == pytest.approx(theirs.predict_proba(own), abs=2e-2)
    if classes > 2:
        weights = fitted.head.linear.weight.detach().numpy()
        assert ((weights == 0) == (theirs.coef_ == 0)).mean() > 0.9
