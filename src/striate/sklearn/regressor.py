"""Numbers of images, as scikit-learn has regressors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import RegressorMixin

from striate.data.finding.named import NamedSet
from striate.data.tables.roles import name_and_unit
from striate.data.targets import Target
from striate.errors import StriateError, parameter
from striate.recipes.choices import NumberLoss
from striate.sklearn.estimator import ImageEstimator, estimator
from striate.sklearn.pictures import Pictures
from striate.support.options import Doc, doc_of
from striate.training.options import TrainOptions


@estimator
class ImageRegressor(RegressorMixin, ImageEstimator):  # type: ignore[misc]
    """Numbers from images: by a network, or by a head on what a trained network sees.

    Attributes:
        targets_: names of the numbers, in their order.
        run_: the folder of the run that was made, whose prediction intervals `striate.predict`
            gives; `save` keeps it.
        n_features_in_: numbers an image, where images were given as one array.

    Examples:
        ::

            regressor = ImageRegressor(head="svr").fit(files, ages)
            regressor.predict(["ann.jpg", "bob.jpg"])  # (2,)
    """

    loss: Annotated[NumberLoss | None, doc_of(TrainOptions, "loss")] = None
    target: Annotated[
        str | Sequence[str] | None,
        Doc(
            "What the numbers are called, such as ``age (years)``, with the unit; by default as "
            "the columns of y are, or ``target``."
        ),
    ] = None

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def _options(self) -> dict[str, Any]:
        if self.net is not None:
            return {"loss": self.loss}
        if self.loss is not None:
            raise StriateError(
                parameter("loss", self.loss),
                "is of a network that is trained",
                f"give {parameter('net')}, or leave it out",
            )
        return {}

    def _named(self, pictures: Pictures, y: Any) -> NamedSet:
        given = self._called(y)
        y = self._validated(y, multi_output=True, y_numeric=True).astype(np.float64)
        self._single = y.ndim == 1
        values = y[:, None] if self._single else y
        count = values.shape[1]
        called = given or (["target"] if count == 1 else [f"target{n + 1}" for n in range(count)])
        if len(called) != count:
            raise StriateError(
                parameter("target", called), f"names {len(called)} numbers, and y has {count}"
            )
        pairs = map(name_and_unit, called)
        targets = tuple(Target(name=name, unit=unit) for name, unit in pairs)
        self.targets_ = [each.name for each in targets]
        part = self._part(pictures, np.zeros(len(values), np.int64))
        return NamedSet((), {"train": part}, targets, {"train": values})

    def _called(self, y: Any) -> list[str]:
        """What the numbers are called; nothing where nobody says so."""
        if self.target is not None:
            return [self.target] if isinstance(self.target, str) else list(self.target)
        columns = getattr(y, "columns", None)  # of pandas or polars
        if columns is not None:
            return [str(each) for each in columns]
        name = getattr(y, "name", None)
        return [] if name is None else [str(name)]

    def predict(self, X: Any) -> NDArray[np.float64]:  # noqa: N803 - scikit-learn's name
        """The numbers of each image, (n,), or (n, numbers) where y had several columns.

        Raises:
            ValueError: X holds no images; see `fit`.
        """
        found = self._numbers(X).astype(np.float64)
        return found[:, 0] if self._single else found
