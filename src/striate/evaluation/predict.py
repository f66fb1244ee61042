"""From images to probabilities: a whole split, or files that a person names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from striate.data.decode import decode
from striate.data.loader import Loader
from striate.data.preprocessing import Preprocessing

if TYPE_CHECKING:
    from striate.data.images import ImageSet

#: Called with (images done, images in all).
Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """The likeliest classes of one file, likeliest first."""

    file: str
    classes: tuple[str, ...]
    probabilities: tuple[float, ...]

    def to_json(self) -> dict[str, Any]:
        """``{"file", "predictions": [{"class", "probability"}, …]}``."""
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
    batch_size: int = 64,
    workers: int = 0,
    device: str | torch.device = "cpu",
    progress: Progress | None = None,
) -> NDArray[np.float32]:
    """What `network` says about every image of `images`, in their order: (images, classes).

    Computed in float32; the same bits for any number of `workers`. The network is moved to `device`
    and left in evaluation mode.

    Raises
    ------
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


def predict_files(
    network: nn.Module,
    files: Sequence[Path],
    preprocessing: Preprocessing,
    classes: Sequence[str],
    *,
    top: int = 5,
    batch_size: int = 32,
    workers: int = 0,
    device: str | torch.device = "cpu",
    progress: Progress | None = None,
) -> list[Prediction]:
    """The `top` likeliest classes of each of `files`, in their order.

    With fewer than `top` classes all of them are given; equals come in the order of `classes`.

    Raises
    ------
    DataError: a file cannot be read as an image; it is named.
    """
    network = _ready(network, device)
    predictions: list[Prediction] = []
    for names, pixels in _fitted(files, preprocessing, batch_size, workers):
        inputs = preprocessing.normalise(torch.from_numpy(pixels).to(device))
        for name, row in zip(names, _softmax(network, inputs), strict=True):
            best = np.argsort(-row, kind="stable")[:top]
            predictions.append(
                Prediction(
                    file=str(name),
                    classes=tuple(classes[i] for i in best),
                    probabilities=tuple(float(row[i]) for i in best),
                )
            )
        if progress is not None:
            progress(len(predictions), len(files))
    return predictions


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
    files: Sequence[Path], preprocessing: Preprocessing, batch_size: int, workers: int
) -> Iterator[tuple[Sequence[Path], NDArray[np.uint8]]]:
    """Batches of files with their pixels (N, H, W, C), decoded on `workers` threads."""

    def read(path: Path) -> NDArray[np.uint8]:
        channels: Any = preprocessing.channels
        fitted: NDArray[np.uint8] = preprocessing.fit_image(decode(path, channels))
        return fitted

    with ExitStack() as stack:
        if workers > 0:
            each: Any = stack.enter_context(ThreadPoolExecutor(workers)).map
        else:
            each = map
        for start in range(0, len(files), batch_size):
            names = files[start : start + batch_size]
            yield names, np.stack(list(each(read, names)))
