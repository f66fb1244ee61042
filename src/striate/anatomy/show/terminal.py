"""Tables, explanations and comparisons on a terminal, from 80 columns up."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console
from rich.padding import Padding
from rich.table import Table as Grid
from rich.text import Text

from striate.anatomy.compare import Comparison, Part
from striate.anatomy.costs.formulas import Line, by, human_bytes, human_count
from striate.anatomy.explain import Explanation, Sight
from striate.anatomy.show.text import HEADINGS, cells, geometry, number, pair, ratio, totals
from striate.anatomy.table import Table
from striate.anatomy.what_if import WhatIf
from striate.support.text import printable
from striate.support.words import plain_percent

EIGHTHS = " ▏▎▍▌▋▊▉"
#: From so many columns on, counts are given to the last digit.
WIDE = 132
#: Steps of a recursion that are shown: so many at the image's end, and so many at the output's.
ENDS = 5


#: Parts of a module that are named.
SHOWN = 8


def bar(share: float, width: int) -> str:
    """`share` of `width` cells, to an eighth of a cell; something for whatever is not nothing."""
    eighths = max(round(share * width * 8), 1 if share > 0 else 0)
    return "█" * (eighths // 8) + EIGHTHS[eighths % 8].strip()


def shorten(name: str, width: int) -> str:
    """The end of a dotted name is what tells layers apart."""
    if cell_len(name) <= width:
        return name
    while cell_len(name) >= width:
        name = name[1:]
    return f"…{name}"


def show_table(table: Table, console: Console) -> None:
    """Rows, then totals; below 132 columns counts are rounded, below 100 one column is left out."""
    width = console.width
    exact, narrow = width >= WIDE, width < 100
    rows = [list(cells(row, exact=exact, short=not exact)) for row in table.rows]
    heads = list(HEADINGS)
    if not exact:
        heads[4] = "Params"
    if narrow:  # the kernel beside the operator, one column less
        for row, source in zip(rows, table.rows, strict=True):
            row[1] = f"{_brief(row[1])} {geometry(source)}".strip()
        rows = [row[:3] + row[4:] for row in rows]
        del heads[3]
    for row in rows:
        row[0] = printable(row[0])
    widths = [max(map(cell_len, column)) for column in zip(heads, *rows, strict=False)]
    if narrow:
        widths[1] = min(widths[1], 16)
    gap = 1 if narrow else 2
    spare = width - sum(widths[1:]) - gap * len(widths)
    widths[0] = max(min(widths[0], spare - 5), 8)
    share = max(min(spare - widths[0], 18), 4)
    figures = 2 if narrow else 3
    grid = Grid(box=SIMPLE_HEAD, padding=(0, gap - 1, 0, 0), show_edge=False, pad_edge=False)
    for at, head in enumerate(heads):
        last = at == len(heads) - 1
        grid.add_column(
            head,
            justify="right" if figures < at and not last else "left",
            no_wrap=True,
            overflow="ellipsis",
            width=share if last else widths[at],
        )
    for row, source in zip(rows, table.rows, strict=True):
        drawn = _share(source.share, share) if source.macs else Text()
        style = "" if source.parameters or source.macs else "dim"
        grid.add_row(
            Text(shorten(row[0], widths[0])), *(Text(cell) for cell in row[1:]), drawn, style=style
        )
    console.print(Text(f"{printable(table.network)}   input {by(table.input)}", style="bold"))
    console.print(grid)
    _pairs(totals(table), console)


def _share(value: float, width: int) -> Text:
    if width < 8:
        return Text(f"{plain_percent(value, 0):>5}")
    number = plain_percent(value, 0 if value >= 0.0995 else 1)
    return Text(f"{number:>5} ") + Text(bar(value, width - 6), style="cyan")


def _brief(operator: str) -> str:
    words = {"transposed conv": "tconv", "batch norm": "bn", "global avg pool": "gap"}
    return words.get(operator, operator)


def _pairs(pairs: Sequence[tuple[str, str]], console: Console) -> None:
    grid = Grid.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column()
    for name, text in pairs:
        grid.add_row(name, Text(printable(text)))
    console.print()
    console.print(grid)


def show_explanation(found: Explanation, console: Console) -> None:
    """The layer, its arithmetic, what it sees from both ends, and from where."""
    title = Text(printable(found.layer), style="bold")
    console.print(
        title + Text(f"   {printable(f'{found.operator}, in {found.kind} of {found.network}')}")
    )
    for name, shape in found.inputs[:8]:
        console.print(Text(f"  reads {printable(name)}, {by(shape)}", style="dim"))
    if found.output:
        console.print(Text(f"  gives {by(found.output)}", style="dim"))
    if found.parts:
        names = ", ".join(name for name, _ in found.parts[:SHOWN])
        more = f" and {len(found.parts) - SHOWN} more" if len(found.parts) > SHOWN else ""
        console.print(Text(f"  made of {printable(names)}{more}", style="dim"))
    console.print()
    _definition(found, console)
    if not found.lines:
        return
    _lines(found.lines, console)
    if found.receptive_field is None:
        console.print("It sees no pixel of the image.")
        return
    _heading("Receptive field, forward: from what it reads", console)
    shown = found.forward or (_seen(found),)
    _lines(shown, console)
    _recursions(found, console)
    if found.sights:
        _heading("What one position sees", console)
        where = ",".join(str(sight.position) for sight in found.sights)
        grid = Grid.grid(padding=(0, 2, 0, 0))
        for name, sight in zip(("rows", "columns"), found.sights, strict=True):
            first = f"position {where} sees" if name == "rows" else ""
            grid.add_row(first, name, *_window(sight))
        console.print(grid)


def show_layers(found: Sequence[Explanation], console: Console) -> None:
    """Layer after layer in short; a formula where its operator comes for the first time."""
    told: set[str] = set()
    for each in found:
        read = " and ".join(by(shape) for _, shape in each.inputs[:3])
        more = " and more" if len(each.inputs) > 3 else ""
        console.print(
            Text(printable(each.layer), style="bold")
            + Text(f"   {each.operator}, {read}{more} → {by(each.output)}")
        )
        if each.operator not in told:
            _definition(each, console, indent="  ")
        told.add(each.operator)
        _lines(each.lines, console, indent=2)
        if each.receptive_field is not None:
            whole = "the whole image" if each.everything else f"{by(_sides(each))} pixels"
            console.print(Text(f"  sees {whole}", style="dim"))
        console.print()


def _sides(found: Explanation) -> tuple[str, ...]:
    return tuple(map(number, found.receptive_field or ()))


def _definition(found: Explanation, console: Console, *, indent: str = "") -> None:
    """The formula of what the arithmetic does not explain, and its letters."""
    if found.definition is None:
        return
    console.print(Padding(Text(found.definition.formula), (0, 0, 0, len(indent))))
    for note in found.definition.notes:
        console.print(Padding(Text(note, style="dim"), (0, 0, 0, len(indent) + 2)))
    if not indent:
        console.print()


def _seen(found: Explanation) -> Line:
    return Line(what="receptive field", rule="", filled="", value=pair(found.receptive_field))


def _window(sight: Sight) -> tuple[str, str]:
    """The pixels of the image, and those that it would take beyond its edges."""
    low, high = sight.clipped
    beyond = []
    if sight.first < 0:
        beyond.append(range(sight.first, 0))
    if sight.last >= sight.image:
        beyond.append(range(sight.image, sight.last + 1))
    named = [f"{each[0]} to {each[-1]}" if len(each) > 1 else f"{each[0]}" for each in beyond]
    lie = "lies" if sum(map(len, beyond)) == 1 else "lie"
    outside = f"{' and '.join(named)} {lie} outside" if beyond else ""
    return f"{low} to {high} of 0 to {sight.image - 1}", outside


def _heading(text: str, console: Console) -> None:
    console.print()
    console.print(Text(text, style="bold"))


def _lines(lines: Sequence[Line], console: Console, *, rules: bool = True, indent: int = 0) -> None:
    """Name, rule, numbers and value; where that is too wide, the rule on a line above its numbers.

    Numbers that are too long even then give way to their value.
    """
    rows = []
    for line in lines:
        value = f"{line.value:,}" if isinstance(line.value, int) else line.value
        if line.what.startswith("memory") and isinstance(line.value, int):
            value = f"{value} bytes"
        filled = "" if line.filled in {value, str(line.value)} else line.filled
        rows.append([printable(line.what), line.rule if rules else "", filled, value])
    widths = [max(len(row[at]) for row in rows) for at in range(4)] if rows else []
    room = console.width - indent
    if sum(widths) + 8 > room:
        spare = room - widths[0] - widths[3] - 6
        rows = [
            each
            for what, rule, filled, value in rows
            for each in _stacked(what, rule, filled if len(filled) <= spare else "", value, spare)
        ]
    grid = Grid.grid(padding=(0, 1, 0, 0))
    for style in ("", "dim", "", "dim", ""):
        grid.add_column(style=style, no_wrap=True)
    grid.columns[-1].justify = "right"
    for what, rule, filled, value in rows:
        equals = "=" if filled and value else ""
        shown = Text(filled, style="" if value else "dim")
        grid.add_row(what, f" {rule}  " if rule else " ", shown, equals, value)
    console.print(Padding(grid, (0, 0, 0, indent)) if indent else grid)


def _stacked(what: str, rule: str, filled: str, value: str, spare: int) -> list[list[str]]:
    """A rule above its numbers, cut to what fits beside name and value."""
    if not rule or not filled:
        return [[what, "", filled, value]]
    short = rule if len(rule) <= spare else re.split("[,:]", rule)[0]
    if len(short) > spare:
        return [[what, "", filled, value]]
    return [[what, "", short, ""], ["", "", filled, value]]


def _recursions(found: Explanation, console: Console) -> None:
    height, width = found.backward
    same = [(w.kernel, w.stride, w.size) for w in height] == [
        (w.kernel, w.stride, w.size) for w in width
    ]
    for axis, ways in (("", height),) if same else ((", height", height), (", width", width)):
        if not ways:
            continue
        _heading(
            f"Receptive field, backward{axis}: from 1 at the output, r = (r − 1)·s + k", console
        )
        _lines(_ends([way.line for way in ways]), console, rules=False)


def _ends(lines: list[Line]) -> list[Line]:
    if len(lines) <= 2 * ENDS + 1:
        return lines
    left = len(lines) - 2 * ENDS
    between = Line(what=f"… {left} more", rule="", filled="", value="(all with --json)")
    return [*lines[:ENDS], between, *lines[-ENDS:]]


def show_one_what_if(found: WhatIf, console: Console) -> None:
    """One row of layers by itself."""
    show_what_if((found,), console)


def show_what_if(found: Sequence[WhatIf], console: Console) -> None:
    """Layer by layer with the arithmetic, then all against the first."""
    for each in found:
        console.print(Text(printable(each.text), style="bold"))
        for step in each.steps:
            if len(each.steps) > 1:
                console.print(
                    Text(f"  {step.text}: {step.operator} to {by(step.output)}", style="dim")
                )
            _lines(step.lines, console)
        console.print()
    grid = Grid(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False, pad_edge=False)
    for head in ("Layers", "Output", "Parameters", "MACs", "Memory", "Field"):
        grid.add_column(head, justify="left" if head == "Layers" else "right")
    for each in found:
        grid.add_row(
            Text(printable(each.text)),
            by(each.output),
            f"{each.parameters:,}",
            f"{each.macs:,}",
            human_bytes(each.memory),
            by(each.receptive_field),
        )
    console.print(grid)
    first = found[0]
    for each in found[1:]:
        if len(found) > 2:
            console.print(Text(printable(each.text), style="dim"))
        for what in ("parameters", "macs"):
            before, after = getattr(first, what), getattr(each, what)
            name = "MACs" if what == "macs" else what
            share = f" ({plain_percent(after / before)} of the first)" if before else ""
            console.print(f"{name}: {ratio(before, after)}{share}")
        if each.receptive_field != first.receptive_field:
            fields = f"{by(each.receptive_field)} against {by(first.receptive_field)}"
            console.print(f"receptive fields differ: {fields}")
        if each.output != first.output:
            console.print(f"outputs differ: {by(each.output)} against {by(first.output)}")


def show_comparison(found: Comparison, console: Console) -> None:
    """A column a network where there is room for them, a row a network otherwise."""
    members, facts = found.members, _facts(found)
    names = [printable(member.name) for member in members]
    grid = Grid(box=SIMPLE_HEAD, padding=0, show_edge=False, pad_edge=False)
    broad = sum(
        2 + max(len(name), *(len(values[at]) for _, values in facts))
        for at, name in enumerate(names)
    )
    if broad + 12 <= console.width:
        grid = Grid(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False, pad_edge=False)
        grid.add_column("")
        for name in names:
            grid.add_column(name, justify="right", no_wrap=True)
        for fact, values in facts:
            grid.add_row(fact, *values)
    else:
        rest = sum(1 + max(len(value) for value in (fact, *values)) for fact, values in facts)
        grid.add_column("")
        for fact, _ in facts:
            grid.add_column(fact, justify="right", no_wrap=True)
        for at, name in enumerate(names):
            short = shorten(name, max(console.width - rest - 1, 12))
            grid.add_row(short, *(values[at] for _, values in facts))
    console.print(grid)
    _heading("Where the MACs sit", console)
    sits = Grid.grid(padding=(0, 2, 0, 0))
    for member in members:
        for parts in (member.operators, member.stages):
            name = printable(member.name) if parts is member.operators else ""
            sits.add_row(Text(shorten(name, 24), style="bold"), Text(printable(_dearest(parts))))
    console.print(sits)
    sources = [
        f"{member.name}: {member.figure.crops}, {member.figure.source}"
        for member in members
        if member.figure is not None
    ]
    if sources:
        console.print()
        console.print(
            Text(f"Errors on {found.data}, as published. {'; '.join(sources)}", style="dim")
        )


def _facts(found: Comparison) -> list[tuple[str, list[str]]]:
    """Names of facts, each with a value a network; those that no network has are left out."""
    rows = [member.table.totals for member in found.members]
    facts = [
        ("Input", [by(t.input[-2:]) for t in rows]),
        ("Params", [human_count(t.parameters) for t in rows]),
        ("MACs", [human_count(t.macs) for t in rows]),
        ("Memory", [human_bytes(t.memory) for t in rows]),
        ("Train", [human_bytes(t.training_memory.total) for t in rows]),
        ("Depth", [str(t.depth) for t in rows]),
        ("Field", [pair(t.convolutional_receptive_field) for t in rows]),
    ]
    if any(t.stored != t.parameters for t in rows):
        facts.insert(2, ("Stored", [human_count(t.stored) for t in rows]))
    if any(member.milliseconds is not None for member in found.members):
        facts.append(
            ("Forward", [f"{member.milliseconds or 0:,.1f} ms" for member in found.members])
        )
    if found.data:
        errors = [
            "–" if member.error is None else plain_percent(member.error, 2)
            for member in found.members
        ]
        facts.append((f"Top-{found.measure.removeprefix('top')} error", errors))
    return facts


def _dearest(parts: Sequence[Part]) -> str:
    """The parts that take most of the MACs, the dearest first."""
    dear = sorted((part for part in parts if part.macs > 0.005), key=lambda part: -part.macs)
    return ", ".join(f"{part.name} {plain_percent(part.macs, 0)}" for part in dear[:5])


def console() -> Console:
    """Where tables go: text as it is, whatever it looks like."""
    return Console(markup=False, highlight=False, emoji=False)
