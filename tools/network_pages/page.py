"""The page of one network, in Markdown."""

from __future__ import annotations

import functools
import inspect
import re
import sys
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from network_pages.counted import Counted, Part
from network_pages.recipes import classic, summary
from striate.anatomy.formulas import by, human_bytes, human_count
from striate.zoo import attention
from striate.zoo.catalogue import Entry, entries
from striate.zoo.create import NETWORKS, SIZES
from striate.zoo.mapping import ORIGINS, OTHERS, Source
from striate.zoo.published import figures

NOTES = Path(__file__).with_name("notes.toml")
_DEPARTURE = re.compile(r"^Departures?:\s+")
SOURCES: tuple[Source, ...] = ("torchvision", "timm")


@functools.cache
def in_time() -> tuple[Entry, ...]:
    """All networks by year; within a year in the catalogue's order."""
    return tuple(sorted(entries(), key=lambda one: one.year))


def per_cent(error: float | None) -> str:
    """``22.85 %``; nothing for None."""
    return "" if error is None else f"{round(100 * error, 2):g} %"


def page(entry: Entry, counted: Counted) -> str:
    """The whole document; its picture lies in `images/`."""
    build = NETWORKS[entry.name]
    text = _paragraphs(_module(build))
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
        "## Layer by layer",
        _layers(counted.parts),
        "Activations, dropout and additions are left out; batch normalisation counts with the "
        f"convolution\nbefore it. `striate table {entry.name}` shows every operator.",
        "## Published errors",
        _published(entry),
        "## Recipe",
        _recipe(entry),
        "## Departures",
        _departures(entry, text),
        "## Using it",
        _using(entry, build),
        "## Published weights",
        _weights(entry),
        "## The same family",
        _family(entry, build),
    ]
    return "\n\n".join(part for part in shown if part) + "\n"


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
    own = (inspect.getdoc(NETWORKS[entry.name]) or "").split("\n\n")[0]
    parts = [f"**{own}**"]
    if entry.family in ("se_inception", "se_resnet", "cbam_resnet"):
        parts += [*_paragraphs(attention), "The network that takes the block:"]
    parts.append("\n".join(f"> {line}" for line in text[0].splitlines()))
    return parts + [one for one in text[1:] if not _is_departure(one)]


def _numbers(counted: Counted) -> str:
    found = counted.totals
    stored = ""
    if found.stored != found.parameters:
        stored = f" ({found.stored:,} with what only training reads: {', '.join(found.unused)})"
    rows = [
        ("input", by(found.input)),
        ("parameters", f"{found.parameters:,}{stored}"),
        ("weights in float32", human_bytes(4 * found.stored)),
        ("MACs, one image", f"{found.macs:,}"),
        ("layers with weights, on the longest path", f"{found.depth}"),
        ("activations of one forward", human_bytes(found.memory)),
        ("memory of one training step, batch of one", human_bytes(found.training_memory.total)),
    ]
    seen = found.convolutional_receptive_field
    if seen is not None and found.jump is not None:
        rows.append(("receptive field of the last feature map", f"{by(seen)} pixels"))
        rows.append(("its jump", f"{found.jump[0]} pixels"))
    return "\n".join(["| | |", "|:--|--:|", *(f"| {name} | {value} |" for name, value in rows)])


def _highlights(counted: Counted) -> str:
    found = counted.totals
    costly = sorted(counted.parts, key=lambda one: -one.share)[:3]
    words = ", ".join(f"{_name(one)} ({_share(one.share)})" for one in costly)
    kinds = ", ".join(f"{kind} {_share(share)}" for kind, share in counted.kinds if share >= 0.02)
    lines = [f"- The costliest parts: {words} of all MACs.", f"- MACs by kind of layer: {kinds}."]
    last = counted.grids[-1]
    if last.layers:
        lines.append(
            f"- After the last feature map come {_share(last.parameters / found.parameters)} of "
            f"the parameters and {_share(last.macs / found.macs)} of the MACs."
        )
    else:
        lines.append(
            "- Nothing with weights comes after the last feature map: its means are the logits."
        )
    if found.convolutional_receptive_field != found.receptive_field:
        lines.append(
            "- The receptive field is that of the convolutions; through its gates every position "
            "sees the whole image."
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
    found = figures(entry.name)
    if not found:
        return "Nobody has published errors for this network that we know of."
    lines = ["| data | top-1 | top-5 | shown | source |", "|:--|--:|--:|:--|:--|"]
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
        return "Its paper gives no recipe; `--recipe modern` trains it."
    file, recipe = found
    lines = [
        f"`--recipe classic` is [{recipe.name}](../../src/striate/training/recipes/classic/"
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
    name = entry.name
    choices = [
        f"`{key}={parameter.default!r}`".replace("'", '"')
        for key, parameter in inspect.signature(build).parameters.items()
        if key not in SIZES
    ]
    recipe = " --recipe classic" if classic(entry) else ""
    lines = [
        "```sh",
        f"striate view {name} -o {name}.html",
        f"striate train photos --net {name}{recipe} --out runs/{name}",
        "```",
        "",
        "```python",
        "import striate",
        "",
        f'network = striate.create("{name}", classes=5)',
        "```",
    ]
    if choices:
        lines += ["", f"Choices, with what they are unless told: {', '.join(choices)}."]
    return "\n".join(lines)


def _weights(entry: Entry) -> str:
    name = entry.name
    found = [(source, ORIGINS[name, source]) for source in SOURCES if (name, source) in ORIGINS]
    if not found:
        words = "Neither torchvision nor timm has weights that equal this network."
        if name in OTHERS:
            other, convention = OTHERS[name]
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
        f"- `--weights {source}`: {source}'s `{origin.name}`, with the pre-processing that it was "
        "trained with"
        for source, origin in found
    ]
    lines += [
        "",
        "```sh",
        f"striate create {name} --weights {first} --out runs/{name}",
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
        if NETWORKS[one.name].__module__ == build.__module__ and one is not entry
    ]
    words = f"Written in [{file}](../../src/striate/zoo/{file})"
    return words + (f", with {', '.join(alike)}." if alike else ".")
