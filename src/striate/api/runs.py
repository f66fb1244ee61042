"""Runs looked at: which there are, and which of several is better, what one of them is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast

from striate.evaluation.comparing.options import CompareRunsOptions
from striate.runs.options import ListRunsOptions, ShowOptions
from striate.support.options import takes

if TYPE_CHECKING:
    from striate.evaluation.comparing.comparison import RunComparison
    from striate.inference.classifier import GivesProbabilities
    from striate.inference.regressor import GivesValues
    from striate.runs.listing.find import RunList
    from striate.runs.run import Run
    from striate.runs.summary.summary import RunSummary


@takes(ListRunsOptions)
def list_runs(options: ListRunsOptions) -> RunList:
    """The runs under a folder: network, data, top-1, parameters, MACs, time, date.

    Only small files are read, and PyTorch is not loaded.

    Returns:
        A sequence of runs, which prints as a table. Folders that look like runs and cannot be read
        as such are in ``unlisted``, each with its reason.

    Raises:
        StriateError: there is no such folder, or `sort` or `filter` name no column.
    """
    from striate.runs.listing.find import find_runs
    from striate.runs.listing.select import checked, selected

    wanted = checked(sort=options.sort, filters=options.filter)
    return selected(find_runs(options.folder), wanted)


@takes(CompareRunsOptions)
def compare_runs(options: CompareRunsOptions) -> RunComparison:
    """Compare classifiers on the same images that none of them was trained on.

    Images are the same where their content and their class are, whatever they are called. What a
    run keeps of its held-out images is taken as it is, so that the images themselves are needed
    only for pictures, for exported files, and for runs from before it was kept.

    Returns:
        Top-1 of each with its 95 % interval; of each pair the difference with its paired 95 %
        interval (Agresti and Min 2005), the images that only one gets right, and the p-value of
        McNemar's exact test, adjusted after Holm where there are several pairs; the images on which
        they differ; the settings in which they differ. It prints as tables. Of runs of numbers it
        is a `striate.evaluation.comparing.number_comparison.NumberComparison`, of which the type
        does not speak: mean absolute errors, and of each pair their difference with its interval
        (bootstrap of the same images) and the p-value of Wilcoxon's signed-rank test.

    Raises:
        StriateError: there are fewer than two, one cannot be opened, they tell other classes apart,
            or no image is held out by all.
    """
    from striate.evaluation.comparing.compare import compare
    from striate.evaluation.comparing.comparison import RunComparison

    if options.output is not None:
        from striate.report.comparison import check_page

        check_page(options.output)
    found = compare(options, open_classifier=_classifier_of, open_regressor=_regressor_of)
    if options.output is None:
        return cast("RunComparison", found)  # of that of numbers the type does not speak
    if isinstance(found, RunComparison):
        from striate.report.comparison import write_comparison

        return replace(found, page=write_comparison(found, options.output))
    from striate.report.regression.comparison import write_number_comparison

    page = write_number_comparison(found, options.output)
    return cast("RunComparison", replace(found, page=page))


@takes(ShowOptions)
def show(options: ShowOptions) -> RunSummary:
    """What is known of a run without its images: network, data, recipe, figures, learning curve.

    Only its small files are read; PyTorch is not loaded, and nothing in the run is run.

    Returns:
        All of it, with the commands that may come next; it prints as text. With `mistakes`, the
        held-out images that are wrong, from the predictions that the run keeps of them.

    Raises:
        StriateError: there is no such run, it is damaged, or keeps no predictions.
    """
    from striate.runs.summary.summary import summarise

    return summarise(options.run, mistakes=options.mistakes, most=options.most)


def _classifier_of(run: Run, *, device: str, calibrated: bool = True) -> GivesProbabilities:
    """What `run` is measured with; PyTorch is loaded where something has to be computed."""
    from striate.transfer_learning.classifier import classifier_of

    return classifier_of(run, device=device, calibrated=calibrated)


def _regressor_of(run: Run, *, device: str) -> GivesValues:
    """What `run`, which answers with numbers, is measured with."""
    from striate.inference.regressor import Regressor

    return Regressor.of_run(run, device=device)
