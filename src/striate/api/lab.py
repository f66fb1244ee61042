"""The lab's experiments: which there are, run, reported."""

from __future__ import annotations

from typing import TYPE_CHECKING

from striate.lab.options import ReportExperimentOptions, RunExperimentOptions
from striate.support.options import takes

if TYPE_CHECKING:
    from striate.lab.listing import ExperimentList
    from striate.lab.run import ExperimentResult


def list_experiments() -> ExperimentList:
    """The experiments of the lab, in the order of the notes: claims put to the test.

    Returns:
        A sequence of experiments, which prints as a table.
    """
    from striate.lab.listing import listed

    return listed()


@takes(RunExperimentOptions)
def run_experiment(options: RunExperimentOptions) -> ExperimentResult:
    """Put a claim to the test: measure every setting with every seed, and judge it by its rule.

    Each setting that was measured with a seed is a line in ``results.jsonl``. Called again with the
    same folder, it goes on; with more seeds, it measures those that are missing. Neither the number
    of workers nor where it was cut changes a byte of that file.

    Returns:
        The verdict, with each effect and its interval, and the page that shows them. With several
        workers, and for experiments that begin processes themselves, a script has to keep its own
        calls below ``if __name__ == "__main__":``, as everywhere where Python begins processes.

    Raises:
        StriateError: there is no such experiment, its data cannot be opened, what is compared is
            not equal in what should be, or the folder holds other results or files.
        Interrupted: Ctrl-C; what was measured is kept.
    """
    from striate.lab.run import run

    return run(options)


@takes(ReportExperimentOptions)
def report_experiment(options: ReportExperimentOptions) -> ExperimentResult:
    """Judge what an experiment has measured so far, and write its page anew.

    Returns:
        As `run_experiment`.

    Raises:
        StriateError: there are no results, or not one seed is complete.
    """
    from striate.lab.run import checked_folder, report

    return report(checked_folder(options.folder))
