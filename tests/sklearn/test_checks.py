"""scikit-learn's own checks of estimators, of images that stand for the rows that they are about.

They fit rows of any numbers, which are no images: here each row becomes one, by an estimator that
differs from ours in nothing else. Those that fit most are for `make exhaustive`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.utils.estimator_checks import estimator_checks_generator
from sklearn.utils.validation import validate_data

from striate.sklearn import ImageClassifier, ImageRegressor
from striate.sklearn.estimator import ImageEstimator, estimator

#: Those that run each time, since they fit nothing, or are refused.
QUICK = {
    "check_complex_data",
    "check_do_not_raise_errors_in_init_or_set_params",
    "check_estimator_cloneable",
    "check_estimator_repr",
    "check_estimator_sparse_array",
    "check_estimators_empty_data_messages",
    "check_estimators_unfitted",
    "check_fit1d",
    "check_fit2d_1sample",
    "check_get_params_invariance",
    "check_mixin_order",
    "check_no_attributes_set_in_init",
    "check_parameters_default_constructible",
    "check_requires_y_none",
    "check_set_params",
    "check_supervised_y_no_nan",
    "check_valid_tag_types",
}
#: What a network does not allow, by whether it is trained here, and why.
FAILING = {
    False: {
        "check_methods_subset_invariance": (
            "float32 sums depend on how many images are computed together, by more than 1e-7"
        ),
    },
    True: dict.fromkeys(
        ("check_classifiers_train", "check_regressors_train"),
        "asks for a score at the end, for which the one epoch of this test teaches too little",
    ),
}


class Rows(ImageEstimator):
    """Takes rows of numbers as scikit-learn's estimators do, and makes an image of each."""

    def _pictures(self, X: Any, *, fitting: bool) -> np.ndarray:
        rows = validate_data(self, X, reset=fitting, dtype=np.float64)
        coarse, fine = np.clip(128 + 40 * rows, 0, 255), 255 * (rows - np.floor(rows))
        both = np.repeat(np.stack([coarse, fine], axis=1), 4, axis=1)
        return np.round(both[..., None]).astype(np.uint8)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array, tags.input_tags.three_d_array = True, False
        return tags


@estimator
class ClassifierOfRows(Rows, ImageClassifier):
    pass


@estimator
class RegressorOfRows(Rows, ImageRegressor):
    pass


def checks(*, trained: bool) -> Iterator[Any]:
    """Each check of each kind; those of `FAILING` may fail."""
    for kind in (ClassifierOfRows, RegressorOfRows):
        for _, check in estimator_checks_generator(kind()):
            name = check.func.__name__ if hasattr(check, "func") else check.__name__
            marks = [] if name in QUICK else [pytest.mark.exhaustive]
            if why := FAILING[trained].get(name):
                marks.append(pytest.mark.xfail(reason=why, strict=False))
            yield pytest.param(
                kind,
                check,
                id=f"{kind.__name__}-{name}-{len(getattr(check, 'keywords', {}))}",
                marks=marks,
            )


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("kind", "check"), list(checks(trained=False)))
def test_scikit_learn_s_checks(
    kind: type[ImageEstimator], check: Callable[[ImageEstimator], None], backbone: Path
) -> None:
    check(kind(backbone=backbone))


@pytest.mark.exhaustive
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("kind", "check"), list(checks(trained=True)))
def test_scikit_learn_s_checks_of_networks_that_are_trained(
    kind: type[ImageEstimator], check: Callable[[ImageEstimator], None]
) -> None:
    check(kind(net="lenet", epochs=1, batch_size=8))
