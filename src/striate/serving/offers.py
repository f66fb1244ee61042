"""From what a person names, runs and ONNX files, to the files that are served and their names."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from striate.engines.exported import SUFFIX, is_exported, open_exported
from striate.errors import ExportError, StriateError, parameter
from striate.runs.conformal import read_conformal
from striate.runs.layout import is_run_folder
from striate.runs.run import Run
from striate.support import paths


@dataclass(frozen=True, kw_only=True)
class Offer:
    """A model that is to be served.

    Attributes:
        name: in addresses.
        file: the ONNX file.
        run: the folder of the run that it was exported from, where that is known.
        again: finds what is to be served by now: of a run that was trained since, a new export.
    """

    name: str
    file: Path
    run: Path | None = None
    again: Callable[[], Offer] = field(compare=False, repr=False)


def offers_of(
    models: str | Path | Sequence[str | Path], scratch: Path, *, allow_code: bool = False
) -> list[Offer]:
    """The file behind each of `models`, and its name.

    Args:
        models: runs' folders or ONNX files; ``NAME=PATH`` gives one another name.
        scratch: an empty folder, for the exports of runs that have none.
        allow_code: whether runs may run the Python code that they name.

    Raises:
        StriateError: one of them is neither, cannot be exported, or has the name of another.
    """
    named: dict[str, Path] = {}
    for given in [models] if isinstance(models, (str, Path)) else models:
        name, path = _named(given)
        if name in named:
            raise StriateError(
                parameter("models", str(given)),
                f"two models are called '{name}'",
                f"give one of them another name: other={given}",
            )
        named[name] = path
    if not named:
        raise StriateError(parameter("models"), "names nothing to serve", "give a run or a file")
    return [_offer(name, path, scratch, allow_code) for name, path in named.items()]


def _named(given: str | Path) -> tuple[str, Path]:
    """The name and the path that a person means by `given`."""
    text = str(given)
    name, mark, rest = text.partition("=")
    path = paths.expanded(text, kind=StriateError)
    renamed = bool(mark) and isinstance(given, str) and not paths.exists(path, kind=StriateError)
    if renamed:
        path = paths.expanded(rest, kind=StriateError)
    else:
        whole = path.resolve()
        name = whole.stem if is_exported(path) else whole.name
    if not name or "/" in name:
        why = f"'{name}' is no name for a model"
        raise StriateError(parameter("models", text), why, "write NAME=PATH")
    return name, path


def _offer(
    name: str, path: Path, scratch: Path, allow_code: bool, before: Path | None = None
) -> Offer:
    """What is served of `path`; `before` is the export of a run that was made for it earlier."""
    if is_exported(path):
        beside = path.resolve().parent
        made_of_it = is_run_folder(beside) and _is_of(path, beside)
        return Offer(
            name=name,
            file=path,
            run=beside if made_of_it else None,
            again=partial(_offer, name, path, scratch, allow_code),
        )
    run = Run.open(path, allow_code=allow_code)
    known = [run.path / f"{run.config.stem}{SUFFIX}", *([before] if before else [])]
    export = next((each for each in known if each.is_file() and _is_of(each, run.path)), None)
    if export is None:
        export = Path(tempfile.mkdtemp(dir=scratch)) / f"{run.config.stem}{SUFFIX}"
        _export(run, export)
        if before is not None:  # whoever has it open has read it
            shutil.rmtree(before.parent, ignore_errors=True)
    made = export if scratch in export.parents else None
    return Offer(
        name=name,
        file=export,
        run=run.path,
        again=partial(_offer, name, path, scratch, allow_code, before=made),
    )


def _is_of(file: Path, folder: Path) -> bool:
    """Whether the exported `file` is of the run in `folder` as it is now."""
    try:
        run = Run.open(folder, allow_code=True)  # which runs nothing before its network is made
        opened = open_exported(file)
        found = opened.metadata
        epochs = json.loads(found["epochs"])["done"]
        same = json.loads(found.get("temperature", "1.0")) == run.temperature
        intervals = tuple(each.intervals for each in opened.targets)
        same = same and intervals == read_conformal(run)
    except (StriateError, ValueError, KeyError, TypeError):  # what is wrong is told elsewhere
        return False
    return found.get("run") == run.config.identity and epochs == run.epochs_done and same


def _export(run: Run, target: Path) -> None:
    """Export `run` in a process of its own, so that PyTorch is not loaded into this one.

    The quickest way comes first; where its file does not compute what the network computes, the
    other one is taken.
    """
    command = [sys.executable, "-m", "striate", "export", str(run.path), "--output", str(target)]
    if run.allow_code:
        command.append("--allow-code")
    for way in ("trace", "export"):
        done = subprocess.run(
            [*command, "--capture", way], capture_output=True, text=True, check=False
        )
        if not done.returncode:
            return
    said = [line for line in done.stderr.splitlines() if line.strip()] or ["no reason is known"]
    raise ExportError(
        paths.shown(run.path),
        f"cannot be exported ({said[-1].removeprefix('striate: ')})",
        "or serve an ONNX file that `export` wrote",
    )
