"""Trained weights for a network: a library's, or those in a person's file.

`find` finds them, whatever they are called there, and says what goes with them: the pre-processing
that they were trained for and the names of their classes. `give` copies them into a network.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import nn

from striate.data.preprocessing import Preprocessing
from striate.errors import WeightsError, nearest, parameter
from striate.hub.conversion import Counterpart, renamed
from striate.hub.fitting import Fitted, classes_in, fit
from striate.hub.found import Found, Wanted, file_digest, wanted
from striate.hub.from_file import find_in_file
from striate.hub.libraries import CATALOGUE, LIBRARIES
from striate.hub.library import Library
from striate.hub.misfits import remedy_for
from striate.zoo.catalogue import entry
from striate.zoo.create import create
from striate.zoo.layers import Network
from striate.zoo.weightless import weightless


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


def create_from(
    found: Found,
    name: str,
    *,
    classes: int | None = None,
    in_channels: int | None = None,
    **variant: Any,
) -> tuple[Network, Published]:
    """Create the catalogue's network called `name` with the weights that were found for it.

    `classes` of None takes as many as the weights have.

    Raises:
        WeightsError: they are those of another network.
    """
    if classes is None:
        classes = classes_of(found, name, in_channels=in_channels, **variant)
    network = create(name, classes=classes, in_channels=in_channels, **variant)
    return network, give(found, network, classes)


def classes_of(found: Found, name: str, *, in_channels: int | None = None, **variant: Any) -> int:
    """How many classes the weights have that were found for the catalogue's network `name`."""
    with weightless():
        plain = create(name, in_channels=in_channels, **variant)
    return classes_in(found.state, plain) or entry(name).classes


def give(found: Found, network: nn.Module, classes: int | None, *, without: str = "") -> Published:
    """Copy `found` into `network`; with other classes, all but the classifier's.

    Args:
        found: the weights.
        network: on a real device.
        classes: how many the network tells apart; None where that is not known.
        without: path of a layer that `network` lacks, whose weights are left out.

    Raises:
        WeightsError: they are those of another network.
    """
    state = found.state
    if without:
        state = {key: value for key, value in state.items() if not key.startswith(f"{without}.")}
    try:
        kept = fit(state, network, classes, what=found.name, heads=found.heads)
    except WeightsError as error:
        remedy = error.remedy or remedy_for(found, network)
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
    """Find the weights that `source` has for a network of the catalogue or of a library.

    Args:
        name: a name of the catalogue, or a library's with its prefix.
        source: ``torchvision``, ``timm``, or the path of a safetensors or PyTorch file, whose
            tensors may have our names or those of either library.
        **variant: the choices that the network is made with: a run's weights hold for its choices
            alone.

    Raises:
        WeightsError: the source has none that equal the network (naming the variant that they
            equal), they cannot be fetched (naming the file and its place), or the file is damaged
            or that of another network (naming the one, if its shapes are those of one in the
            catalogue), or a run with another network or other choices wrote it.
        NetworkError: there is no such network, or it has no such choices.
    """
    sought = wanted(name, variant)
    library = LIBRARIES.get(source) if isinstance(source, str) else None
    if library is None:
        return find_in_file(sought, Path(source))
    counterpart = _counterpart(sought, library)
    fetched = library.weights(counterpart.name)
    return Found(
        name=fetched.label,
        network=sought.spec,
        digest=file_digest(fetched.file),
        state=renamed(fetched.state, counterpart.rules),
        heads=counterpart.heads,
        preprocessing=library.preprocessing(counterpart.name),
        classes=library.classes(counterpart.name),
    )


def _counterpart(sought: Wanted, library: Library) -> Counterpart:
    """The network of `library` that equals what is `sought`; WeightsError if there is none."""
    found = sought.counterpart(library)
    if found is not None:
        return found
    if sought.library is not CATALOGUE:
        raise WeightsError(
            f"network '{sought.spec}'",
            f"cannot take {library.name}'s weights",
            f"give {sought.library.name}'s, or a file"
            if not sought.library.trained
            else f"it comes with its own: leave {parameter('weights')} out, or give a file",
        )
    what = f"weights {library.name} for {sought.name}"
    other, convention = sought.namesake()
    theirs = other and other.counterpart(library)
    if other and theirs:
        raise WeightsError(
            what,
            f"{library.title(theirs.name)} is another network ({convention})",
            f"{other.name} takes them",
        )
    elsewhere = list(sought.counterparts())
    raise WeightsError(
        what,
        f"{library.name} has none that equal it",
        f"{elsewhere[0]} has" if elsewhere else nearest(sought.name, library.counterparts),
    )


def preprocessing_from(published: Published, size: int | None) -> Preprocessing | None:
    """The pre-processing that the weights were trained for, at `size` pixels if that is given.

    None where nobody knows it.
    """
    return trained_for(published.preprocessing, size)


def trained_for(preprocessing: dict[str, Any] | None, size: int | None) -> Preprocessing | None:
    """The same of what stands beside weights that were found."""
    if preprocessing is None:
        return None
    trained = Preprocessing.from_dict(preprocessing)
    if size is None:
        return trained
    return replace(
        trained, resize=round(trained.resize * size / trained.height), height=size, width=size
    )
