"""From images to probabilities: a whole split, or images that a person names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from striate.data.finding.inputs import Item
from striate.data.loader import Loader
from striate.data.preprocessing import Preprocessing
from striate.errors import DataError, TrainingError
from striate.support.prefetch import prefetch
from striate.support.progress import Progress
from striate.support.text import printable

if TYPE_CHECKING:
    from striate.data.images import ImageSet

#: Images that are evaluated together: the last digits of a network's sums hang on it.
BATCH_SIZE = 64


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """The likeliest classes of one image, likeliest first, or why there are none.

    Attributes:
        file: the path, or ``images[3]`` for the fourth of several that are in memory.
        classes: names, as many as were asked for; empty for an image that cannot be read.
        probabilities: one for each of `classes`.
        error: why it cannot be read, in one line; empty for all others.
    """

    file: str
    classes: tuple[str, ...]
    probabilities: tuple[float, ...]
    error: str = ""

    @classmethod
    def failed(cls, file: str, error: DataError) -> Prediction:
        """What stands in the place of a `file` that cannot be read."""
        why = error.why + (f"; {error.remedy}" if error.remedy else "")
        return cls(file=file, classes=(), probabilities=(), error=why)

    def to_json(self) -> dict[str, Any]:
        """``{"file", "predictions": [{"class", "probability"}, …]}``, or ``{"file", "error"}``."""
        if self.error:
            return {"file": self.file, "error": self.error}
        pairs = zip(self.classes, self.probabilities, strict=True)
        return {
            "file": self.file,
            "predictions": [{"class": name, "probability": share} for name, share in pairs],
        }


def probabilities(
    network: nn.Module,
    images: ImageSet,
    preprocessing: Preprocessing,
    *,
    batch_size: int = BATCH_SIZE,
    workers: int = 0,
    device: str | torch.device = "cpu",
    progress: Progress | None = None,
) -> NDArray[np.float32]:
    """What `network` says about every image of `images`, in their order: (images, classes).

    Computed in float32; the same bits for any number of `workers`. The network is moved to `device`
    and left in evaluation mode.

    Raises:
        DataError: an image cannot be read.
    """
    loader = Loader(
        images, preprocessing, None, batch_size=batch_size, workers=workers, shuffle=False
    )
    network = _ready(network, device)
    parts = []
    done = 0
    for batch in loader.batches(0):
        parts.append(_softmax(network, batch.inputs(device)))
        done += len(parts[-1])
        if progress is not None:
            progress(done, len(images))
    return np.concatenate(parts)


def predict_items(
    network: nn.Module,
    items: Iterable[Item],
    preprocessing: Preprocessing,
    classes: Sequence[str],
    *,
    top: int = 5,
    batch_size: int = 32,
    workers: int = 0,
    device: str | torch.device = "cpu",
) -> Iterator[Prediction]:
    """The `top` likeliest classes of each of `items`, in their order, as they come.

    With fewer than `top` classes all of them are given; equals come in the order of `classes`. An
    item that cannot be read as an image gives a `Prediction` that says why. No more than a batch
    of items is asked for ahead.

    Args:
        network: moved to `device` and left in evaluation mode.
        items: see `striate.data.finding.inputs.items`.
        preprocessing: the run's.
        classes: names, in the order of the network's outputs.
        top: how many classes an image.
        batch_size: images that are computed together.
        workers: threads that read images.
        device: where to compute.

    Raises:
        TrainingError: the network gives something else than numbers.
    """
    network = _ready(network, device)
    for batch in _fitted(items, preprocessing, batch_size, workers):
        sound = [pixels for _, pixels in batch if not isinstance(pixels, DataError)]
        shares: Iterator[NDArray[np.float32]] = iter(())
        if sound:
            inputs = preprocessing.normalise(torch.from_numpy(np.stack(sound)).to(device))
            shares = iter(_softmax(network, inputs))
        for item, pixels in batch:
            if isinstance(pixels, DataError):
                yield Prediction.failed(item.name, pixels)
                continue
            row = next(shares)
            if not np.isfinite(row).all():
                raise TrainingError(
                    printable(item.name),
                    "the network's probabilities are not finite numbers",
                    "the weights have diverged: train again at a lower learning rate",
                )
            best = np.argsort(-row, kind="stable")[:top]
            yield Prediction(
                file=item.name,
                classes=tuple(classes[i] for i in best),
                probabilities=tuple(float(row[i]) for i in best),
            )


def _ready(network: nn.Module, device: str | torch.device) -> nn.Module:
    network.to(device=torch.device(device))
    # Module.to with a memory format alone is missing from the stubs of older releases.
    return network.to(memory_format=torch.channels_last).eval()  # type: ignore[call-overload, no-any-return, unused-ignore]


def _softmax(network: nn.Module, inputs: Tensor) -> NDArray[np.float32]:
    with torch.inference_mode():
        logits = network(inputs.contiguous(memory_format=torch.channels_last))
        shares: NDArray[np.float32] = logits.float().softmax(dim=1).cpu().numpy()
    return shares


def _fitted(
    items: Iterable[Item], preprocessing: Preprocessing, batch_size: int, workers: int
) -> Iterator[list[tuple[Item, NDArray[np.uint8] | DataError]]]:
    """Batches of items with their pixels (H, W, C), or why there are none; on `workers` threads."""

    def read(item: Item) -> tuple[Item, NDArray[np.uint8] | DataError]:
        try:
            with item.opened(preprocessing.channels) as image:
                return item, preprocessing.fit_image(image)
        except DataError as error:
            return item, error

    waiting = iter(items)
    while batch := list(islice(waiting, batch_size)):
        yield list(prefetch(read, batch, workers=workers, ahead=batch_size))
