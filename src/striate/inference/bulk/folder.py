"""The folder of a job: claimed for it, locked while it is written, and never given to another.

===========================  ======================================================================
``part-00000.parquet`` …     the predictions, a file a shard
``_job.json``                what the job was begun with: a job of anything else is refused
``_input.parquet``           the images, in their order (`striate.inference.bulk.listing`)
``_summary.json``            counts, once everything is done
===========================  ======================================================================

Whoever reads a folder of Parquet files (pyarrow, Spark, Polars, DuckDB's ``part-*.parquet``) leaves
out names that begin with ``_`` or ``.``.
"""

from __future__ import annotations

import json
import os
import re
from contextlib import suppress
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from filelock import BaseFileLock

from striate.errors import RunError, parameter
from striate.inference.bulk.columns import BulkTarget
from striate.runs.lock import LOCK, SOFT_LOCK, acquire
from striate.support.closing import Closable
from striate.support.files import sweep, write_atomically
from striate.support.paths import is_folder, read_file, reason, resolved, shown
from striate.support.systems import is_left_by_system
from striate.support.tables import from_table
from striate.support.text import printable

FORMAT = 1
JOB, LISTING, SUMMARY = "_job.json", "_input.parquet", "_summary.json"
_PART = re.compile(r"part-(\d{5,})\.parquet")
_HALF = re.compile(r"\.(?:part-\d{5,}\.parquet|_\w+\.(?:json|parquet))\.[0-9a-f]{16}\.part")
_FOR_PEOPLE = ("model", "input")
_ELSEWHERE = "choose another folder"


@dataclass(frozen=True, kw_only=True)
class Job:
    """What a job is begun with, and has to be gone on with.

    Attributes:
        format: of this file and of the shards.
        model: the run's folder or the exported file, for people.
        weights: digest of what it computes with, by which it is known.
        engine: in what it is computed, and how many images together.
        classes: names, in the order of the probabilities; none of a run of numbers.
        targets: of the values, in their order; none of a run of classes.
        embedding: numbers of an image's embedding; 0 where none are written.
        input: where the images are listed, for people.
        root: where relative paths begin.
        listing: digest of all paths and labels.
        images: how many there are.
        shard_size: images a shard.
        threshold: the probability below which a likeliest class is called unsure; 0 where no such
            column is written.
    """

    format: int
    model: str
    weights: str
    engine: str
    classes: tuple[str, ...]
    embedding: int
    input: str
    root: str
    listing: str
    images: int
    shard_size: int
    threshold: float = 0.0
    targets: tuple[BulkTarget, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain values; as from before there were thresholds and targets, where there are none."""
        told = asdict(self)
        for name in ("threshold", "targets"):
            if not told[name]:
                del told[name]
        return told

    @property
    def shards(self) -> int:
        """How many there are."""
        return -(-self.images // self.shard_size)

    @property
    def identity(self) -> str:
        """What its predictions depend on, as a digest that each shard's file carries."""
        told = {name: value for name, value in self.to_json().items() if name not in _FOR_PEOPLE}
        return blake2b(json.dumps(told).encode(), digest_size=16).hexdigest()

    def size(self, shard: int) -> int:
        """How many images the shard of that number has."""
        return min(self.shard_size, self.images - shard * self.shard_size)

    def part(self, shard: int) -> str:
        """The name of the file of a shard."""
        return f"part-{shard:0{max(5, len(str(self.shards - 1)))}}.parquet"


class JobFolder(Closable):
    """A folder that this process, and no other, writes a job's predictions into.

    Open one with `JobFolder.claim`, and use it as a context.

    Attributes:
        path: the folder, resolved.
    """

    def __init__(self, path: Path, lock: BaseFileLock, made: list[Path]) -> None:
        self.path = path
        self._lock, self._made = lock, made

    @classmethod
    def claim(cls, given: str | Path) -> JobFolder:
        """Take a new or an empty folder, or that of a job that was begun.

        Raises:
            RunError: it holds other files, another process is writing into it, or it cannot be made
                or written. Nothing in it was changed.
        """
        path = resolved(given, kind=RunError)
        made = _make(path)
        try:
            _refuse_foreign(path)
            lock = acquire(path, "wait until it has ended, or choose another folder")
        except BaseException:
            _unmake(made)
            raise
        claimed = cls(path, lock, made)
        try:
            _refuse_foreign(path)
            claimed._sweep()
        except BaseException:
            claimed.close()
            raise
        return claimed

    @property
    def listing(self) -> Path:
        """The list of its images."""
        return self.path / LISTING

    def begun_with(self) -> Job | None:
        """What the job was begun with; None where none was begun.

        Raises:
            RunError: a newer version began it, or the file is damaged.
        """
        where = shown(self.path / JOB)
        try:
            content = json.loads(read_file(self.path / JOB, most=1 << 26, kind=RunError))
        except FileNotFoundError:
            return None
        except (ValueError, RecursionError) as error:
            raise RunError(where, "is damaged", _ELSEWHERE) from error
        found = content.get("format") if isinstance(content, dict) else None
        if not isinstance(found, int) or found < 1:
            raise RunError(where, "is damaged", _ELSEWHERE)
        if found > FORMAT:
            raise RunError(
                where, f"has format {found}, and this version knows {FORMAT}", "use a newer version"
            )
        return from_table(Job, content, where, kind=RunError)

    def begin(self, job: Job) -> None:
        """Write down what the job is begun with; its listing is there.

        Raises:
            WriteError: it cannot be written.
        """
        text = json.dumps(job.to_json(), indent=1)  # all in ASCII: names need not be valid text
        write_atomically(self.path / JOB, text.encode())

    def done(self) -> set[int]:
        """The shards whose files are there."""
        matches = map(_PART.fullmatch, _names(self.path))
        return {int(found[1]) for found in matches if found}

    def finish(self, summary: dict[str, Any]) -> None:
        """Write the counts, after which everything is done.

        Raises:
            WriteError: they cannot be written.
        """
        write_atomically(self.path / SUMMARY, json.dumps(summary, indent=1).encode())
        self._sweep()

    def _sweep(self) -> None:
        """Remove what killed processes left half-written."""
        for name in _names(self.path):
            if _HALF.fullmatch(name):
                sweep(self.path / name[1:].rsplit(".", 2)[0])

    def close(self) -> None:
        """Let others write; a folder in which no job was begun is left as it was found."""
        if not self._lock.is_locked:
            return
        begun = (self.path / JOB).exists()
        if not begun:
            with suppress(OSError):
                for name in (LISTING, LOCK):
                    (self.path / name).unlink(missing_ok=True)
        self._lock.release()
        if not begun:
            _unmake(self._made)


def _make(path: Path) -> list[Path]:
    """Make the folder `path`, with its parents; returns those that were made, outermost first."""
    missing = []
    place = path
    while not is_folder(place, kind=RunError):
        missing.append(place)
        if place.parent == place:
            break
        place = place.parent
    made: list[Path] = []
    try:
        for place in reversed(missing):
            place.mkdir(exist_ok=True)
            made.append(place)
    except OSError as error:
        _unmake(made)
        raise RunError(shown(path), f"cannot be made ({reason(error)})", _ELSEWHERE) from error
    return made


def _unmake(made: list[Path]) -> None:
    for place in reversed(made):
        with suppress(OSError):  # somebody else has put something there
            place.rmdir()


def _names(path: Path) -> list[str]:
    try:
        return os.listdir(path)  # noqa: PTH208 - names are all that is asked
    except OSError as error:
        why = f"cannot be accessed ({reason(error)})"
        raise RunError(shown(path), why, _ELSEWHERE) from error


def _refuse_foreign(path: Path) -> None:
    """Raise where `path` holds anything, and no job of ours was begun in it."""
    names = sorted(_names(path))
    if JOB in names:
        return
    foreign = [
        name
        for name in names
        # All that there can be before the job is begun.
        if name not in (LOCK, SOFT_LOCK, LISTING)
        and not _HALF.fullmatch(name)
        and not is_left_by_system(name)
    ]
    if foreign:
        raise RunError(
            shown(path),
            f"is not empty, and holds no predictions of a job ({printable(foreign[0])}, …)",
            "choose a new or an empty folder",
        )


def refuse_another(folder: Path, begun: Job, now: Job) -> None:
    """Raise where the job in `folder` was begun with something else than what it is to go on with.

    Raises:
        RunError: it says what differs.
    """
    images = f"{begun.images:,} of {printable(begun.input)}"
    if begun.weights != now.weights:
        why = f"holds predictions of another model ({printable(begun.model)})"
    elif begun.listing != now.listing and begun.input == now.input:
        why = f"was begun when {printable(now.input)} listed other images ({images})"
    elif begun.listing != now.listing:
        why = f"holds predictions of other images ({images})"
    elif begun.root != now.root:
        why = f"holds predictions of images in another folder ({printable(begun.root)})"
    elif begun.targets != now.targets:
        why = "holds predictions of the model with other prediction intervals"
    elif begun.embedding != now.embedding:
        has = "with" if begun.embedding else "without"
        why = f"holds predictions {has} embeddings"
    elif begun.shard_size != now.shard_size:
        why = f"was begun with {parameter('shard_size', begun.shard_size)}"
    elif begun.threshold != now.threshold:
        has = parameter("threshold", begun.threshold) if begun.threshold else "no threshold"
        why = f"was begun with {has}"
    elif begun.engine != now.engine:
        why = f"was begun in another engine ({printable(begun.engine)}, now {now.engine})"
    else:
        return
    raise RunError(shown(folder), why, f"go on as it was begun, or {_ELSEWHERE}")
