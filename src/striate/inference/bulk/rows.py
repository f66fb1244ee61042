"""What is found of one image, and what finds it: a predictor, with or without the embeddings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from striate.errors import DataError, StriateError, TrainingError, parameter
from striate.inference.bulk.columns import BulkTarget, bulk_targets
from striate.inference.classifier import Classifier
from striate.inference.predictor import Predictor
from striate.support.text import printable

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from striate.engines.session import Answers, Pixels
    from striate.inference.regressor import Regressor
    from striate.inference.views.filling import Batch, Part


@dataclass(frozen=True, slots=True)
class Row:
    """One image's numbers, or why there are none.

    Attributes:
        numbers: float32 (K + size of the embedding,); None for an image that cannot be read.
        error: why it cannot be read, in one line; empty for all others.
    """

    numbers: Answers | None
    error: str = ""


class BulkPredictor(Predictor[Row]):
    """The session of a classifier or of a regressor, whose answers are kept as they come.

    Args:
        predictor: whose session is used; who closes this closes it.
        embeddings: whether each image's embedding comes behind its answer.

    Attributes:
        classes: names, in the order of the probabilities; none of a regressor.
        targets: of the values, in their order; none of a classifier.
        embedding: how many numbers an embedding has; 0 without.
        threshold: the probability below which a likeliest class is called unsure; 0 for none.

    Raises:
        StriateError: there are no embeddings to be had of this predictor.
    """

    def __init__(self, predictor: Classifier | Regressor, *, embeddings: bool = False) -> None:
        session, self.embedding = predictor.session, 0
        if embeddings:
            session, self.embedding = _with_embeddings(predictor)
        super().__init__(
            session,
            predictor.preprocessing,
            fits=predictor.fits,
            views=predictor.views,
            reduced=predictor.reduced,
        )
        self.classes: tuple[str, ...] = ()
        self.targets: tuple[BulkTarget, ...] = ()
        self.threshold = 0.0
        if isinstance(predictor, Classifier):
            self.classes, self.threshold = predictor.classes, predictor.threshold
        else:
            self.targets = bulk_targets(predictor.targets, predictor.half_widths)
        self._predictor = predictor

    @property
    def sees_once(self) -> bool:
        """As the predictor."""
        return self._predictor.sees_once

    @property
    def channels(self) -> int:
        """As the predictor's."""
        return self._predictor.channels

    def parts(self, image: Pixels) -> list[Part]:
        """As the predictor's."""
        return self._predictor.parts(image)

    def of_mean(self, row: Answers) -> Answers:
        """As the predictor."""
        return self._predictor.of_mean(row)

    def compute(self, batches: Iterator[Batch]) -> Generator[Answers]:
        """As the predictor, where there are no embeddings."""
        compute = super().compute if self.embedding else self._predictor.compute
        return compute(batches)

    def close(self) -> None:
        """Free what the predictor holds, and what was made for its embeddings."""
        super().close()
        self._predictor.close()

    @property
    def outputs(self) -> int:
        """Numbers an image: its answer, and its embedding."""
        return self._predictor.outputs + self.embedding

    def answer(self, name: str, row: Answers) -> Row:
        """The numbers of the image called `name`.

        Raises:
            TrainingError: they are not finite.
        """
        if not np.isfinite(row).all():
            raise TrainingError(
                printable(name),
                "the network's answer or embedding is not made of finite numbers",
                "the weights have diverged: train again at a lower learning rate",
            )
        return Row(row)

    def failed(self, name: str, error: DataError) -> Row:
        """What stands for an image that cannot be read."""
        return Row(None, error.reason)


def _with_embeddings(predictor: Classifier | Regressor) -> tuple[Any, int]:
    """A session like the predictor's that gives embeddings too, and how long these are."""
    from striate.engines.probabilities import Probabilities
    from striate.engines.pytorch import PyTorchSession
    from striate.engines.values import Values
    from striate.hub.ensemble import Ensemble
    from striate.inference.bulk.embedding import WithEmbedding

    session = predictor.session
    if predictor.views.whole:
        raise StriateError(
            parameter("embeddings", True),
            "is not to be had of whole images",
            f"take other {parameter('crops')}, or leave one of the two out",
        )
    if not isinstance(session, PyTorchSession) or not isinstance(
        session.network, (Probabilities, Values)
    ):
        raise StriateError(
            parameter("embeddings", True),
            "is not to be had of an exported file, which gives answers alone",
            "give the folder of the run that it was exported from",
        )
    if isinstance(session.network.network, Ensemble):
        raise StriateError(
            parameter("embeddings", True),
            "is not to be had of an ensemble, whose members have one each",
            "give one of its members",
        )
    network = WithEmbedding(session.network, predictor.input)
    found = PyTorchSession(
        network,
        predictor.preprocessing,
        precision=session.precision,
        device=session.device,
        batch_size=session.batch_size,
    )
    return found, network.size
