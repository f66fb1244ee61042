"""Claim 20: support vector machines and logistic regression, on learnt features and on circles."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from markupsafe import Markup
from numpy.typing import NDArray

from striate.lab.claims.pooling import SIDE, network_of
from striate.lab.drawing import Axis, beside, curves, per_cent, rows
from striate.lab.experiment import Conditions, Equal, Experiment, Measured
from striate.lab.learning import images_of, learn, preprocessed, recipe_for, sample_of
from striate.lab.results import Results
from striate.lab.verdict import Statement, against
from striate.support import settings
from striate.transfer_learning.heads.solver import Problem

SETTINGS = ("linear SVM", "RBF SVM", "logistic, L2", "logistic, L1")
#: Of every SVM, and of logistic regression, on standardised features.
C_SVM, C_LOGISTIC = 1.0, 0.1
DIMENSIONS = 10
#: Points in that many dimensions, whose divisions in two Cover counted.
POINTS = (10, 15, 20, 25, 30, 40)

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]


def measure(setting: str, seed: int, conditions: Conditions) -> Measured:
    """Accuracies on features and on circles, and what the head hangs on."""
    from sklearn.svm import SVC  # takes a second, which a list of all claims need not wait for

    train, labels, val, true = features(seed, conditions)
    circles, ring = two_circles(seed, 400)
    measured: dict[str, float | list[float]] = {}
    if setting.endswith("SVM"):
        kernel = "linear" if setting == "linear SVM" else "rbf"
        machine = SVC(kernel=kernel, C=C_SVM, tol=1e-5).fit(train, labels)
        right = machine.predict(val) == true
        measured["support"] = len(machine.support_) / len(train)
        measured["without_others"] = without_others(train, labels, kernel)
        on_circles = SVC(kernel=kernel, C=C_SVM).fit(circles[::2], ring[::2])
        found = on_circles.predict(circles[1::2]) == ring[1::2]
    else:
        weights = logistic(train, labels, sparse=setting.endswith("L1"))
        right = answers(weights, val) == true
        measured["zeros"] = float((weights[:-1] == 0).mean())
        flat = logistic(circles[::2], ring[::2], sparse=False)
        found = answers(flat, circles[1::2]) == ring[1::2]
        lifted = np.column_stack([circles, (circles**2).sum(1)])
        high = logistic(lifted[::2], ring[::2], sparse=False)
        gain = (answers(high, lifted[1::2]) == ring[1::2]).mean() - found.mean()
        measured["lift"] = float(gain)
    shares = separable_shares(seed, 5 if conditions.quick else 200)
    apart = max(abs(share - cover(n, DIMENSIONS)) for share, n in zip(shares, POINTS, strict=True))
    return {
        **measured,
        "val": float(right.mean()),
        "circles": float(found.mean()),
        "separable": shares,
        "from_cover": apart,
    }


@lru_cache(maxsize=2)
def features(seed: int, conditions: Conditions) -> tuple[Floats, Labels, Floats, Labels]:
    """Standardised features of a small network trained with `seed`, and labels, of either part."""
    data = images_of(conditions)
    prepared = preprocessed(data.train, SIDE)
    with settings.seeded(seed):  # the same network for every head, whatever was drawn before
        network = network_of("max", prepared.channels, len(data.classes))
    recipe = recipe_for(network, data, epochs=conditions.epochs, size=SIDE)
    learnt = learn(network, data, recipe, seed=seed, preprocessing=prepared)
    found = []
    for images in (data.train, data.val):
        inputs, labels = sample_of(images, prepared, len(images))
        with torch.inference_mode():
            # What its classifier sees.
            seen = learnt.network[:-1](inputs)  # type: ignore[index]
        found.append((seen.numpy().astype(np.float64), labels.numpy()))
    (train, own), (val, other) = found
    mean, std = train.mean(0), train.std(0) + 1e-9
    return (train - mean) / std, own, (val - mean) / std, other


def without_others(rows: Floats, labels: Labels, kernel: str) -> float:
    """How far an SVM of two classes moves where all but its support vectors are taken away.

    The largest change of its scores, in their largest.
    """
    from sklearn.svm import SVC

    two = labels < 2
    rows, labels = rows[two], labels[two]
    gamma = 1 / (rows.shape[1] * rows.var())  # of all, so that both have the same kernel
    machine = SVC(kernel=kernel, C=C_SVM, tol=1e-9, gamma=gamma).fit(rows, labels)
    scores = machine.decision_function(rows)
    kept = machine.support_
    fewer = SVC(kernel=kernel, C=C_SVM, tol=1e-9, gamma=gamma).fit(rows[kept], labels[kept])
    moved = np.abs(fewer.decision_function(rows) - scores).max()
    return float(moved / np.abs(scores).max())


def logistic(rows: Floats, labels: Labels, *, sparse: bool) -> NDArray[np.float32]:
    """Weights of softmax regression, (D + 1, classes), by the product's own solver."""
    problem = Problem(
        rows.astype(np.float32), labels, np.ones(len(rows), np.float32), int(labels.max()) + 1
    )
    return problem.fit(C_LOGISTIC, tolerance=1e-5, sparse=sparse).coefficients


def answers(weights: NDArray[np.float32], rows: Floats) -> Labels:
    """The likeliest class of each row."""
    found: Labels = (rows @ weights[:-1] + weights[-1]).argmax(1)
    return found


def two_circles(seed: int, number: int) -> tuple[Floats, Labels]:
    """Points on a circle within another, with some noise, and which of the two each is on."""
    random = np.random.default_rng(seed)
    ring = np.arange(number) // 2 % 2
    angle = random.uniform(0, 2 * math.pi, number)
    radius = np.where(ring == 1, 1.0, 2.0)
    points = np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1)
    return points + random.normal(0, 0.15, points.shape), ring.astype(np.int64)


def separable_shares(seed: int, divisions: int) -> list[float]:
    """The share of random divisions in two that a plane through the origin separates.

    Whether there is one is a linear programme: weights with a margin of 1 at every point.
    """
    from scipy.optimize import linprog  # type: ignore[import-untyped]

    random = np.random.default_rng(seed)
    shares = []
    for number in POINTS:
        found = 0
        for _ in range(divisions):
            signs = random.choice([-1.0, 1.0], (number, 1))
            points = random.normal(size=(number, DIMENSIONS))
            solved = linprog(
                np.zeros(DIMENSIONS),
                A_ub=-signs * points,
                b_ub=-np.ones(number),
                bounds=(None, None),
                method="highs",
            )
            found += solved.status == 0
        shares.append(found / divisions)
    return shares


def cover(number: int, dimensions: int) -> float:
    """The share of all divisions of `number` points that a plane through the origin separates.

    Cover 1965, "Geometrical and statistical properties of systems of linear inequalities", eq. 1,
    over 2 to the power of `number`.

    Examples:
        >>> cover(20, 10), cover(10, 10)
        (0.5, 1.0)
    """
    ways = 2 * sum(math.comb(number - 1, k) for k in range(dimensions))
    return float(ways / 2**number)


def equal(_conditions: Conditions) -> Sequence[Equal]:
    """Every head is fitted to the same features of the same network."""
    return (
        Equal(what="features", values=dict.fromkeys(SETTINGS, 32.0)),
        Equal(what="C of both SVMs", values=dict.fromkeys(SETTINGS[:2], C_SVM)),
        Equal(what="C of both regressions", values=dict.fromkeys(SETTINGS[2:], C_LOGISTIC)),
    )


def draw(results: Results) -> Markup:
    """Accuracies of every head, and what Cover counted."""
    accuracy = Axis(title="held-out accuracy on learnt features", tick=per_cent)
    circles = Axis(title="held-out accuracy on two circles", tick=per_cent, low=0.0, high=1.0)
    halves = Axis(
        title="share of divisions that a plane separates",
        tick=per_cent,
        low=0.0,
        high=1.0,
        level=(0.5, "half, at two points a dimension"),
    )
    return beside(
        "Heads on features and on circles, and separable divisions",
        rows(results, "val", accuracy),
        rows(results, "circles", circles),
        curves(
            results,
            "separable",
            halves,
            x=POINTS,
            x_title=f"points in {DIMENSIONS} dimensions",
            settings=("linear SVM",),
        ),
    )


EXPERIMENT = Experiment(
    name="linear-heads",
    number=20,
    title="SVM and logistic regression",
    claim=(
        "An SVM hangs on its support vectors alone; what no line separates, a lift into more "
        "dimensions does; L1 leaves weights out, and L2 does not."
    ),
    source=(
        "The working notes on SVMs; Cortes and Vapnik 1995; Cover 1965 on the lift; Tibshirani "
        "1996 on L1."
    ),
    chinese=(
        "支持向量机与逻辑回归",
        "SVM 只取决于支持向量；直线无法分开的，升到更高维后可以分开；L1 会舍去一些权重，L2 不会。",
    ),
    settings=SETTINGS,
    measure=measure,
    equal=equal,
    statements=(
        Statement(
            says="a linear SVM of two classes stays where it is without all other images (largest "
            "change of a score, in the largest score)",
            figure="without_others",
            contrast={"linear SVM": 1.0},
            wants="same",
            least=1e-3,
        ),
        Statement(
            says="two circles: a Gaussian kernel separates more than a line",
            figure="circles",
            contrast=against("RBF SVM", "linear SVM"),
            wants="more",
            least=0.3,
            unit="points",
        ),
        Statement(
            says="two circles: so does x² + y² as a third number in logistic regression",
            figure="lift",
            contrast={"logistic, L2": 1.0},
            wants="more",
            least=0.3,
            unit="points",
        ),
        Statement(
            says="the share of divisions that a plane separates is the one that Cover counted "
            "(largest difference)",
            figure="from_cover",
            contrast={"linear SVM": 1.0},
            wants="same",
            least=0.12,
        ),
        Statement(
            says="L1 sets more weights to exactly 0 than L2",
            figure="zeros",
            contrast=against("logistic, L1", "logistic, L2"),
            wants="more",
            least=0.1,
            unit="points",
        ),
        Statement(
            says="and is as accurate",
            figure="val",
            contrast=against("logistic, L1", "logistic, L2"),
            wants="same",
            least=0.02,
            unit="points",
            decides=False,
        ),
        Statement(
            says="on learnt features the Gaussian kernel is more accurate than a line",
            figure="val",
            contrast=against("RBF SVM", "linear SVM"),
            wants="more",
            least=0.01,
            unit="points",
            decides=False,
        ),
    ),
    figure=draw,
    caption=(
        "A point is a seed; of the divisions, a line is the mean of what was counted with each "
        "seed."
    ),
    shown=(
        ("val", "features, %"),
        ("circles", "circles, %"),
        ("support", "support vectors, %"),
        ("without_others", "change without others"),
        ("zeros", "weights of 0, %"),
    ),
    cannot=(
        f"Each has one C ({C_SVM:g} of SVMs, {C_LOGISTIC:g} of regressions): accuracies with the "
        "best C of each might be ordered otherwise. `striate transfer` chooses it by "
        "cross-validation.",
        "The features are those of a small network that was trained on the same images, which "
        "makes them nearly linear; others leave a kernel more to do.",
    ),
    conditions=Conditions(data="digits", images=(1500, 1000), epochs=5),
    quick=Conditions(data="digits", images=(200, 100), epochs=1, quick=True),
)
