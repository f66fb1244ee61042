"""What a frozen backbone and its head say to images, for their figures: features, then the head.

One way for a transfer and for whoever measures its run later, so that both give the same figures,
in float32 whatever the head was fitted to. Features that are on disk are not computed again.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from striate.data.images import ImageSet
from striate.hub.surgery import Transferred
from striate.inference.predict import BATCH_SIZE
from striate.runs.run import Run
from striate.runs.transfer_record import read_transfer_record
from striate.support.progress import Progress
from striate.transfer_learning.backbone import Backbone, open_backbone
from striate.transfer_learning.features import features

Floats = NDArray[np.float32]


def features_of(
    backbone: Backbone,
    images: ImageSet,
    *,
    fitted_by: str,
    cache: Path | None = None,
    workers: int = 0,
    progress: Progress | None = None,
) -> Floats:
    """Features of `images`, (images, D), in float32.

    Args:
        backbone: a network without its classifier.
        images: what is measured on.
        fitted_by: engine and precision of the features that the head was fitted to: PyTorch is not
            left for another engine, with which it may not go.
        cache: where features are kept; the default folder if None.
        workers: threads that decode images; 0 for one a processor.
        progress: called with images done, of all.
    """
    engine = "torch float32" if fitted_by.startswith("torch") else "float32"
    given = {"engine": engine, "cache_dir": cache, "workers": workers, "progress": progress}
    values: Floats = features(backbone, images, **given).values[0]  # type: ignore[arg-type]
    return values


def shares_of(head: nn.Module, values: Floats) -> Floats:
    """Probabilities, (images, classes), that `head` gives to features `values`, (images, D).

    In batches: a kernel with many support vectors has no room for all, and the last digits hang on
    how many there are in one.
    """
    parts = [values[at : at + BATCH_SIZE] for at in range(0, len(values), BATCH_SIZE)]
    with torch.inference_mode():
        shares = [head(torch.from_numpy(part)).softmax(dim=1) for part in parts]
    return torch.cat(shares).numpy()


def probabilities(
    run: Run, images: ImageSet, *, workers: int = 0, progress: Progress | None = None
) -> Floats | None:
    """Probabilities, (images, classes), of a run whose backbone was frozen; None for any other."""
    transfer, record = run.config.transfer, read_transfer_record(run)
    if transfer is None or transfer.freeze != "all" or record is None:
        return None
    network = run.network()
    assert isinstance(network, Transferred)
    given = {"fitted_by": record["engine"], "workers": workers, "progress": progress}
    values = features_of(open_backbone(run.path), images, **given)
    return shares_of(network.head, values)
