"""A job from its beginning, or from wherever it was stopped, to its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from striate.data.scan import threads
from striate.engines.exported import is_exported
from striate.errors import Interrupted, RunError, StriateError, nearest, parameter
from striate.inference.bulk import listing, local, on_ray
from striate.inference.bulk.entries import Entry, Input
from striate.inference.bulk.folder import FORMAT, Job, JobFolder, refuse_another
from striate.inference.bulk.rows import BulkPredictor
from striate.inference.bulk.shards import Counts, Shards, counts_of
from striate.inference.options import BulkOptions
from striate.runs.run import Run
from striate.support.files import FULL
from striate.support.packages import need
from striate.support.paths import expanded, read_file, shown
from striate.support.progress import Progress, counting
from striate.support.shown import Readable
from striate.support.signals import heard
from striate.support.text import printable
from striate.support.words import plural

ENGINES = ("local", "ray")


@dataclass(frozen=True, kw_only=True)
class BulkReport(Readable):
    """What a job has written.

    Attributes:
        output: its folder.
        images: rows, one for each image that was listed.
        unreadable: those that hold an error instead of a prediction.
        shards: files.
        before: images that were there already when this call began.
    """

    output: Path
    images: int
    unreadable: int
    shards: int
    before: int

    def to_json(self) -> dict[str, Any]:
        """All of it, as plain values."""
        return {
            "output": str(self.output),
            "images": self.images,
            "unreadable": self.unreadable,
            "shards": self.shards,
            "before": self.before,
        }

    def summary(self) -> str:
        """One line for people."""
        line = f"{plural(self.images, 'image')} in {plural(self.shards, 'file')} in {self.output}"
        if self.before:
            line += f", {self.before:,} of them from before"
        return printable(line)


def predict_in_bulk(
    options: BulkOptions, open_predictor: Callable[[], BulkPredictor]
) -> BulkReport:
    """Predict all images of `options.input` into `options.output`.

    Args:
        options: what a person decided.
        open_predictor: opens what computes; other processes, on other machines, call it too.

    Raises:
        StriateError: see `striate.api.bulk.predict_bulk`.
        Interrupted: Ctrl-C or a signal; what is done is kept.
    """
    if options.engine not in ENGINES:
        raise StriateError(
            parameter("engine", options.engine), "is unknown", nearest(options.engine, ENGINES)
        )
    need("pyarrow", purpose="write Parquet files", extra="bulk")
    source = Input.of(
        options.input,
        root=options.root,
        file_column=options.file_column,
        label_column=options.label_column,
    )
    model = expanded(options.run).absolute()  # the same in every process
    digest = _digest(model, allow_code=options.allow_code)
    opener = partial(open_as, open_predictor, model, allow_code=options.allow_code, digest=digest)
    predictor = opener()
    try:
        with heard(), JobFolder.claim(options.output) as folder:
            job = _begun(folder, options, source, predictor, digest)
            return _gone_on(folder, job, options, predictor, opener)
    except KeyboardInterrupt as stop:
        raise Interrupted(
            "before the end; what is done is kept, and the same command goes on"
        ) from stop
    except StriateError as error:
        if error.why != FULL:
            raise
        raise RunError(error.what, error.why, f"{error.remedy}, {listing.GO_ON}") from error
    finally:
        predictor.close()


def open_as(
    open_predictor: Callable[[], BulkPredictor], model: Path, *, allow_code: bool, digest: str
) -> BulkPredictor:
    """What `open_predictor` opens of `model`, which has to be what `digest` is of.

    Raises:
        RunError: the model is another one by now.
    """
    predictor = open_predictor()
    if _digest(model, allow_code=allow_code) != digest:
        predictor.close()
        why = "was replaced while it was being opened or used"
        raise RunError(shown(model), why, f"put it back, or leave it alone, {listing.GO_ON}")
    return predictor


def _begun(
    folder: JobFolder, options: BulkOptions, source: Input, predictor: BulkPredictor, digest: str
) -> Job:
    """What the job in `folder` was begun with, or is from now on."""
    begun = folder.begun_with()
    entries = source.entries(predictor.classes)
    with counting("listing images", wanted=options.progress) as count:
        entries = _counted(entries, count)
        if begun is not None:
            listed = _listed_again(folder, begun, entries)
        else:
            sound = listing.probed(entries, source)
            listed = listing.write(folder.listing, sound, options.shard_size)
    session = predictor.session
    engine = f"{session.name}, {options.device}, {session.batch_size} together"
    if not predictor.views.is_plain:
        engine += f", {predictor.views.name}"
    if predictor.reduced:
        engine += ", reduced decoding"
    now = Job(
        format=FORMAT,
        model=shown(options.run),
        weights=digest,
        engine=engine,
        classes=predictor.classes,
        targets=predictor.targets,
        embedding=predictor.embedding,
        input=source.name,
        root=str(source.root),
        listing=listed.digest,
        images=listed.images,
        shard_size=options.shard_size,
        threshold=predictor.threshold,
    )
    if begun is None:
        folder.begin(now)
    else:
        refuse_another(folder.path, begun, now)
    return now


def _listed_again(folder: JobFolder, begun: Job, entries: Iterator[Entry]) -> listing.Listing:
    """What `entries` list; where the list of the job is gone, and they are its own, it is again."""
    if listing.is_there(folder.listing, begun.images):
        return listing.digest_of(entries)
    found = listing.write(folder.listing, entries, begun.shard_size)
    if found.digest != begun.listing:
        folder.listing.unlink()
    return found


def _gone_on(
    folder: JobFolder,
    job: Job,
    options: BulkOptions,
    predictor: BulkPredictor,
    open_predictor: Callable[[], BulkPredictor],
) -> BulkReport:
    """Compute every shard of `job` that is not there yet."""
    found = _sound(folder, job, progress=options.progress)
    wanted = [shard for shard in range(job.shards) if shard not in found]
    before = sum(each.images for each in found.values())
    rows = list(found.values())
    workers = threads(options.workers)
    with counting("predicting images", wanted=options.progress, before=before) as count:

        def progress(done: int, _of: int) -> None:
            if count is not None:
                count(before + done, job.images)

        if wanted and options.engine == "ray":
            predictor.close()  # the workers have their own
            computed = on_ray.compute(
                open_predictor,
                folder.path,
                job,
                wanted,
                workers=workers,
                on_device=options.device != "cpu",
                progress=progress,
            )
            with closing(computed):
                rows += computed
        elif wanted:
            shards = Shards(folder.path, job, predictor, workers)
            with closing(local.compute(shards, wanted, progress)) as computed:
                rows += computed
    report = BulkReport(
        output=folder.path,
        images=sum(each.images for each in rows),
        unreadable=sum(each.unreadable for each in rows),
        shards=job.shards,
        before=before,
    )
    folder.finish({"images": report.images, "unreadable": report.unreadable, "shards": job.shards})
    return report


def _sound(folder: JobFolder, job: Job, *, progress: bool) -> dict[int, Counts]:
    """The shards whose files are there and undamaged, with what they hold."""
    there = sorted(shard for shard in folder.done() if shard < job.shards)
    found: dict[int, Counts] = {}
    with counting("checking files that are there", wanted=progress and len(there) > 1) as count:
        for done, shard in enumerate(there, start=1):
            counts = counts_of(folder.path, job, shard)
            if counts is not None:
                found[shard] = counts
            if count is not None:
                count(done, len(there))
    return found


def _counted(entries: Iterator[Entry], count: Progress | None) -> Iterator[Entry]:
    """`entries`, counted as they come."""
    for done, entry in enumerate(entries, start=1):
        if count is not None:
            count(done, 0)
        yield entry


def _digest(model: str | Path, *, allow_code: bool) -> str:
    """By what a run's folder, or an exported file, is known wherever it lies."""
    if is_exported(model):
        return sha256(read_file(expanded(model))).hexdigest()
    run = Run.open(model, allow_code=allow_code)
    known = f"{run.config.identity} {run.stamp.digest}"
    return known if run.temperature == 1 else f"{known} temperature {run.temperature}"
