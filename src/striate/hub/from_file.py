"""Weights in a person's file, whose names are those of our network or of a library's."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from safetensors import SafetensorError, safe_open
from torch import Tensor

from striate.errors import WeightsError, nearest
from striate.hub.conversion import Counterpart, renamed
from striate.hub.found import Found, Wanted, file_digest
from striate.hub.libraries import CATALOGUE, LIBRARIES
from striate.hub.library import Library
from striate.hub.state_dicts import Chosen, Known, harmonised, read_state_dict, split
from striate.hub.weight_files import near
from striate.support.paths import exists, resolved, shown
from striate.support.tables import read_toml
from striate.support.text import printable
from striate.zoo.create import choices

#: Choices that weights do not depend on.
_FREE = ("dropout", "checkpointing", "auxiliary")


def find_in_file(wanted: Wanted, path: Path) -> Found:
    """The weights of `wanted` in the file at `path`.

    Raises:
        WeightsError: the file is missing or damaged, or another network's by its names, or a run
            with another network or other choices wrote it.
    """
    _refuse_word(path)
    tensors = wanted.tensors()
    chosen = read_state_dict(path, _known(wanted, tensors))
    file, state = chosen.file, chosen.state
    if _written_by_run(file):
        _refuse_other_run(wanted, file)
    else:
        for library, counterpart in wanted.counterparts().items():
            theirs = renamed(state, counterpart.rules)
            if len(tensors.keys() & theirs.keys()) > len(tensors.keys() & state.keys()):
                return _named_as(chosen, wanted, tensors, LIBRARIES[library], counterpart)
        _refuse_other_convention(wanted, file, state)
    state, notes = harmonised(state, tensors)
    return Found(
        name=shown(file),
        network=wanted.spec,
        digest=file_digest(file),
        state=state,
        preprocessing=wanted.library.preprocessing(wanted.name),
        classes=wanted.library.classes(wanted.name),
        notes=(*chosen.notes, *notes),
    )


def _refuse_word(path: Path) -> None:
    """Raise for a bare word that is neither a file nor a library."""
    where, _ = split(path)
    if where.parent == Path() and not exists(where, kind=WeightsError):
        file = resolved(where, kind=WeightsError)
        raise WeightsError(
            f"weights {printable(str(path))}",
            f"is no source ({', '.join(LIBRARIES)}) and there is no file {shown(file)}",
            near(file) or nearest(str(path), LIBRARIES),
        )


def _known(wanted: Wanted, tensors: Collection[str]) -> Known:
    """How many names in a file are the network's, as we or a library name them."""
    other, _ = wanted.namesake()
    spellings = {
        counterpart.rules
        for each in (wanted, other)
        if each is not None
        for counterpart in each.counterparts().values()
    }
    names = set(tensors)

    def known(given: Collection[str]) -> int:
        plain = dict.fromkeys(given)
        spelt = (plain, *(renamed(plain, rules) for rules in spellings))
        return max(len(names & each.keys()) for each in spelt)

    return known


def _named_as(
    chosen: Chosen,
    wanted: Wanted,
    tensors: Mapping[str, Tensor],
    library: Library,
    counterpart: Counterpart,
) -> Found:
    """Tensors that have the names of a library's network: taken for its weights."""
    preprocessing = library.preprocessing(counterpart.name)
    title = library.title(counterpart.name)
    note = f"named as {title}, hence its pre-processing" if preprocessing else ""
    state, notes = harmonised(renamed(chosen.state, counterpart.rules), tensors, counterpart.heads)
    classes = library.classes(counterpart.name) or ()
    return Found(
        name=shown(chosen.file),
        network=wanted.spec,
        digest=file_digest(chosen.file),
        state=state,
        heads=counterpart.heads,
        preprocessing=preprocessing,
        classes=classes if _tells_apart(state, len(classes)) else None,
        notes=(*([note] if note else []), *chosen.notes, *notes),
    )


def _tells_apart(state: Mapping[str, Tensor], classes: int) -> bool:
    """Whether a classifier has so many rows: one of another number was trained by somebody else."""
    return any(value.dim() == 2 and value.shape[0] == classes for value in state.values())


def _refuse_other_convention(wanted: Wanted, file: Path, state: Mapping[str, Tensor]) -> None:
    """Raise for the weights of a namesake: their names tell where their shapes might not."""
    other, convention = wanted.namesake()
    if other is None:
        return
    for library, counterpart in other.counterparts().items():
        names = set(other.tensors())
        # Rules leave our names alone: a file that has them says nothing of a library.
        if names <= set(renamed(state, counterpart.rules)) and not names <= set(state):
            title = LIBRARIES[library].title(counterpart.name)
            raise WeightsError(
                shown(file),
                f"holds {title}, another network than {wanted.name} ({convention})",
                f"{other.name} takes them",
            )


def _written_by_run(file: Path) -> bool:
    """Whether a run wrote this file."""
    try:
        with safe_open(file, framework="pt") as handle:
            return "striate" in (handle.metadata() or {})
    except (SafetensorError, OSError):
        return False


def _refuse_other_run(wanted: Wanted, file: Path) -> None:
    """Raise for the weights of a run with another network or choices: shapes may be the same.

    A file that was taken away from its run's ``run.toml`` says nothing of either.
    """
    try:
        run = read_toml(file.parent / "run.toml", kind=WeightsError, remedy="")
    except (WeightsError, OSError):
        return
    theirs = run.get("network", wanted.spec)
    if theirs != wanted.spec:
        said = printable(str(theirs))[:80]
        raise WeightsError(
            shown(file),
            f"is of a run with {said}, another network than {wanted.spec}",
            f"{said} takes them",
        )
    if wanted.library is not CATALOGUE:
        return
    told = run.get("variant", {})
    for key, usual in choices(wanted.name).items():
        ours = wanted.variant.get(key, usual)
        chosen = told.get(key, usual) if isinstance(told, dict) else usual
        if key not in _FREE and ours != chosen:
            said = printable(str(chosen))[:80]
            raise WeightsError(
                shown(file),
                f"is of a run with {wanted.name} and {key}={said}, not {key}={ours}",
                f"{wanted.name} with {key}={said} takes them",
            )
