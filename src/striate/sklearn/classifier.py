"""Classes of images, as scikit-learn has classifiers."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets

from striate.data.finding.folders import class_name
from striate.data.finding.named import NamedSet
from striate.errors import DataError
from striate.recipes.choices import ClassWeights
from striate.sklearn.estimator import ImageEstimator, estimator
from striate.sklearn.pictures import Pictures
from striate.support.options import Doc


@estimator
class ImageClassifier(ClassifierMixin, ImageEstimator):  # type: ignore[misc]
    """A classifier of images: a network, or a head on what a trained network sees.

    Parameters that are numbers or names may be searched over. Features of images are cached, so
    that a second head, or a second fold, costs the fit of the head alone.

    Attributes:
        classes_: (classes,), the classes as y has them, sorted.
        run_: the folder of the run that was made, with which `striate.export`, `striate.predict`
            and all else work as long as the estimator exists; `save` keeps it.
        n_features_in_: numbers an image, where images were given as one array.

    Examples:
        ::

            from sklearn.datasets import load_digits
            from sklearn.model_selection import cross_val_score

            digits = load_digits()
            images = (digits.images * (255 / 16)).astype("uint8")
            cross_val_score(ImageClassifier(net="lenet", epochs=5), images, digits.target)
    """

    class_weights: Annotated[
        ClassWeights,
        Doc(
            "``balanced`` weighs each image so that all classes count alike, however many images "
            "they have; ``none`` does not."
        ),
    ] = "none"

    def _options(self) -> dict[str, Any]:
        return {"class_weights": self.class_weights}

    def _named(self, pictures: Pictures, y: Any) -> NamedSet:
        y = self._validated(y)
        check_classification_targets(y)
        self.classes_, labels = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            why = f"holds one class only ({self.classes_[0]!s})"
            raise DataError("y", why, "give images of others as well")
        names = tuple(class_name(str(each)) for each in self.classes_)
        return NamedSet(names, {"train": self._part(pictures, labels.astype(np.int64))})

    def predict_proba(self, X: Any) -> NDArray[np.float32]:  # noqa: N803 - scikit-learn's name
        """The probability of each class, float32 (n, classes), in the order of `classes_`.

        Raises:
            ValueError: X holds no images; see `fit`.
        """
        return self._numbers(X)

    def predict(self, X: Any) -> NDArray[Any]:  # noqa: N803
        """The likeliest class of each image, (n,), as y had it.

        Raises:
            ValueError: X holds no images; see `fit`.
        """
        likeliest = self._numbers(X).argmax(axis=1)
        found: NDArray[Any] = self.classes_[likeliest]
        return found
