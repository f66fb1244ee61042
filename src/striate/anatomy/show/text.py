"""A table, an explanation and a comparison as text: short forms, CSV, Markdown."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from striate.anatomy.costs.formulas import by, human_bytes, human_count
from striate.anatomy.receptive_field.axis import Number
from striate.anatomy.table import Pair, Row, Table
from striate.support.text import printable
from striate.support.words import plain_percent

SHORT = {
    "convolution": "conv",
    "transposed convolution": "transposed conv",
    "average pool": "avg pool",
    "adaptive average pool": "adaptive avg pool",
    "global average pool": "global avg pool",
    "LocalResponseNorm": "lrn",
    "concatenate": "concat",
}
HEADINGS = (
    "Layer", "Operator", "Output", "Kernel", "Parameters", "MACs", "Memory", "Field", "Jump",
    "Share",
)  # fmt: skip
CSV_COLUMNS = (
    "name", "operator", "kind", "module", "output", "kernel", "stride", "padding", "dilation",
    "groups", "parameters", "macs", "operations", "memory", "receptive_field_height",
    "receptive_field_width", "jump_height", "jump_width", "share",
)  # fmt: skip


def number(value: Number) -> str:
    """Whole numbers as they are, others to four digits."""
    return str(int(value)) if value == int(value) else f"{float(value):.4g}"


def pair(value: Pair | None) -> str:
    """One number where height and width agree, ``7×1`` otherwise, ``–`` for none."""
    if value is None:
        return "–"
    height, width = map(number, value)
    return height if height == width else f"{height}×{width}"


def ratio(first: int, other: int) -> str:
    """What `other` is beside `first`, in words.

    Examples:
        >>> ratio(392, 100), ratio(100, 150), ratio(7, 7)
        ('3.92 times fewer', '1.50 times as many', 'as many')
    """
    if first == other:
        return "as many"
    if not first or not other:
        return "none" if not other else "–"
    return (
        f"{first / other:.2f} times fewer"
        if other < first
        else f"{other / first:.2f} times as many"
    )


def _sides(values: Sequence[object]) -> str:
    """One number where all sides agree, ``1×0`` otherwise; padding before and after as ``0+1``."""
    texts = [f"{v[0]}+{v[1]}" if isinstance(v, tuple) else str(v) for v in values]
    return texts[0] if len(set(texts)) == 1 else by(tuple(texts))


def geometry(row: Row) -> str:
    """Kernel, stride, padding, dilation and groups, each only where it does something."""
    if row.kernel is None:
        return ""
    parts = [by(row.kernel)]
    if row.stride and set(row.stride) != {1}:
        parts.append(f"/{_sides(row.stride)}")
    if row.padding and set(row.padding) != {0}:
        parts.append(f"p{_sides(row.padding)}")
    if row.dilation and set(row.dilation) != {1}:
        parts.append(f"d{_sides(row.dilation)}")
    if row.groups and row.groups > 1:
        parts.append(f"g{row.groups}")
    return " ".join(parts)


def cells(row: Row, *, exact: bool, short: bool) -> tuple[str, ...]:
    """The cells under `HEADINGS` but the last, which is a picture; zeros are left out."""
    operator = SHORT.get(row.operator, row.operator) if short else row.operator

    def count(value: int) -> str:
        return "" if not value else (f"{value:,}" if exact else human_count(value))

    return (
        row.name,
        operator,
        by(row.output),
        geometry(row),
        count(row.parameters),
        count(row.macs),
        human_bytes(row.memory) if row.memory else "",
        pair(row.receptive_field),
        "" if row.jump == (0, 0) else pair(row.jump),
    )


def totals(table: Table) -> tuple[tuple[str, str], ...]:
    """What the network comes to: (name, sentence)."""
    t = table.totals
    used = f"{t.parameters:,}"
    if t.stored != t.parameters:
        used += f" used, {t.stored:,} stored"
        when = "" if t.training else " (at prediction)"
        used += f"; never touched: {', '.join(t.unused)}{when}" if t.unused else ""
    macs = f"{t.macs:,}; other operations {t.operations:,}"
    if t.products:
        macs += f", of which products of activations 2 × {t.products:,}"
    if t.uncounted:
        macs += f"; {_uncounted(t.uncounted)}"
    m = t.training_memory
    training = (
        f"{human_bytes(m.total)} for a batch of one: weights {human_bytes(m.weights)}, gradients "
        f"{human_bytes(m.gradients)}, momentum {human_bytes(m.optimiser)}, activations "
        f"{human_bytes(m.activations)} (times the batch)"
    )
    return (
        ("Parameters", used),
        ("MACs", macs),
        ("Memory", f"{human_bytes(t.memory)} for the activations of one forward"),
        ("To train", training),
        ("Sees", _sees(table)),
        ("Depth", f"{t.depth} weight layers on the longest path"),
        *(
            (
                "Beside",
                f"{each.name} branches off after {each.source} ({by(each.shape)}) and gives "
                f"{by(each.output)}",
            )
            for each in t.branches
        ),
    )


def _uncounted(names: Sequence[str]) -> str:
    """The note that keeps a sum from looking whole."""
    shown = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
    if len(names) == 1:
        return f"1 operator reads parameters and is not counted: {shown}"
    return f"{len(names)} operators read parameters and are not counted: {shown}"


def _sees(table: Table) -> str:
    t = table.totals
    if not table.rows:
        return "nothing is computed: the forward gives back what it is given"
    if t.receptive_field is None:
        where = "no image goes in" if len(t.input) < 2 else "its last feature map sees no image"
        return f"nothing to state: {where}"
    image = t.input[-2:] if len(t.input) > 2 else (1, *t.input[-1:])
    seen = t.convolutional_receptive_field or t.receptive_field
    covers = all(field >= side for field, side in zip(seen, image, strict=True))
    if t.jump == (0, 0):
        whole = f"the whole input, {by(image)}" if covers else f"{pair(seen)} of {by(image)}"
        return f"{whole}: positions are mixed before the last feature map"
    text = f"{by(tuple(map(number, seen)))} pixels at each position of the last feature map"
    if t.jump is not None and min(t.jump) > 0:
        text += f", {pair(t.jump)} apart"
    text += f"; the input has {by(image)}" + (", so all of it" if covers else "")
    if not covers and t.receptive_field != seen:
        text += "; gates and statistics over the map see all of it"
    return text


def to_csv(table: Table) -> str:
    """A row a layer under `CSV_COLUMNS`; sizes as ``64×112×112``.

    Spreadsheets take text that begins with an equals sign for a formula; such a name gets an
    apostrophe before it.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for row in table.rows:
        sizes = (row.output, row.kernel, row.stride, row.padding, row.dilation)
        field, jump = row.receptive_field or ("", ""), row.jump or ("", "")
        writer.writerow(
            [_harmless(text) for text in (row.name, row.operator, row.kind, row.module)]
            + ["" if size is None else by(tuple(map(_flat, size))) for size in sizes]
            + ["" if row.groups is None else row.groups]
            + [row.parameters, row.macs, row.operations, row.memory]
            + [value if value == "" else number(value) for value in (*field, *jump)]
            + [f"{row.share:.6f}"]
        )
    return out.getvalue()


def _flat(value: object) -> str:
    return f"{value[0]}+{value[1]}" if isinstance(value, tuple) else str(value)


def _harmless(text: str) -> str:
    told = printable(text)
    return f"'{told}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else told


def to_markdown(table: Table) -> str:
    """A table that GitHub shows, and the totals below it."""
    head = [*HEADINGS[:-1], "Share"]
    ends = [":--"] * 4 + ["--:"] * 6
    lines = [_line(head), _line(ends)]
    for row in table.rows:
        share = plain_percent(row.share) if row.macs else ""
        lines.append(_line([*cells(row, exact=True, short=False), share]))
    lines.append("")
    lines += [f"- {name}: {_plain(text)}" for name, text in totals(table)]
    return "\n".join(lines) + "\n"


def _line(texts: Sequence[str]) -> str:
    return "| " + " | ".join(text if text == ":--" else _plain(text) for text in texts) + " |"


def _plain(text: str) -> str:
    """Text of which Markdown makes neither cells nor tags nor emphasis."""
    text = printable(" ".join(text.splitlines()))
    for mark in ("\\", "`", "*", "_", "|", "<", "[", "#"):
        text = text.replace(mark, f"\\{mark}")
    return text
