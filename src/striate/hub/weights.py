"""Published weights for the networks that equal their authors': torchvision's, timm's, a file's.

`load` gives a network its weights and says what goes with them: the pre-processing that they were
trained for and the names of their classes. `mapping.py` says which networks equal which,
`libraries.py` asks the libraries, and `weight_files.py` reads the files.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from striate.data.preprocessing import Preprocessing
from striate.errors import WeightsError, nearest
from striate.hub.conversion import ORIGINS, OTHERS, Origin, Source, renamed
from striate.hub.fitting import Fitted, classes_in, fit
from striate.hub.libraries import fetched_state, has_timm, imagenet_classes, preprocessing_of
from striate.hub.state_dicts import Chosen, Known, few, harmonised, read_state_dict, split
from striate.hub.weight_files import near
from striate.support.paths import exists, read_file, resolved, shown
from striate.support.text import printable
from striate.zoo.catalogue import entries, entry
from striate.zoo.create import choices, create
from striate.zoo.layers import Network
from striate.zoo.weightless import weightless

SOURCES: tuple[Source, ...] = ("torchvision", "timm")

# More than any run says of itself.
_LARGEST_RUN = 16 << 20

# Choices that weights do not depend on.
_FREE = ("dropout", "checkpointing", "auxiliary")

# Names of auxiliary heads, here and in both libraries.
_HEADS = re.compile(r"aux", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Found:
    """Weights under our names, before they are given to a network.

    Args:
        name: where they come from, for people: ``torchvision resnet18 IMAGENET1K_V1`` or a file's
            path.
        digest: SHA-256 of the file.
        state: the tensors.
        network: the catalogue's name of the network that they were looked for; empty if of any.
        heads: pattern of auxiliary heads among them that a network need not have.
        preprocessing: what they were trained for, as
            `striate.data.preprocessing.Preprocessing.to_dict` gives it; None where nobody knows.
        classes: names of their classes, in order; None where nobody knows.
        notes: what a person should know.
    """

    name: str
    digest: str
    state: Mapping[str, Tensor]
    network: str = ""
    heads: str = ""
    preprocessing: dict[str, Any] | None = None
    classes: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Published:
    """What goes with weights that a network has been given; see `Found`."""

    name: str
    digest: str
    preprocessing: dict[str, Any] | None
    classes: tuple[str, ...] | None
    """Names of the network's classes; None where nobody knows or the classifier starts anew."""
    kept: Fitted
    note: str
    """What a person should know, or an empty string."""


def load(
    network: nn.Module, name: str, source: str | Path, *, classes: int | None, **variant: Any
) -> Published:
    """Give `network` published weights; with other classes, all but the classifier's.

    Args:
        network: the catalogue's network called `name`, with the choices `variant`, on a real
            device.
        name: the network's name in the catalogue.
        source: ``torchvision``, ``timm``, or the path of a safetensors or PyTorch file, whose
            tensors may have our names or those of either library.
        classes: how many the network tells apart.
        **variant: the choices that `network` was created with.

    Raises:
        WeightsError: the source has none that equal the network (naming the variant that they
            equal), they cannot be fetched (naming the file and its place), or the file is damaged
            or that of another network (naming the one, if its shapes are those of one in the
            catalogue), or a run with another network or other choices wrote it.
    """
    return give(find(name, source, **variant), network, classes)


def create_with(
    name: str,
    source: str | Path,
    *,
    classes: int | None = None,
    in_channels: int | None = None,
    **variant: Any,
) -> tuple[Network, Published]:
    """Create the network called `name` with published weights; see `load`.

    `classes` of None takes as many as the weights have.
    """
    found = find(name, source, **variant)
    if classes is None:
        with weightless():
            plain = create(name, in_channels=in_channels, **variant)
        classes = classes_in(found.state, plain) or entry(name).classes
    network = create(name, classes=classes, in_channels=in_channels, **variant)
    return network, give(found, network, classes)


def give(found: Found, network: nn.Module, classes: int | None) -> Published:
    """Copy `found` into `network`, as `load` does."""
    try:
        kept = fit(found.state, network, classes, what=found.name, heads=found.heads)
    except WeightsError as error:
        remedy = error.remedy or _other_channels(found.state, network) or _suggestion(found)
        raise WeightsError(error.what, error.why, remedy) from None
    names = found.classes if not kept.classifier and len(found.classes or ()) == classes else None
    note = "; ".join(part for part in (*found.notes, kept.note) if part)
    return Published(
        name=found.name,
        digest=found.digest,
        preprocessing=found.preprocessing,
        classes=names,
        kept=kept,
        note=note,
    )


def find(name: str, source: str | Path, **variant: Any) -> Found:
    """Find the weights that `source` has for the catalogue's network called `name`.

    `variant` are the network's own choices: a run's weights hold for its choices alone.

    Raises:
        WeightsError: as for `load`.
        NetworkError: as for `striate.zoo.create.create`.
    """
    entry(name)
    if source not in SOURCES:
        return _in_file(name, Path(source), variant)
    origin = _origin(name, source)
    if source == "timm" and not has_timm():
        raise WeightsError("weights timm", "timm is not installed", "pip install timm")
    file, label, state = fetched_state(origin, source)
    return Found(
        name=label,
        network=name,
        digest=_digest(file),
        state=renamed(state, origin.rules),
        heads=origin.heads,
        preprocessing=preprocessing_of(origin, source),
        classes=imagenet_classes(),
    )


def _origin(name: str, source: Source) -> Origin:
    """The network of `source` that equals ours called `name`; WeightsError if there is none."""
    if (name, source) in ORIGINS:
        return ORIGINS[name, source]
    other, convention = OTHERS.get(name, ("", ""))
    if (other, source) in ORIGINS:
        theirs = ORIGINS[other, source].name
        raise WeightsError(
            f"weights {source} for {name}",
            f"{source}'s {theirs} is another network ({convention})",
            f"{other} takes them",
        )
    known = [ours for ours, library in ORIGINS if library == source]
    elsewhere = [library for library in SOURCES if (name, library) in ORIGINS]
    raise WeightsError(
        f"weights {source} for {name}",
        f"{source} has none that equal it",
        f"{elsewhere[0]} has" if elsewhere else nearest(name, known),
    )


# --- files -------------------------------------------------------------------------------------


def _in_file(name: str, path: Path, variant: Mapping[str, Any]) -> Found:
    """The weights in a file, whose names are ours or a library's."""
    where, _ = split(path)
    if where.parent == Path() and not exists(where, kind=WeightsError):
        file = resolved(where, kind=WeightsError)
        raise WeightsError(
            f"weights {printable(str(path))}",
            f"is no source ({', '.join(SOURCES)}) and there is no file {shown(file)}",
            near(file) or nearest(str(path), SOURCES),
        )
    with weightless():
        own = create(name, **variant).state_dict()
    chosen = read_state_dict(path, _known(name, own))
    file, state = chosen.file, chosen.state
    ours = _is_ours(file)
    if ours:
        _refuse_other_run(name, file, variant)
    for library in () if ours else SOURCES:
        origin = ORIGINS.get((name, library))
        theirs = renamed(state, origin.rules) if origin else {}
        if origin and len(own.keys() & theirs.keys()) > len(own.keys() & state.keys()):
            return _named_as(chosen, name, own, origin, library)
    if not ours:
        _refuse_other_convention(name, file, state)
    state, notes = harmonised(state, own)
    return Found(
        name=shown(file),
        network=name,
        digest=_digest(file),
        state=state,
        notes=(*chosen.notes, *notes),
    )


def _known(name: str, own: Collection[str]) -> Known:
    """How many names in a file are the network's, as we or a library name them."""
    spellings = {
        origin.rules
        for known in (name, OTHERS.get(name, ("", ""))[0])
        for library in SOURCES
        if (origin := ORIGINS.get((known, library)))
    }
    names = set(own)

    def known(given: Collection[str]) -> int:
        plain = dict.fromkeys(given)
        spelt = (plain, *(renamed(plain, rules) for rules in spellings))
        return max(len(names & each.keys()) for each in spelt)

    return known


def _named_as(
    chosen: Chosen, name: str, own: Mapping[str, Tensor], origin: Origin, library: Source
) -> Found:
    """Tensors that have the names of a library's network: taken for its weights."""
    preprocessing = preprocessing_of(origin, library)
    note = f"named as {library}'s {origin.name}, hence its pre-processing" if preprocessing else ""
    state, notes = harmonised(renamed(chosen.state, origin.rules), own, origin.heads)
    return Found(
        name=shown(chosen.file),
        network=name,
        digest=_digest(chosen.file),
        state=state,
        heads=origin.heads,
        preprocessing=preprocessing,
        classes=imagenet_classes() if _is_imagenet(state) else None,
        notes=(*([note] if note else []), *chosen.notes, *notes),
    )


def _is_imagenet(state: Mapping[str, Tensor]) -> bool:
    """Whether a classifier has a thousand rows: another number was trained by somebody else."""
    return any(value.dim() == 2 and value.shape[0] == 1000 for value in state.values())


def _refuse_other_convention(name: str, file: Path, state: Mapping[str, Tensor]) -> None:
    """Raise for the weights of a namesake: their names tell where their shapes might not."""
    other, convention = OTHERS.get(name, ("", ""))
    for library in SOURCES:
        origin = ORIGINS.get((other, library))
        if origin is None:
            continue
        with weightless():
            own = set(create(other).state_dict())
        # Rules leave our own names alone: a file that has them says nothing of a library.
        if own <= set(renamed(state, origin.rules)) and not own <= set(state):
            raise WeightsError(
                shown(file),
                f"holds {library}'s {origin.name}, another network than {name} ({convention})",
                f"{other} takes them",
            )


def _is_ours(file: Path) -> bool:
    """Whether a run wrote this file."""
    try:
        with safe_open(file, framework="pt") as handle:
            return "striate" in (handle.metadata() or {})
    except (SafetensorError, OSError):
        return False


def _refuse_other_run(name: str, file: Path, variant: Mapping[str, Any]) -> None:
    """Raise for the weights of a run with another network or choices: shapes may be the same.

    A file that was taken away from its run's ``run.toml`` says nothing of either.
    """
    try:
        text = read_file(file.parent / "run.toml", most=_LARGEST_RUN, kind=WeightsError)
        run = tomllib.loads(text.decode())
    except (WeightsError, OSError, ValueError, RecursionError):
        return
    theirs = run.get("network", name)
    if theirs != name:
        said = printable(str(theirs))[:80]
        raise WeightsError(
            shown(file),
            f"is of a run with {said}, another network than {name}",
            f"{said} takes them",
        )
    told = run.get("variant", {})
    for key, usual in choices(name).items():
        ours = variant.get(key, usual)
        chosen = told.get(key, usual) if isinstance(told, dict) else usual
        if key not in _FREE and ours != chosen:
            said = printable(str(chosen))[:80]
            raise WeightsError(
                shown(file),
                f"is of a run with {name} and {key}={said}, not {key}={ours}",
                f"{name} with {key}={said} takes them",
            )


def _digest(file: Path) -> str:
    with file.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _other_channels(state: Mapping[str, Tensor], network: nn.Module) -> str:
    """Whether the first kernel in `state` is for images of other channels than the network's."""
    name, ours = next((n, v.shape) for n, v in network.state_dict().items() if v.dim() == 4)
    theirs = state[name].shape if name in state else ours
    if len(theirs) != 4 or theirs[1] == ours[1]:
        return ""
    if (theirs[:1], theirs[2:]) != (ours[:1], ours[2:]):
        return ""
    return (
        f"they are for images of {theirs[1]} channels, not of {ours[1]}: "
        "give such images, or start without weights"
    )


def _suggestion(found: Found) -> str:
    """What to do about tensors that do not fit: which networks of the catalogue have their shapes.

    Where those of the network that was asked for are the same, it is the names that differ.
    """
    state = found.state
    trained = {n: v.numel() for n, v in state.items() if "running_" not in n and v.dim()}
    sizes = (sum(trained.values()), sum(n for name, n in trained.items() if not _HEADS.match(name)))
    shapes, fitting = _shapes(state), []
    for one in entries():
        if all(abs(one.parameters - size) > 0.1 * size for size in sizes):
            continue
        with weightless():
            network = create(one.name).state_dict()
        if _shapes(network) != shapes:
            continue
        if one.name == found.network:
            theirs = next((key for key in state if key not in network), "")
            ours = next((key for key in network if key not in state), "")
            named = f"they say '{few([theirs])}', it '{ours}': " if theirs and ours else ""
            return f"their shapes are its own, their names are not ({named}rename them)"
        fitting.append(one.name)
    return f"their shapes are those of {' or '.join(fitting[:3])}" if fitting else ""


def _shapes(state: Mapping[str, Tensor]) -> Counter[tuple[int, ...]]:
    """How often each shape of a kernel occurs, without the outputs: classes may differ.

    Auxiliary heads, which a network may be created without, do not count.
    """
    kernels = (v for name, v in state.items() if v.dim() > 1 and not _HEADS.match(name))
    return Counter(tuple(kernel.shape[1:]) for kernel in kernels)


def preprocessing_from(published: Published, size: int | None) -> Preprocessing | None:
    """The pre-processing that the weights were trained for, at `size` pixels if that is given.

    None where nobody knows it.
    """
    if published.preprocessing is None:
        return None
    own = Preprocessing.from_dict(published.preprocessing)
    if size is None:
        return own
    return replace(own, resize=round(own.resize * size / own.height), height=size, width=size)
