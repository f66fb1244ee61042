"""What a transfer ends with: its run evaluated, reported and exported."""

from __future__ import annotations

import shlex
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from striate.deploy.export import export_into
from striate.errors import ExportError, Interrupted
from striate.evaluation.evaluate import WriteReport, evaluate_own
from striate.evaluation.kinds import Kind, OfClasses, OfNumbers
from striate.support.files import WriteError
from striate.transfer_learning.classifier import classifier_of, regressor_of
from striate.transfer_learning.result import NumberTransferResult, TransferResult, result_of

if TYPE_CHECKING:
    from striate.transfer_learning.result import Transfer


def finish_transfer(
    made: Transfer,
    *,
    write_report: WriteReport[Any] | None,
    export: bool,
    workers: int | None,
    progress: bool = False,
) -> TransferResult | NumberTransferResult:
    """Evaluate, report and, where wanted, export a run that a transfer has written.

    Where the backbone was frozen, the figures come from the features that were computed already.
    An export that fails leaves a whole run, and the result says why it failed.

    Args:
        made: what `striate.transfer_learning.transfer.transfer` gives.
        write_report: called with the run's figures, as `evaluate_own` does; None for no report.
        export: write the verified ONNX file into the run.
        workers: threads that read images; None for one a processor, at most four.
        progress: count on standard error.

    Raises:
        Interrupted: Ctrl-C; the run is whole.
        WriteError: figures or report cannot be kept; the run is whole.
    """
    run, file, problem = made.run, None, ""
    kind: Kind[Any] = OfClasses(classifier_of)
    if run.answers_numbers:
        kind = OfNumbers(regressor_of)
    try:
        with made.held or nullcontext():
            evaluation = evaluate_own(
                run,
                made.data,
                kind=kind,
                write_report=write_report,
                workers=workers,
                device=run.config.device,
                progress=progress,
                found=made.answers,
            )
            try:
                file = export_into(run) if export else None
            except ExportError as error:
                problem = f"{error.what}: {error.why}"
    except KeyboardInterrupt as stop:
        way_on = shlex.quote(str(run.path))
        raise Interrupted(
            f"at the end; the run is whole: striate evaluate {way_on}, striate export {way_on}"
        ) from stop
    except WriteError as error:
        way_on = shlex.quote(str(run.path))
        remedy = f"{error.remedy}; the run is whole: striate evaluate {way_on}"
        raise WriteError(error.what, error.why, remedy) from error
    return result_of(made, evaluation, file, problem)
