"""Fitting the tensors of a file to a network, but for a classifier of other classes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from striate.errors import WeightsError
from striate.hub.state_dicts import few, misfit


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """What became of the weights in a file.

    Args:
        taken: how many of the network's tensors come from the file.
        left: names of those that keep their initial values, for want of equal ones.
        classifier: those of them that tell another number of classes apart.
        ignored: names of tensors in the file that the network has no use for.
        classes: how many classes the file's classifier tells apart; None if the network has another
            number nowhere, so that nothing tells.
    """

    taken: int
    left: tuple[str, ...]
    classifier: tuple[str, ...]
    ignored: tuple[str, ...]
    classes: int | None

    @property
    def note(self) -> str:
        """What a person should know, or an empty string."""
        parts = []
        if self.classifier:
            parts.append(
                f"{self.taken} tensors are taken; the classifier ({_layers(self.classifier)}) "
                f"starts anew, since the weights are for {self.classes} classes"
            )
        if heads := [name for name in self.left if name not in self.classifier]:
            parts.append(f"not in the weights and starting anew: {_layers(heads, top=True)}")
        if self.ignored:
            parts.append(f"not used: {_layers(self.ignored, top=True)}")
        return "; ".join(parts)


def _layers(names: Iterable[str], *, top: bool = False) -> str:
    """The layers, or the parts of the network, that tensors belong to."""
    return ", ".join(
        dict.fromkeys(name.partition(".")[0] if top else name.rpartition(".")[0] for name in names)
    )


def classes_in(state: Mapping[str, Tensor], network: nn.Module) -> int | None:
    """How many classes `state` tells apart, if `network` fits it but for its number of classes.

    None where all shapes are equal, where names are missing, or where shapes differ otherwise.
    """
    tensors = network.state_dict()
    pairs = [(tuple(state[n].shape), tuple(v.shape)) for n, v in tensors.items() if n in state]
    different = [(theirs, ours) for theirs, ours in pairs if theirs != ours]
    rows = {(theirs[:1], ours[:1]) for theirs, ours in different}
    if len(rows) != 1 or any(theirs[1:] != ours[1:] for theirs, ours in different):
        return None
    theirs, _ = rows.pop()
    return int(theirs[0]) if theirs else None


def fit(
    state: Mapping[str, Tensor],
    network: nn.Module,
    classes: int | None = None,
    *,
    what: str = "the weights",
    remedy: str = "",
    heads: str = "",
) -> Fitted:
    """Copy `state` into `network`, all but a classifier for another number of classes.

    Args:
        state: tensors under the network's own names, of any floating-point type.
        network: any module, on a real device.
        classes: how many the network tells apart. If the only shapes that differ are those whose
            first axis has this length here, and one and the same other length in `state`, they
            belong to the classifier (and auxiliary classifiers), which keeps its initial values.
            None: never.
        what: the file, as an error names it.
        remedy: what to do, for the error.
        heads: pattern of names that either side may lack: auxiliary heads.

    Raises:
        WeightsError: names are missing or unexpected, shapes differ, or numbers are of a type that
            the network cannot compute with; nothing has been changed.
    """
    tensors = network.state_dict()
    auxiliary = re.compile(heads or r"(?!)")
    absent = [name for name in tensors if name not in state]
    # Files from before PyTorch 0.4.1 do not count batches, and nothing here reads the count.
    counters = {name for name in absent if name.endswith("num_batches_tracked")}
    missing = [name for name in absent if name not in counters and not auxiliary.match(name)]
    ignored = [name for name in state if name not in tensors]
    unexpected = [name for name in ignored if not auxiliary.match(name)]
    shapes = {
        name: (tuple(state[name].shape), tuple(value.shape))
        for name, value in tensors.items()
        if name in state and state[name].shape != value.shape
    }
    published = classes_in(state, network)
    rows = {ours[:1] for _, ours in shapes.values()}
    classifier = tuple(shapes) if published is not None and rows == {(classes,)} else ()
    kinds = [f"{n} {theirs} for {ours}" for n, (theirs, ours) in shapes.items()]
    wrong = [] if classifier else kinds
    if missing or unexpected or wrong:
        parts = (("missing", missing), ("unexpected", unexpected), ("of another shape", wrong))
        counted = [f"{len(names)} {kind} ({few(names)})" for kind, names in parts if names]
        raise WeightsError(what, f"are of another network: {', '.join(counted)}", remedy)
    taken = [name for name in tensors if name in state and name not in classifier]
    for name in taken:
        if why := misfit(state[name], tensors[name]):
            raise WeightsError(what, f"'{few([name])}' {why}", "give plain float weights")
    with torch.no_grad():
        for name in taken:
            tensors[name].copy_(state[name])
    return Fitted(
        taken=len(taken),
        left=tuple(n for n in tensors if n in classifier or (n in absent and n not in counters)),
        classifier=classifier,
        ignored=tuple(ignored),
        classes=published if classifier else classes,
    )
