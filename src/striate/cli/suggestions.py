"""What a shell offers for the value of an option or argument, without loading what takes long."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import click
from click.shell_completion import CompletionItem

from striate.errors import StriateError
from striate.support.paths import expanded

#: Words that may be typed for an option, whichever command has it.
WORDS: dict[str, tuple[str, ...]] = {
    "action": ("list", "run", "report"),
    "class_weights": ("balanced", "none"),
    "crops": ("center", "10", "144"),
    "device": ("auto", "cpu", "cuda"),
    "engine": ("auto", "onnxruntime", "openvino"),
    "head": ("softmax", "svm", "svm-rbf", "ridge", "svr", "svr-rbf"),
    "layout": ("file", "triton", "ovms", "kserve"),
    "loss": ("squared", "absolute", "huber"),
    "precision": ("auto", "float32", "bfloat16"),
    "select": ("top1", "loss", "balanced", "f1", "mae", "rmse"),
    "track": ("csv", "mlflow", "tensorboard", "wandb"),
    "working_copies": ("auto", "disk", "memory", "off"),
}
#: Data that have a name; files and folders are offered beside them.
DATA = ("digits", "shapes", "mnist", "fashion_mnist", "cifar10", "cifar100", "flowers102")
RECIPES = ("modern", "classic")
#: What a command's table is sorted by.
SORTS = {
    "list": ("family", "year", "name", "parameters", "macs", "error"),
    "runs": (
        *("date", "top1", "mae", "name", "network", "data"),
        *("classes", "parameters", "macs", "time"),
    ),
}
SORTS["list-networks"] = SORTS["list"]
#: Folders that are looked into for runs, and how deep: a keystroke waits for it.
_MOST_FOLDERS, _DEPTH = 500, 3
#: What every shell takes as it stands. It completes other names by itself.
_PLAIN = re.compile(r"[\w./+@%~-]+")

if TYPE_CHECKING:
    Item: TypeAlias = CompletionItem[str]
else:
    Item = CompletionItem  # which has no parameters in older Clicks
Suggest = Callable[[click.Context, click.Parameter, str], list[Item]]


def suggestions_for(name: str, *, path: bool) -> Suggest | None:
    """What completes the parameter called `name`; None where nobody can tell.

    Args:
        name: as Python calls it.
        path: whether it is a path, as far as its type tells.
    """
    if name in _KINDS:
        return _KINDS[name]
    if name in WORDS:
        return lambda _context, _parameter, text: _beginning(WORDS[name], text)
    return _files if path else None


def _networks(_context: click.Context, _parameter: click.Parameter, text: str) -> list[Item]:
    from striate.hub.pretrained import PACKAGED
    from striate.zoo.catalogue import entries

    names = [each.name for each in entries()] + [each.name for each in PACKAGED]
    return _beginning(names, text)


def _runs(_context: click.Context, _parameter: click.Parameter, text: str) -> list[Item]:
    return [*_file_items(text), *_beginning(list(_find_runs(text)), text)]


def _networks_and_runs(context: click.Context, parameter: click.Parameter, text: str) -> list[Item]:
    return [*_runs(context, parameter, text), *_networks(context, parameter, text)]


def _recipes(_context: click.Context, _parameter: click.Parameter, text: str) -> list[Item]:
    return [*_file_items(text), *_beginning(RECIPES, text)]


def _data(_context: click.Context, _parameter: click.Parameter, text: str) -> list[Item]:
    return [*_file_items(text), *_beginning(DATA, text)]


def _files(_context: click.Context, _parameter: click.Parameter, text: str) -> list[Item]:
    return _file_items(text)


def _sorts(context: click.Context, _parameter: click.Parameter, text: str) -> list[Item]:
    return _beginning(SORTS[str(context.command.name)], text)


_KINDS: dict[str, Suggest] = {
    "against": _networks_and_runs,
    "backbone": _networks_and_runs,
    "data": _data,
    "model": _runs,
    "models": _runs,
    "net": _networks,
    "network": _networks_and_runs,
    "networks": _networks_and_runs,
    "patterns": _networks,
    "recipe": _recipes,
    "run": _runs,
    "runs": _runs,
    "sort": _sorts,
    "source": _runs,
}


def _file_items(text: str) -> list[Item]:
    """The shell's own completion of files, which it uses where nothing else is offered."""
    return [CompletionItem(text, type="file")]


def _beginning(words: Sequence[str], text: str) -> list[Item]:
    return [CompletionItem(word) for word in words if word.startswith(text)]


def _find_runs(text: str) -> Iterator[str]:
    """Runs and exported files at and below what was typed so far."""
    from striate.runs.layout import CONFIG

    typed, slash, beginning = text.rpartition("/")
    try:
        start = expanded(typed + slash)
    except StriateError:  # the home folder of nobody
        return
    for looked, (folder, below, files) in enumerate(os.walk(start)):
        parts = Path(folder).relative_to(start).parts
        where = typed + slash + "/".join(parts)
        models = (each for each in files if each.endswith(".onnx"))
        found = [f"{where}/{each}" if parts else where + each for each in models]
        if parts and CONFIG in files:
            found.append(where)
            below.clear()
        yield from filter(_PLAIN.fullmatch, sorted(found))
        wanted = (each for each in below if parts or each.startswith(beginning))
        below[:] = sorted(each for each in wanted if not each.startswith("."))
        if len(parts) == _DEPTH:
            below.clear()
        if looked == _MOST_FOLDERS:
            return
