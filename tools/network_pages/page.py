"""The page of one network, in Markdown."""

from __future__ import annotations

import functools
import inspect
import re
import sys
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, get_args

from network_pages import detectors
from network_pages.boxes import Module
from network_pages.counted import Counted, Part
from network_pages.module_picture import title_of
from network_pages.recipes import classic, summary
from striate.anatomy.costs.formulas import by, human_bytes, human_count
from striate.hub.conversion import NAMESAKES
from striate.hub.libraries import LIBRARIES
from striate.zoo import attention
from striate.zoo.catalogue import Entry, entries
from striate.zoo.create import CONSTRUCTORS
from striate.zoo.published import published
from striate.zoo.variants import SIZES

NOTES = Path(__file__).with_name("notes.toml")
#: The paragraph of `attention.py` on each family's block; the others hold for all.
BLOCKS = {"se": "Squeeze-and-excitation:", "cbam": "CBAM:"}
RESIDUAL = "In a residual block"
#: Networks that take so much memory to train that their pages show what saves it.
DEEP = ("resnet1202", "preact_resnet1001")
_DEPARTURE = re.compile(r"^Departures?:\s+")


@functools.cache
def in_time() -> tuple[Entry, ...]:
    """All networks by year; within a year in the catalogue's order."""
    return tuple(sorted(entries(), key=lambda one: one.year))


def per_cent(error: float | None) -> str:
    """``22.85 %``, ``23.0 %``; nothing for None."""
    return "" if error is None else f"{100 * error:.2f}".removesuffix("0") + " %"


def page(entry: Entry, counted: Counted) -> str:
    """The whole document; its picture lies in `images/`."""
    build = CONSTRUCTORS[entry.name]
    text = _paragraphs(_module(build))
    detects = entry.task == "detection"
    shown = [
        f"# {entry.title}",
        f"`{entry.name}` · {entry.paper} · {entry.year}",
        _neighbours(entry),
        f"![The grids of {entry.name}, with their shares of MACs and parameters]"
        f"(images/{entry.name}.svg)",
        "Each block is all layers on one grid: as high as the grid, as thick as its widest feature "
        "map\nhas channels (both compressed). The bars cut the network's MACs and parameters by "
        "grid.",
        "## The idea",
        *_idea(entry, text),
        "## In numbers",
        _numbers(counted),
        _highlights(counted),
        *_modules(entry, counted),
        "## Layer by layer",
        _layers(counted.parts),
        "Sees: the [receptive field](../arithmetic.md) of one position, which may reach beyond the "
        "image; what\nreads the whole map sees the whole image. Activations, dropout and additions "
        "are left out; batch\nnormalisation counts with the convolution before it. "
        f"`striate table {entry.name}` shows every operator.",
        *_measured(entry),
        "## Departures",
        _departures(entry, text),
        "## Using it",
        detectors.using(entry) if detects else _using(entry, build),
        "## Published weights",
        detectors.weights(entry) if detects else _weights(entry),
        "## The same family",
        _family(entry, build),
    ]
    return "\n\n".join(part for part in shown if part) + "\n"


def _modules(entry: Entry, counted: Counted) -> list[str]:
    """Its modules as pictures, one of each form."""
    shown = [f"![{title_of(one)}](images/{file_of(entry.name, one)})" for one in to_draw(counted)]
    if not shown:
        return []
    return [
        "## Its modules",
        "One of each form, drawn from the network itself: kernels and channels, and what follows a "
        "layer (BN:\nbatch normalisation).",
        *shown,
    ]


def to_draw(counted: Counted) -> tuple[Module, ...]:
    """What the page shows as pictures of its own."""
    return (*counted.modules, *([counted.exits] if counted.exits else []))


def file_of(name: str, module: Module) -> str:
    """What the picture of a module is called."""
    return f"{name}-{module.path}.svg"


def _measured(entry: Entry) -> list[str]:
    if entry.task == "detection":
        return ["## Published accuracy", detectors.published(entry)]
    return ["## Published errors", _published(entry), "## Recipe", _recipe(entry)]


def _module(build: Callable[..., Any]) -> Any:
    return sys.modules[build.__module__]


def _paragraphs(module: Any) -> list[str]:
    return (inspect.getdoc(module) or "").split("\n\n")


def _is_departure(paragraph: str) -> bool:
    return paragraph.startswith(("Departure", "Ours where"))


def _neighbours(entry: Entry) -> str:
    line = in_time()
    at = line.index(entry)
    parts = []
    if at:
        parts.append(f"← [{line[at - 1].name}]({line[at - 1].name}.md)")
    parts.append("[all networks in time](README.md)")
    if at + 1 < len(line):
        parts.append(f"[{line[at + 1].name}]({line[at + 1].name}.md) →")
    return " · ".join(parts)


def _idea(entry: Entry, text: Sequence[str]) -> list[str]:
    own = (inspect.getdoc(CONSTRUCTORS[entry.name]) or "").split("\n\n")[0]
    parts = [f"**{own}**"]
    block, _, network = entry.family.partition("_")
    if block in BLOCKS:
        others = [words for key, words in BLOCKS.items() if key != block]
        if network != "resnet":
            others.append(RESIDUAL)
        shown = [one for one in _paragraphs(attention) if not one.startswith(tuple(others))]
        parts += [*shown, "The network that takes the block:"]
    parts.append("\n".join(f"> {line}" for line in text[0].splitlines()))
    return parts + [one for one in text[1:] if not _is_departure(one)]


def _numbers(counted: Counted) -> str:
    found = counted.totals
    gates = ", gates included" if _gated(counted) else ""
    stored = ""
    if found.stored != found.parameters:
        stored = f" ({found.stored:,} with what only training reads: {', '.join(found.unused)})"
    rows = [
        ("input", by(found.input)),
        ("parameters", f"{found.parameters:,}{stored}"),
        ("weights in float32", human_bytes(4 * found.stored)),
        ("MACs, one image", f"{found.macs:,}"),
        (f"convolution and dense layers on the longest path{gates}", f"{found.depth}"),
        ("activations of one forward", human_bytes(found.memory)),
        ("memory of one training step, batch of one", human_bytes(found.training_memory.total)),
        ("feature maps, `stages(x)`", _maps(counted.maps)),
    ]
    seen = found.convolutional_receptive_field
    if seen is not None and found.jump is not None:
        rows.append((f"receptive field of the {_last(counted)}", f"{by(seen)} pixels"))
        rows.append(("its jump", f"{found.jump[0]} pixels"))
    return "\n".join(["| | |", "|:--|--:|", *(f"| {name} | {value} |" for name, value in rows)])


def _maps(maps: Sequence[tuple[int, int]]) -> str:
    (channels, stride), *others = maps
    coarser = "".join(f", {channels} at {stride}" for channels, stride in others)
    return f"{channels} channels at stride {stride}{coarser}"


def _last(counted: Counted) -> str:
    """What the last grid is called: LeNet-5 has one more map after it, of one position."""
    single = any(one.macs and one.output[1:] == (1, 1) for one in counted.parts)
    return "last map of more than one position" if single else "last feature map"


def _gated(counted: Counted) -> bool:
    """Whether gates weigh its maps, through which every position sees the whole image."""
    found = counted.totals
    return found.convolutional_receptive_field != found.receptive_field


def _highlights(counted: Counted) -> str:
    found = counted.totals
    costly = sorted(counted.parts, key=lambda one: -one.share)[:3]
    words = ", ".join(f"{_name(one)} ({_share(one.share)})" for one in costly)
    kinds = ", ".join(
        f"{kind} {_share(share)}"
        for kind, share in counted.kinds
        if share >= 0.02 or kind.startswith("depthwise")
    )
    lines = [f"- The costliest parts: {words} of all MACs.", f"- MACs by kind of layer: {kinds}."]
    last = counted.grids[-1]
    if last.layers:
        lines.append(
            f"- After the {_last(counted)} come {_share(last.parameters / found.parameters)} of "
            f"the parameters and {_share(last.macs / found.macs)} of the MACs."
        )
    else:
        lines.append(
            "- Nothing with weights comes after the last feature map: its means are the logits."
        )
    if _gated(counted):
        lines.append(
            "- The receptive fields, here and below, are those of the convolutions and pools; "
            "through its gates every position sees the whole image."
        )
    return "\n".join(lines)


def _share(value: float) -> str:
    if value and value < 0.001:
        return "under 0.1 %"
    return f"{value:.1%}".replace("%", " %").replace(".0 ", " ")


def _name(part: Part) -> str:
    if part.times == 1:
        return f"`{part.first}`"
    return f"`{part.first}` to `{part.last}` together"


def _layers(parts: Sequence[Part]) -> str:
    lines = ["| part | what | output | parameters | MACs | of all | sees |"]
    lines.append("|:--|:--|--:|--:|--:|--:|--:|")
    for part in parts:
        name = f"`{part.first}`"
        if part.times > 1:
            name += f" … `{part.last}` ({part.times} alike)"
        cells = (
            name,
            part.what,
            by(part.output),
            f"{part.parameters:,}" if part.parameters else "",
            human_count(part.macs) if part.macs else "",
            _share(part.share) if part.macs else "",
            by(part.sees) if part.sees else "",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _published(entry: Entry) -> str:
    found = published().get(entry.name, ())
    if not found:
        return "No figure is recorded here for this network."
    lines = ["| data | top-1 error | top-5 error | shown | source |", "|:--|--:|--:|:--|:--|"]
    for one in found:
        doubt = "" if one.confidence == "read" else " (from memory)"
        lines.append(
            f"| {one.data} | {per_cent(one.top1)} | {per_cent(one.top5)} | {one.crops} | "
            f"{one.source}{doubt} |"
        )
    return "\n".join(lines) + (
        "\n\nThese belong to the weights that their source trained; training this network again is "
        "not promised\nto reach them."
    )


def _recipe(entry: Entry) -> str:
    found = classic(entry)
    if found is None:
        return "No recipe was published with this network; `--recipe modern` trains it."
    file, recipe = found
    lines = [
        f"`--recipe classic` is [{recipe.name}](../../src/striate/recipes/classic/"
        f"{file.name}), after {recipe.reference}:",
        "",
        *(f"- {line}" for line in summary(recipe)),
    ]
    if recipe.ours:
        lines += ["", "Left open there and chosen by us:", "", *(f"- {one}" for one in recipe.ours)]
    if recipe.departures:
        lines += ["", "Done otherwise:", "", *(f"- {one}" for one in recipe.departures)]
    return "\n".join(lines)


@functools.cache
def notes() -> tuple[tuple[tuple[str, ...], str], ...]:
    """(networks, text) of every note."""
    rows = tomllib.loads(NOTES.read_text(encoding="utf-8"))["note"]
    return tuple((tuple(row["networks"]), row["text"]) for row in rows)


def _departures(entry: Entry, text: Sequence[str]) -> str:
    ours = [_DEPARTURE.sub("", one) for one in text if _is_departure(one)]
    ours = [one[0].upper() + one[1:] for one in ours]
    others = [f"- {note}" for networks, note in notes() if entry.name in networks]
    if not ours and not others:
        return "None that we know of, here or in popular implementations."
    listed = "\n".join(
        ("To know, of this network and of its popular implementations:", "", *others)
    )
    return "\n\n".join([*ours, *([listed] if others else [])])


def _using(entry: Entry, build: Callable[..., Any]) -> str:
    name, grey = entry.name, entry.input[0] == 1
    train = f"striate train {'digits' if grey else 'photos'} --net {name}"
    train += " --recipe classic" if classic(entry) else ""
    lines = [
        "```sh",
        f"striate view {name} -o {name}.html",
        f"{train} --out runs/{name}",
        "```",
        "",
        "```python",
        "import striate",
        "",
        f'network = striate.create("{name}", classes={10 if grey else 5})',
        "```",
    ]
    if name in DEEP:
        lines.insert(3, f"{train} --variant checkpointing=true --out runs/{name}_lean")
    return "\n".join(lines + _choices(build))


def _choices(build: Callable[..., Any]) -> list[str]:
    """What the network lets choose, and how to say it; nothing where it offers none."""
    parameters = inspect.signature(build, eval_str=True).parameters
    found = {key: one for key, one in parameters.items() if key not in SIZES}
    if not found:
        return []
    listed = []
    for key, one in found.items():
        words = [f"`{value}`" for value in _words(one.annotation) if value != one.default]
        listed.append(f"`{key}={one.default!r}`" + (f" (or {', '.join(words)})" if words else ""))
    key, one = next(iter(found.items()))
    if isinstance(one.default, bool):
        example = str(not one.default).lower()
    else:
        example = next((word for word in _words(one.annotation) if word != one.default), "0.3")
    return [
        "",
        f"Options, with their defaults: {', '.join(listed)}.".replace("'", '"'),
        f"`striate train` and `striate create-run` take them as `--variant {key}={example}`, "
        "`striate.create` as keywords.",
    ]


def _words(annotation: Any) -> list[str]:
    """The words that a choice may be, those of an optional one too."""
    parts = get_args(annotation)
    inner = [word for part in parts for word in _words(part)]
    return inner or [part for part in parts if isinstance(part, str)]


def _weights(entry: Entry) -> str:
    name = entry.name
    found = [
        (source, library.counterparts[name])
        for source, library in LIBRARIES.items()
        if name in library.counterparts
    ]
    if not found:
        words = "Neither torchvision nor timm has weights that equal this network."
        if name in NAMESAKES:
            other, convention = NAMESAKES[name]
            words = (
                f"The namesake in other libraries is another network ({convention}): "
                f"[{other}]({other}.md) takes its weights."
            )
        return (
            f"{words}\nA file of your own with this network's weights, safetensors or `.pth`, "
            f"loads with `--weights FILE`."
        )
    first = found[0][0]
    lines = [
        f"- `--weights {source}`: {source}'s `{equal.name}`, with the pre-processing that it was "
        "trained with"
        for source, equal in found
    ]
    lines += [
        "",
        "```sh",
        f"striate create-run {name} --weights {first} --out runs/{name}",
        f"striate predict runs/{name} holiday.jpg",
        f"striate transfer photos --backbone {name} --weights {first}",
        "```",
        "",
        "`--weights FILE` takes a file that was fetched elsewhere, with our names or theirs.",
    ]
    return "\n".join(lines)


def _family(entry: Entry, build: Callable[..., Any]) -> str:
    file = f"{_module(build).__name__.rpartition('.')[2]}.py"
    alike = [
        f"[{one.name}]({one.name}.md)"
        for one in entries()
        if CONSTRUCTORS[one.name].__module__ == build.__module__ and one is not entry
    ]
    words = f"Written in [{file}](../../src/striate/zoo/{file})"
    return words + (f", with {', '.join(alike)}." if alike else ".")
