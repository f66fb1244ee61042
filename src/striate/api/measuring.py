"""What computing with a network costs here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from striate.deploy.options import BenchOptions
from striate.support.options import takes

if TYPE_CHECKING:
    from striate.deploy.bench import Bench


@takes(BenchOptions)
def bench(options: BenchOptions) -> Bench:
    """Measure how fast a network is in each engine and precision at hand, in one run.

    Returns:
        For each engine images a second, seconds for one image, and its share of the processor's
        peak, which is measured beside it by a matrix product.

    Raises:
        StriateError: the run, the file or the images are at fault, or no engine is installed.
    """
    from striate.deploy.bench import bench as measure
    from striate.engines.exported import is_exported
    from striate.support.paths import expanded

    if is_exported(options.source):
        return measure(
            expanded(options.source),
            data=options.data,
            seconds=options.seconds,
            images=options.images,
        )
    from striate.runs.run import Run

    run = Run.open(options.source, allow_code=options.allow_code)
    return measure(run, data=options.data, seconds=options.seconds, images=options.images)
