"""``striate transfer``: from a folder of images and a trained network to a classifier."""

from __future__ import annotations

import json
import shlex

from striate.cli.options import AsJson, Given, command
from striate.errors import ExportError
from striate.transfer_learning.options import TransferOptions


@command(TransferOptions)
def transfer(given: Given, as_json: AsJson = False) -> None:
    """Put a new head on a trained network, for other images.

    Features, head, evaluation, report, export.
    """
    from striate import api

    result = api.transfer(**given, progress=True)
    print(json.dumps(result.to_json()) if as_json else result.summary())
    if result.export_error:
        run = shlex.quote(str(result.run))
        raise ExportError(
            str(result.run),
            f"is a whole run, but its export failed ({result.export_error})",
            f"use it as it is: striate predict {run} IMAGE; or try again: striate export {run}",
        )
