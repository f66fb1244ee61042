"""``striate predict``: classes and probabilities of images."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import click

from striate.cli.flags import Flag
from striate.cli.options import AsJson, Given, command
from striate.errors import StriateError, parameter
from striate.inference.options import (
    INPUT,
    OUTPUT,
    SHARD_SIZE,
    BulkEngine,
    BulkOptions,
    Embeddings,
    FileColumn,
    LabelColumn,
    PredictOptions,
    Root,
    ShardSize,
)
from striate.support.options import options_of

if TYPE_CHECKING:
    from striate.inference.estimate import Estimate
    from striate.inference.prediction import Prediction


@dataclass(frozen=True)
class Typed(PredictOptions):
    """What is typed: what `striate.predict` takes or, with an input, `striate.predict_bulk`."""

    images: Annotated[
        Iterable[str | Path],
        next(each.doc for each in options_of(PredictOptions) if each.name == "images"),
    ] = ()
    _: KW_ONLY
    input: Annotated[str | Path | None, INPUT] = None
    output: Annotated[str | Path | None, OUTPUT] = None
    engine: BulkEngine = "local"
    embeddings: Embeddings = False
    file_column: FileColumn = None
    label_column: LabelColumn = None
    root: Root = None
    shard_size: ShardSize = SHARD_SIZE


SkipBad = Annotated[
    bool,
    Flag(("--skip-bad",), "Exit with 0 even if files cannot be read; they are named."),
]


@command(Typed)
def predict(given: Given, skip_bad: SkipBad = False, as_json: AsJson = False) -> None:
    """Classify images, or tell their numbers.

    Every image in order, as soon as it is known. A file that cannot be read is named in its place;
    then the exit status is 2. With --input and --output, predictions of any number of images are
    written into Parquet files, as `striate.predict_bulk` does.
    """
    from striate.cli.notes import tell_of

    chosen = _of(given, BulkOptions if given["input"] is not None else PredictOptions)
    tell_of(given["run"], allow_code=given["allow_code"])
    if given["input"] is None:
        bad, number = _predict(chosen, as_json=as_json)
    else:
        bad, number = _predict_bulk(chosen, as_json=as_json)
    if bad:
        if number > 1:
            print(
                f"striate: {bad:,} of {number:,} images cannot be read", file=sys.stderr, flush=True
            )
        if not skip_bad:
            raise click.exceptions.Exit(2)


def _of(given: Given, kind: Any) -> Given:
    """What of `given` belongs to the options `kind`.

    Raises:
        StriateError: something is missing, or is given that has no place there.
    """
    own = {each.name for each in options_of(kind)}
    for each in options_of(Typed):
        if each.name not in own and given.get(each.name, each.default) not in (each.default, []):
            bulk = kind is BulkOptions
            remedy = "give one of them" if bulk else f"give {parameter('input')} as well"
            why = f"does not go with {parameter('input')}" if bulk else "is for predictions in bulk"
            raise StriateError(parameter(each.name), why, remedy)
    for name, remedy in (
        ("images", f"give files or folders, or {parameter('input')} and {parameter('output')}"),
        ("output", "give a folder for the predictions"),
    ):
        if name in own and not given[name]:
            raise StriateError(parameter(name), "is missing", remedy)
    return {name: value for name, value in given.items() if name in own}


def _predict_bulk(given: Given, *, as_json: bool) -> tuple[int, int]:
    """Write predictions, and tell how many; returns how many cannot be read, of all."""
    from striate import api

    found = api.predict_bulk(**given, progress=True)
    print(json.dumps(found.to_json()) if as_json else found.summary())
    return found.unreadable, found.images


def _predict(given: Given, *, as_json: bool) -> tuple[int, int]:
    """Print predictions as they come; returns how many images cannot be read, of all."""
    from striate import api
    from striate.inference.prediction import Prediction

    # Where the results themselves appear, a count between them would only disturb.
    alone = len(given["images"]) == 1 and not Path(given["images"][0]).is_dir()
    found = api.predict(**given, stream=True, progress=alone or not sys.stdout.isatty())
    bad = number = labelled = right = 0
    try:
        for number, each in enumerate(found, start=1):
            if as_json:
                # Whole lines, so that what goes to standard error does not run into them.
                text = json.dumps(each.to_json(), allow_nan=False)
                print(("[" if number == 1 else ",") + text, flush=True)
            if each.error or not as_json:
                _show(each)
            bad += bool(each.error)
            if isinstance(each, Prediction):
                labelled += each.right is not None
                right += bool(each.right)
    finally:
        if as_json and number:  # one document, even where it was cut short
            print("]")
    if as_json and not number:
        print("[]")
    if labelled > 1:
        told = f"striate: {right:,} of {labelled:,} images are right, by the folders they lie in"
        print(told, file=sys.stderr)
    return bad, number


def _show(each: Prediction | Estimate) -> None:
    """One line, whatever the file and the classes are called."""
    from striate.support.text import printable

    if each.error:
        begin = "\r\x1b[2K" if sys.stderr.isatty() else ""  # a count may stand there
        line = f"striate: {printable(each.file)}: {printable(each.error)}"
        print(begin + line, file=sys.stderr, flush=True)
        return
    print(each.summary(), flush=True)
