"""A network's tensors found among what a file holds: under other keys, prefixes and companions.

Training scripts keep weights beside other things (``state_dict``, ``model`` …), wrap networks
(``module.``, ``_orig_mod.``, ``model.``), keep averaged weights beside the raw ones, and count
things in tensors. One search answers all of it: of all beginnings that the names in a file have,
the one after which most of the network's own names follow.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from striate.errors import WeightsError, nearest
from striate.hub.weight_files import read_content, refuse_too_many
from striate.support.paths import exists, expanded, shown
from striate.support.text import printable

#: How many of some names a network knows.
Known = Callable[[Collection[str]], int]

#: Whatever makes a network faster or spreads it leaves such parts in names, wherever it stands.
_WRAPPERS = {"_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"}

#: Under what names scripts keep the weights, the likeliest first, where nothing else tells.
_NESTS = ("state_dict", "model_state_dict", "model", "network", "net", "weights", "params")

#: Names of averaged weights, which papers' and libraries' figures are usually of.
_AVERAGED = re.compile(r"(^|[._])(ema|swa|averaged?|teacher)([._]|$)")

#: Mappings within mappings are followed so deep, and so many of them; names begin in so many ways.
_DEPTH, _MAPPINGS = 6, 20_000
#: So many beginnings are tried, those of most names first.
_TRIED = 40

#: What is counted in tensors beside weights: batches, thop's operations, averaged models.
_COUNTERS = re.compile(r"(^|\.)(num_batches_tracked|total_ops|total_params|n_averaged)$")
#: A network that normalises its images by itself.
_NORMALISATION = re.compile(r"(^|\.)(\w*normali[sz]\w*|\w*pre_?process\w*|pixel)[._](mean|std)$")

#: So many names, of so many characters, stand in a message.
_SHOWN, _LONGEST = 3, 120


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """A network's tensors, out of a file.

    Attributes:
        file: resolved.
        state: the tensors, on the CPU, under the names that follow what they had in common.
        notes: what a person should know of the choice.
    """

    file: Path
    state: dict[str, Tensor]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Entry:
    """A tensor in a file: its name among the file's keys, and how much of that are keys."""

    nest: str
    name: str
    plain: str  # without wrappers


def read_state_dict(path: str | Path, known: Known | None = None) -> Chosen:
    """The tensors of one network in the safetensors or PyTorch file at `path`, on the CPU.

    Args:
        path: the file; ``FILE#NAME`` takes the tensors below NAME, where it holds several networks.
        known: says how many of some names the network has that the tensors are for. Without it,
            the tensors are those that training scripts usually mean.

    Raises:
        WeightsError: the file is damaged or no weights (see `striate.hub.weight_files`), holds
            nothing of that name, or numbers that no network computes with.
    """
    where, part = split(path)
    file, content = read_content(where)
    tensors = dict(_flat(file, content))
    if not tensors:
        raise WeightsError(shown(file), "holds no tensors by name", "give a state_dict")
    entries = {name: _entry(nest, name) for name, (nest, _) in tensors.items()}
    if part:
        entries = _below(file, entries, part)
    prefix, others = _prefix(entries, known)
    chosen = {
        entry.plain[len(prefix) :]: name
        for name, entry in entries.items()
        if entry.plain.startswith(prefix)
    }
    state = {plain: tensors[name][1] for plain, name in chosen.items()}
    _refuse_unusable(file, state)
    notes = _notes(file, [(entries[name], plain) for plain, name in chosen.items()], prefix, others)
    return Chosen(file=file, state=state, notes=notes)


def split(path: str | Path) -> tuple[Path, str]:
    """The file, and what follows a ``#`` where no file has that in its name."""
    given = expanded(path, kind=WeightsError)
    name, sharp, part = given.name.rpartition("#")
    if not sharp or not name or not part or exists(given, kind=WeightsError):
        return given, ""
    return given.with_name(name), part


def _flat(
    file: Path, content: Mapping[Any, Any], nest: str = "", seen: set[int] | None = None
) -> Iterator[tuple[str, tuple[str, Tensor]]]:
    """Every tensor in mappings within mappings: (name, (how it is nested, tensor))."""
    seen = set() if seen is None else seen
    if id(content) in seen or nest.count(".") > _DEPTH or len(seen) > _MAPPINGS:
        return
    seen.add(id(content))
    refuse_too_many(file, sum(isinstance(value, Tensor) for value in content.values()))
    for key, value in content.items():
        name = f"{nest}{key}"
        if isinstance(value, Tensor):
            yield name, (nest, value)
        elif isinstance(value, Mapping):
            yield from _flat(file, value, f"{name}.", seen)


def _entry(nest: str, name: str) -> _Entry:
    parts = [part for part in name.split(".") if part not in _WRAPPERS]
    return _Entry(nest=nest, name=name, plain=".".join(parts))


def _below(file: Path, entries: Mapping[str, _Entry], part: str) -> dict[str, _Entry]:
    """The tensors below the name `part`, which a person chose."""
    start = f"{part.rstrip('.')}."
    found = {name: entry for name, entry in entries.items() if name.startswith(start)}
    if found:
        return found
    tops = {name.partition(".")[0] for name in entries}
    raise WeightsError(
        shown(file), f"holds nothing below '{printable(part)}'", printable(nearest(part, tops))
    )


def _prefix(entries: Mapping[str, _Entry], known: Known | None) -> tuple[str, tuple[str, ...]]:
    """What the names of the network's tensors begin with, and what others might as well."""
    counts = Counter(start for entry in entries.values() for start in _starts(entry.plain))
    best, found = 0, [""]
    for start, count in counts.most_common(_TRIED):
        if known is None or count < best:
            break
        rest = {e.plain[len(start) :] for e in entries.values() if e.plain.startswith(start)}
        score = known(rest)
        if score > best:
            best, found = score, [start]
        elif score == best:
            found.append(start)
    if not best:
        return _usual(entries, counts), ()
    found.sort(key=lambda start: (not _AVERAGED.search(start), _rank(start)))
    return found[0], tuple(found[1:])


def _starts(name: str) -> Iterator[str]:
    """What `name` may begin with: nothing, its first part, its first two and so on."""
    parts = name.split(".", _DEPTH)[:-1]
    yield from ("".join(f"{part}." for part in parts[:count]) for count in range(len(parts) + 1))


def _rank(start: str) -> int:
    top = start.partition(".")[0]
    return _NESTS.index(top) if top in _NESTS else len(_NESTS)


def _usual(entries: Mapping[str, _Entry], counts: Mapping[str, int]) -> str:
    """The beginning that weights usually have, where no network says what it looks for."""
    nests = Counter(entry.nest for entry in entries.values())
    most = max(nests.values())
    nest = min((each for each in nests if 2 * nests[each] > most), key=_rank)
    wrapped = f"{nest}module."
    return wrapped if counts[wrapped] == counts[nest] else nest


def _notes(
    file: Path, chosen: Collection[tuple[_Entry, str]], prefix: str, others: tuple[str, ...]
) -> tuple[str, ...]:
    """What was left out of the names, and which of several networks was taken."""
    notes = []
    left_out = dict.fromkeys(
        entry.name[len(entry.nest) :].removesuffix(plain)
        if entry.name.endswith(plain)
        else next(part for part in entry.name.split(".") if part in _WRAPPERS) + "."
        for entry, plain in chosen
    )
    if told := ", ".join(f"'{printable(each)}'" for each in left_out if each):
        notes.append(f"its names are taken without {told}")
    if others:
        kind = " (averaged weights)" if _AVERAGED.search(prefix) else ""
        named = ", ".join(f"{shown(file)}#{printable(each.rstrip('.'))}" for each in others[:2])
        notes.append(
            f"taken from '{printable(prefix.rstrip('.'))}'{kind}; {named} takes the others"
        )
    return tuple(notes)


# --- what is in the tensors --------------------------------------------------------------------


def unusable(value: Tensor) -> str:
    """Why no network can take `value` as it is, or an empty string; no number is looked at."""
    kind = str(value.dtype).removeprefix("torch.")
    layout = str(value.layout).removeprefix("torch.").replace("_", " ")
    # In this order: what is asked of a tensor later has an answer only if it passed what is before.
    reasons: tuple[tuple[Callable[[], bool], str], ...] = (
        (lambda: type(value) not in _PLAIN, f"is a {type(value).__name__}, not a plain tensor"),
        (lambda: value.is_quantized, "is quantised"),
        (lambda: value.layout is not torch.strided, f"is {layout}, not dense"),
        (
            lambda: value.device.type != "cpu",
            f"is on the {value.device.type} device and has no values",
        ),
        (value.is_complex, f"holds complex numbers ({kind})"),
        (
            lambda: value.dtype not in _FLOATS | _INTEGERS,
            f"holds numbers that no network computes with ({kind})",
        ),
        (
            # A few bytes in a file, which strides of 0 spread over terabytes.
            lambda: (
                value.numel() * value.element_size()
                > max(value.untyped_storage().nbytes(), _SPREAD)
            ),
            f"spreads a few numbers over {tuple(value.shape)}",
        ),
    )
    return next((why for holds, why in reasons if holds()), "")


_PLAIN = (Tensor, torch.nn.Parameter, torch.nn.Buffer)
_FLOATS = {torch.float16, torch.bfloat16, torch.float32, torch.float64}
_INTEGERS = {torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64}
_SPREAD = 64 << 20


def misfit(value: Tensor, place: Tensor) -> str:
    """Why `value` cannot stand for `place`, the network's tensor of that name, shapes aside."""
    if why := unusable(value):
        return why
    kind = str(value.dtype).removeprefix("torch.")
    if place.is_floating_point() and not value.is_floating_point():
        return f"holds whole numbers ({kind}) in the place of fractions: a quantised network"
    return ""


def _refuse_unusable(file: Path, state: Mapping[str, Tensor]) -> None:
    for name, value in state.items():
        if why := unusable(value):
            raise WeightsError(
                shown(file),
                f"'{few([name])}' {why}",
                "save the plain weights: float32, dense, on the CPU",
            )
    broken = [n for n, v in state.items() if v.is_floating_point() and not bool(v.isfinite().all())]
    negative = [n for n, v in state.items() if n.endswith("running_var") and bool((v < 0).any())]
    for names, why in (
        (broken, "numbers that are not finite"),
        (negative, "variances below zero"),
    ):
        if names:
            raise WeightsError(shown(file), f"holds {why} ({few(names)})", "use other weights")


# --- what else is in a file --------------------------------------------------------------------


def harmonised(
    state: Mapping[str, Tensor], tensors: Mapping[str, Tensor], heads: str = ""
) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """`state` as a network with such `tensors` takes it, and notes of what was done to it.

    Left out is only what is no weight: counters, and the mean and std by which some networks
    normalise their images. A classifier is renamed where it is all that differs and has the same
    inputs.
    """
    kept, notes = dict(state), []
    extra = [name for name in state if name not in tensors]
    counters = [n for n in extra if _COUNTERS.search(n) or ("." not in n and not state[n].dim())]
    # Those of layers that the network does not have belong to another network, and are told so.
    strange = {n.rpartition(".")[0] for n in extra if n not in counters}
    counters = [n for n in counters if n.rpartition(".")[0] not in strange - {""}]
    normalising = [
        name for name in extra if _NORMALISATION.search(name) and state[name].numel() <= 4
    ]
    for name in {*counters, *normalising}:
        kept.pop(name)
    last = dict.fromkeys(printable(name.rpartition(".")[2]) for name in counters)
    if told := [name for name in last if name != "num_batches_tracked"]:
        notes.append(f"not weights, and left out: {', '.join(told[:_SHOWN])}")
    if normalising:
        notes.append(
            f"its own normalisation of images ({few(normalising)}) is left out: check that the "
            "pre-processing does the same"
        )
    auxiliary = re.compile(heads or r"(?!)")
    theirs = [name for name in kept if name not in tensors and not auxiliary.match(name)]
    missing = [name for name in tensors if name not in kept and not auxiliary.match(name)]
    layers = {name.rpartition(".")[0] for name in theirs}, {n.rpartition(".")[0] for n in missing}
    if all(len(names) == 1 for names in layers) and _same_inputs(kept, theirs, tensors, missing):
        (there,), (here,) = layers
        kept = {
            f"{here}.{name.rpartition('.')[2]}" if name in theirs else name: value
            for name, value in kept.items()
        }
        notes.append(f"its '{printable(there)}' is taken for the classifier '{here}'")
    return kept, tuple(notes)


def _same_inputs(
    state: Mapping[str, Tensor], theirs: list[str], tensors: Mapping[str, Tensor], ours: list[str]
) -> bool:
    """Whether two layers have the same tensors, but for the number of their outputs."""
    shapes = [
        {name.rpartition(".")[2]: tuple(values[name].shape[1:]) for name in names}
        for values, names in ((state, theirs), (tensors, ours))
    ]
    return shapes[0] == shapes[1] and "weight" in shapes[0]


def few(names: Collection[str]) -> str:
    """Some of `names`, printable."""
    some = ", ".join(printable(name[:_LONGEST]) for name in list(names)[:_SHOWN])
    return some + (", …" if len(names) > _SHOWN else "")
