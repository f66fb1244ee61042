"""What a check finds, on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

from striate.data.checking.numbers_shown import outlier_lines, show_target
from striate.support.text import printable

if TYPE_CHECKING:
    from rich.console import Console

    from striate.data.checking.check import CheckReport
    from striate.data.checking.groups import Duplicates

_SHOWN = 12  # of a long list; `CheckReport.to_json` has all of it


def show(found: CheckReport, console: Console) -> None:
    """Print a report for a person to read."""
    console.print(f"\n[bold]{escape(printable(found.origin))}[/]", soft_wrap=True)
    if found.targets:
        _show_targets(found, console)
    else:
        _show_counts(found, console)
    _show_sizes(found, console)
    _show_colour(found, console)
    for kind in ("exact", "near"):
        groups = [group for group in found.duplicates if group.kind == kind]
        _show_duplicates(groups, kind, console, "values" if found.targets else "classes")
    _show_files(
        "yellow", "named as another format (they can be used)", _lines(found.misnamed), console
    )
    for title, names in (("in no class folder", found.loose), ("no images", found.ignored)):
        _show_files("dim", f"{title}, passed over", [escape(name) for name in names], console)
    for note in found.notes:
        console.print(f"[yellow]note[/]  {escape(note)}", soft_wrap=True)
    _show_files("red", "cannot be used", _lines(found.problems), console)
    console.print()
    if found.usable:
        what = f"of {len(found.classes):,} classes"
        if found.targets:
            what = f"with {printable(', '.join(target.name for target in found.targets))}"
        console.print(f"[green]✓[/] {found.images:,} images {escape(what)}, ready to train on")
        return
    bad = len(found.problems)
    reasons = [f"{bad} file{'s' if bad > 1 else ''} cannot be used"] if bad else []
    reasons += [escape(found.refusal)] if found.refusal else []
    console.print(f"[red]✗[/] training would refuse this: {'; '.join(reasons)}", soft_wrap=True)


def _lines(problems: Any) -> list[str]:
    return [f"{escape(problem.name)}: {escape(problem.reason)}" for problem in problems]


def _show_counts(found: CheckReport, console: Console) -> None:
    """A row a class: a count a split, and a bar for its share of the largest."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("class", overflow="fold")
    for split in found.counts:
        table.add_column(split, justify="right")
    table.add_column("")
    train = found.counts.get("train") or next(iter(found.counts.values()))
    most = max(train, default=0) or 1
    order = sorted(range(len(train)), key=lambda label: -train[label])
    # Of many classes the two ends tell the most.
    shown = range(len(order)) if len(order) <= 2 * _SHOWN else [*range(_SHOWN), *range(-_SHOWN, 0)]
    for place, row in enumerate(shown):
        if place == _SHOWN and len(order) > 2 * _SHOWN:
            table.add_row(f"[dim]… {len(order) - 2 * _SHOWN} more[/]")
        label = order[row]
        counts = [f"{counts[label]:,}" for counts in found.counts.values()]
        bar = "━" * max(1, round(24 * train[label] / most)) if train[label] else ""
        table.add_row(escape(found.classes[label]), *counts, f"[cyan]{bar}[/]")
    totals = [f"{sum(counts):,}" for counts in found.counts.values()]
    table.add_row(f"[bold]{len(order)} classes[/]", *(f"[bold]{total}[/]" for total in totals))
    console.print(table)
    _show_held_out(found, console)
    if found.imbalance > 1:
        console.print(f"largest class / smallest: {found.imbalance:.1f}")


def _show_targets(found: CheckReport, console: Console) -> None:
    """Of each target a table, a histogram, and the images that stand apart."""
    for target in found.targets:
        show_target(target, console)
        title, lines = outlier_lines(target)
        _show_files("yellow", title, lines, console)
        console.print()
    _show_held_out(found, console)


def _show_held_out(found: CheckReport, console: Console) -> None:
    if found.held_out == "split":
        over = ", spread over the values" if found.targets else ""
        console.print(f"[dim]val is split off by each file's content and the seed{over}[/]")


def _show_sizes(found: CheckReport, console: Console) -> None:
    if not found.sizes:
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("size")
    for name in ("min", "median", "max"):
        table.add_column(name, justify="right")
    for name in ("width", "height", "aspect"):
        form = ".2f" if name == "aspect" else ".0f"
        table.add_row(name, *(f"{value:{form}}" for value in found.sizes[name].values()))
    console.print()
    console.print(table)
    least = found.sizes["smallest"][0]
    console.print(f"smallest: {escape(least['name'])} ({least['width']} × {least['height']})")


def _show_colour(found: CheckReport, console: Console) -> None:
    if found.statistics is None:
        return
    seen = found.statistics
    names = ("red", "green", "blue") if len(seen.mean) == 3 else ("grey",)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("0 to 1", "mean", "std", "main variance", "along (R, G, B)"):
        table.add_column(
            title, justify="left" if title in ("0 to 1", "along (R, G, B)") else "right"
        )
    rows = zip(names, seen.mean, seen.std, seen.eigenvalues, seen.eigenvectors, strict=True)
    for name, mean, std, value, vector in rows:
        along = ", ".join(f"{part:+.3f}" for part in vector) if len(names) == 3 else ""
        table.add_row(name, f"{mean:.4f}", f"{std:.4f}", f"{value:.4f}", along)
    console.print()
    console.print(table)
    if seen.images < seen.of:
        console.print(f"[dim]measured on {seen.images:,} of {seen.of:,} training images[/]")
    if len(names) == 3 and found.grey:
        console.print(f"{found.grey:,} images are grey")


def _show_duplicates(groups: list[Duplicates], kind: str, console: Console, answers: str) -> None:
    """Groups of duplicates, those apart that have different `answers`."""
    if not groups:
        console.print(f"\n[green]✓[/] no {kind} duplicates")
        return
    images = sum(len(group.members) for group in groups)
    console.print(f"\n[yellow]{kind} duplicates[/]: {len(groups):,} groups of {images:,} images")
    for title, chosen in (
        ("across the split", [group for group in groups if group.crosses_splits]),
        (f"between {answers}", [group for group in groups if group.crosses_classes]),
        (
            "within a class" if answers == "classes" else "of the same value",
            [group for group in groups if not group.crosses_splits and not group.crosses_classes],
        ),
    ):
        if chosen:
            _show_files("yellow", title, [_members(group) for group in chosen], console)


def _members(group: Duplicates) -> str:
    shown = [
        f"{escape(member.name)} [dim]({escape(member.split)}, {escape(member.answer)})[/]"
        for member in group.members[:4]
    ]
    more = [f"and {len(group.members) - 4:,} more"] if len(group.members) > 4 else []
    return " = ".join(shown + more) if group.kind == "exact" else " ≈ ".join(shown + more)


def _show_files(style: str, title: str, lines: list[str], console: Console) -> None:
    """A heading with a count and a list: all of what must be mended, the start of the rest."""
    if not lines:
        return
    console.print(f"[{style}]{len(lines):,}[/] {title}", soft_wrap=True)
    shown = lines if style == "red" else lines[:_SHOWN]
    for line in shown:
        console.print(f"  {line}", soft_wrap=True)
    if len(lines) > len(shown):
        console.print(f"  [dim]… and {len(lines) - len(shown):,} more: --json lists all[/]")
