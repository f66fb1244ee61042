"""``striate predict``: classes and probabilities of images."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from striate.cli.options import AsJson, Given, command
from striate.inference.options import PredictOptions

if TYPE_CHECKING:
    from striate.inference.prediction import Prediction


@command(PredictOptions)
def predict(
    given: Given,
    skip_bad: Annotated[
        bool,
        typer.Option(
            "--skip-bad", help="Exit with 0 even if files cannot be read; they are named."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Classify images, with probabilities.

    Every image in order, as soon as it is known. A file that cannot be read is named in its place;
    then the exit status is 2.
    """
    from striate import api
    from striate.cli.notes import tell_of

    tell_of(given["run"], allow_code=given["allow_code"])
    # Where the results themselves appear, a count between them would only disturb.
    found = api.predict(**given, stream=True, progress=not sys.stdout.isatty())
    bad = number = 0
    try:
        for number, each in enumerate(found, start=1):
            if as_json:
                # Whole lines, so that what goes to standard error does not run into them.
                text = json.dumps(each.to_json(), allow_nan=False)
                print(("[" if number == 1 else ",") + text, flush=True)
            if each.error or not as_json:
                _show(each)
            bad += bool(each.error)
    finally:
        if as_json and number:  # one document, even where it was cut short
            print("]")
    if as_json and not number:
        print("[]")
    if bad:
        if number > 1:
            print(f"striate: {bad:,} of {number:,} images cannot be read", file=sys.stderr)
        if not skip_bad:
            raise typer.Exit(2)


def _show(each: Prediction) -> None:
    """One line, whatever the file and the classes are called."""
    from striate.support.text import printable

    if each.error:
        begin = "\r\x1b[2K" if sys.stderr.isatty() else ""  # a count may stand there
        line = f"striate: {printable(each.file)}: {printable(each.error)}"
        print(begin + line, file=sys.stderr, flush=True)
        return
    pairs = zip(each.classes, each.probabilities, strict=True)
    shares = ", ".join(f"{printable(name)} {share:.1%}" for name, share in pairs)
    print(f"{printable(each.file)}: {shares}", flush=True)
