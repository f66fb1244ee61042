"""What is found of one image, and who finds it: a classifier, with or without the embeddings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from striate.errors import DataError, StriateError, TrainingError, parameter
from striate.inference.predictor import Predictor
from striate.support.text import printable

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from striate.engines.session import Answers, Pixels
    from striate.inference.classifier import Classifier
    from striate.inference.views.filling import Batch, Part


@dataclass(frozen=True, slots=True)
class Row:
    """One image's numbers, or why there are none.

    Attributes:
        numbers: float32 (classes + size of the embedding,); None for an image that cannot be read.
        error: why it cannot be read, in one line; empty for all others.
    """

    numbers: Answers | None
    error: str = ""


class BulkPredictor(Predictor[Row]):
    """A classifier's session, whose answers are kept as they come.

    Args:
        classifier: whose session is used; who closes this closes it.
        embeddings: whether each image's embedding comes behind its probabilities.

    Attributes:
        classes: names, in the order of the probabilities.
        embedding: how many numbers an embedding has; 0 without.
        threshold: the probability below which a likeliest class is called unsure; 0 for none.

    Raises:
        StriateError: there are no embeddings to be had of this classifier.
    """

    def __init__(self, classifier: Classifier, *, embeddings: bool = False) -> None:
        session, self.embedding = classifier.session, 0
        if embeddings:
            session, self.embedding = _with_embeddings(classifier)
        super().__init__(
            session,
            classifier.preprocessing,
            fits=classifier.fits,
            views=classifier.views,
            reduced=classifier.reduced,
        )
        self.classes, self.threshold = classifier.classes, classifier.threshold
        self._classifier = classifier

    @property
    def sees_once(self) -> bool:
        """As the classifier."""
        return self._classifier.sees_once

    @property
    def channels(self) -> int:
        """As the classifier's."""
        return self._classifier.channels

    def parts(self, image: Pixels) -> list[Part]:
        """As the classifier's."""
        return self._classifier.parts(image)

    def of_mean(self, row: Answers) -> Answers:
        """As the classifier."""
        return self._classifier.of_mean(row)

    def compute(self, batches: Iterator[Batch]) -> Generator[Answers]:
        """As the classifier, where there are no embeddings."""
        compute = super().compute if self.embedding else self._classifier.compute
        return compute(batches)

    def close(self) -> None:
        """Free what the classifier holds, and what was made for its embeddings."""
        super().close()
        self._classifier.close()

    @property
    def outputs(self) -> int:
        """Numbers an image: its probabilities, and its embedding."""
        return len(self.classes) + self.embedding

    def answer(self, name: str, row: Answers) -> Row:
        """The numbers of the image called `name`.

        Raises:
            TrainingError: they are not finite.
        """
        if not np.isfinite(row).all():
            raise TrainingError(
                printable(name),
                "the network's probabilities or embedding are not finite numbers",
                "the weights have diverged: train again at a lower learning rate",
            )
        return Row(row)

    def failed(self, name: str, error: DataError) -> Row:
        """What stands for an image that cannot be read."""
        return Row(None, error.reason)


def _with_embeddings(classifier: Classifier) -> tuple[Any, int]:
    """A session like the classifier's that gives embeddings too, and how long these are."""
    from striate.engines.probabilities import Probabilities
    from striate.engines.pytorch import PyTorchSession
    from striate.hub.ensemble import Ensemble
    from striate.inference.bulk.embedding import WithEmbedding

    session = classifier.session
    if classifier.views.whole:
        raise StriateError(
            parameter("embeddings", True),
            "is not to be had of whole images",
            f"take other {parameter('crops')}, or leave one of the two out",
        )
    if not isinstance(session, PyTorchSession) or not isinstance(session.network, Probabilities):
        raise StriateError(
            parameter("embeddings", True),
            "is not to be had of an exported file, which gives probabilities alone",
            "give the folder of the run that it was exported from",
        )
    if isinstance(session.network.network, Ensemble):
        raise StriateError(
            parameter("embeddings", True),
            "is not to be had of an ensemble, whose members have one each",
            "give one of its members",
        )
    computed = session.network
    network = WithEmbedding(computed.network, classifier.input, computed.temperature)
    found = PyTorchSession(
        network,
        classifier.preprocessing,
        precision=session.precision,
        device=session.device,
        batch_size=session.batch_size,
    )
    return found, network.size
