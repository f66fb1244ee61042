"""A great many images at a time."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from striate.inference.options import BulkOptions
from striate.support.options import takes

if TYPE_CHECKING:
    from striate.inference.bulk.job import BulkReport
    from striate.inference.bulk.rows import BulkPredictor
    from striate.support.shared_options import Crops


@takes(BulkOptions)
def predict_bulk(options: BulkOptions) -> BulkReport:
    """Predict all images of a folder, a list or a table into Parquet files, however many there are.

    A file that cannot be read is a row with the reason. Stopped or killed at any moment and called
    again, it goes on; then every image stands there exactly once, in the same bytes as if it had
    never been stopped.

    Returns:
        How many images and files there are, how many images cannot be read, and what was there
        before.

    Raises:
        StriateError: the run, the images or an option is at fault; `output` holds other files, or
            predictions of another model or of other images, or is being written; the disk is full.
        Interrupted: Ctrl-C or a signal; what is done is kept.
    """
    from striate.inference.bulk.job import predict_in_bulk
    from striate.support.paths import expanded

    opener = partial(
        open_predictor,
        expanded(options.run).absolute(),  # the same in every process
        device=options.device,
        embeddings=options.embeddings,
        crops=options.crops,
        scales=options.scales,
        threshold=options.threshold,
        reduced_decoding=options.reduced_decoding,
        allow_code=options.allow_code,
    )
    return predict_in_bulk(options, opener)


def open_predictor(
    path: Path,
    *,
    device: str,
    embeddings: bool,
    crops: Crops = "center",
    scales: Sequence[int] | None = None,
    threshold: float | None = None,
    reduced_decoding: bool = False,
    allow_code: bool,
) -> BulkPredictor:
    """What computes, in whatever process this is called."""
    from striate.api.opening import open_predictor as open_any
    from striate.api.using import TOGETHER
    from striate.errors import StriateError, parameter
    from striate.inference.bulk.rows import BulkPredictor
    from striate.inference.regressor import Regressor

    predictor = open_any(
        path,
        device=device,
        batch_size=TOGETHER,
        crops=crops,
        scales=scales,
        reduced_decoding=reduced_decoding,
        allow_code=allow_code,
    )
    if threshold is not None:
        if isinstance(predictor, Regressor):
            predictor.close()
            raise StriateError(
                parameter("threshold", threshold),
                "is for classes, and this run answers with numbers",
                "leave it out",
            )
        predictor.threshold = threshold
    return BulkPredictor(predictor, embeddings=embeddings)
