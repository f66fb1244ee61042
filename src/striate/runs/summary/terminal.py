"""A run on a terminal, from 80 columns up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from striate.anatomy.costs.formulas import by, human_count
from striate.data.targets import Target
from striate.recipes.frozen import FrozenRecipe
from striate.recipes.recipe import Recipe
from striate.recipes.settings import set_in
from striate.runs.ensemble import ENSEMBLE, members_in
from striate.runs.headline import headline_of
from striate.runs.layout import REPORT
from striate.runs.summary.curves import Values, chart, percents, spark
from striate.support.grids import grid
from striate.support.progress import clock
from striate.support.text import printable
from striate.support.words import figure, listing, plain_percent, plain_span, plural

if TYPE_CHECKING:
    from rich.console import Console

    from striate.runs.summary.summary import RunSummary

#: Of the plot of a learning curve.
_WIDEST, _HEIGHT = 64, 9
#: Classes that are named as the weakest.
_WEAKEST = 3


def show(found: RunSummary, console: Console) -> None:
    """Print what is known of the run; of one whose mistakes were asked for, those alone."""
    _print(console, f"{found.path}: {found.title}" + _on(found))
    for note in found.notes:
        _print(console, f"note: {note}")
    if found.mistakes is not None:
        _show_mistakes(found, console)
        return
    console.print()
    for name, text in _facts(found):
        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.add_column(width=9)
        grid.add_column(overflow="fold")
        grid.add_row(name, Text(printable(text)))
        console.print(grid)
    _show_curves(found, console)
    console.print()
    if found.next_steps:
        console.print("next")
    for command, does in found.next_steps:
        _print(console, f"  {command}  # {does}")


def _print(console: Console, text: str) -> None:
    """One line, whatever the names in it, which the terminal breaks if it has to."""
    console.print(Text(printable(text)), soft_wrap=True)


def _on(found: RunSummary) -> str:
    return f" on {found.entry.data}" if found.entry.data else ""


def _facts(found: RunSummary) -> Iterator[tuple[str, str]]:
    config, entry = found.config, found.entry
    size = f"{by(config.preprocessing.input_size)} input"
    if entry.parameters is not None and entry.macs is not None:
        counted = (human_count(entry.parameters), human_count(entry.macs))
        size = f"{counted[0]} parameters, {counted[1]} MACs, {size}"
    yield "network", f"{config.network}: {size}"
    if config.network == ENSEMBLE:
        names = [each.name for each in members_in(config, str(found.path))]
        yield "members", f"{len(names):,}: {listing(names)}"
    if config.transfer is not None:
        frozen = config.transfer.freeze
        stages = {"all": "all frozen", "none": "nothing frozen"}.get(
            frozen, f"{frozen} stages frozen"
        )
        yield "backbone", f"{config.transfer.spec} ({config.transfer.origin}), {stages}"
    if config.weights is not None:
        yield "weights", f"began with {config.weights.name}"
    yield "data", _data(found)
    if config.recipe is not None:
        yield "recipe", _recipe(config.recipe, config.seed)
    if (trained := _trained(found)) is not None:
        yield trained
    yield from _measured(found)
    if (found.path / REPORT).is_file():
        yield "report", str(found.path / REPORT)


def _data(found: RunSummary) -> str:
    data, config = found.config.data, found.config
    answers = plural(len(config.classes), "class", "classes")
    if config.targets:
        answers = listing([each.described for each in config.targets])
    if not data.origin:
        return f"none of its own; {answers}"
    parts = [
        f"{count:,} {name}"
        for name, count in (
            ("training", data.train_images),
            ("validation", data.val_images),
            ("test", data.test_images),
        )
        if count
    ]
    return f"{data.origin}: {listing(parts)} images of {answers}"


def _recipe(recipe: Recipe | FrozenRecipe, seed: int) -> str:
    if isinstance(recipe, FrozenRecipe):
        head = recipe.head
        weights = ", class weights balanced" if head.class_weights == "balanced" else ""
        return f"{recipe.name}: head {head.kind}, {head.chosen}{weights}; seed {seed}"
    rule, rate = recipe.optimiser.name, recipe.optimiser.rate
    return (
        f"{recipe.name}: {plural(recipe.epochs, 'epoch')} in batches of {recipe.batch_size:,}, "
        f"{rule} at {rate:g}, {recipe.schedule.name}; seed {seed}"
        + (f"; set: {', '.join(set_in(recipe))}" if set_in(recipe) else "")
    )


def _trained(found: RunSummary) -> tuple[str, str] | None:
    """How far and how long it was trained and since when; of others when they were made."""
    entry = found.entry
    began = f"{entry.started[:16].replace('T', ' ')} UTC" if entry.started else ""
    if not entry.epochs:
        return ("made", began) if began else None
    parts = [f"{entry.epochs_done:,} of {plural(entry.epochs, 'epoch')}"]
    if found.weights_epoch is not None:
        parts.append(f"weights of epoch {found.weights_epoch:,}")
    if entry.seconds is not None:
        parts.append(f"{clock(entry.seconds)} in epochs")
    if began:
        parts.append(f"begun {began}")
    return "trained", ", ".join(parts)


def _measured(found: RunSummary) -> Iterator[tuple[str, str]]:
    entry = found.entry
    if entry.mae is not None:
        yield from _errors(found)
        return
    if entry.top1 is None or entry.interval is None:
        yield "measured", "not yet"
        return
    low, high = entry.interval
    yield (
        "top-1",
        f"{plain_percent(entry.top1, 2)} (95 % interval {plain_span(low, high, 2)}) on "
        f"{entry.images:,} images",
    )
    if found.temperature != 1:
        yield "", f"probabilities are calibrated, at temperature {found.temperature:.3g}"
    # What else an evaluation holds is for its report; a damaged one costs these lines alone.
    with suppress(LookupError, TypeError, ValueError):
        told: dict[str, Any] = dict(found.evaluation or {})
        top5 = f"top-5 {plain_percent(told['top5'], 2)}, " if entry.classes > 5 else ""
        error = plain_percent(told["ece"], 2)
        yield "", f"{top5}loss {told['loss']:.4f}, calibration error {error}"
        classes = sorted(
            (each for each in told["per_class"] if each["images"]), key=lambda each: each["recall"]
        )
        weakest = [
            f"{each['class']} {plain_percent(each['recall'], 0)}" for each in classes[:_WEAKEST]
        ]
        yield "weakest", f"{', '.join(weakest)} (recall)"


def _errors(found: RunSummary) -> Iterator[tuple[str, str]]:
    """The errors of each target of a run of numbers."""
    # A damaged evaluation costs these lines alone.
    with suppress(LookupError, TypeError, ValueError):
        told: dict[str, Any] = dict(found.evaluation or {})
        for number, each in enumerate(told["per_target"]):
            target = Target(name=each["target"], unit=each["unit"])
            errors, best = each["mae"], each["mae"]["baseline"]
            beside = "" if best is None else f" (best constant {figure(best, 4)})"
            unit = f" {target.unit}" if target.unit else ""
            said = f"{figure(errors['value'], 4)}{unit}{beside}"
            told_r2 = f"R² {figure(each['r2']['value'])}"
            images = "" if number else f", on {told['images']:,} images"
            yield (
                "" if number else "error",
                f"{target.name}: mean absolute error {said}, {told_r2}{images}",
            )


def _show_curves(found: RunSummary, console: Console) -> None:
    lines = [line for line in found.metrics if line.get("validation") or line.get("train")]
    if not lines:
        return
    epochs = [int(line["epoch"]) for line in lines]

    def column(part: str, key: str) -> Values:
        return [(line.get(part) or {}).get(key) for line in lines]

    width = max(min(_WIDEST, console.width - 10), 16)
    headline = headline_of(found.config.targets)
    unit = f" in {headline.unit}" if headline.unit not in ("", "%") else ""
    console.print(Text(f"\n{headline.title}{unit} by epoch: • validation, · training"))
    series = {"·": column("train", headline.key), "•": column("validation", headline.key)}
    label = percents if headline.unit == "%" else figure
    for line in chart(epochs, series, width=width, height=_HEIGHT, label=label):
        console.print(Text(line), no_wrap=True)
    losses = column("validation", "loss")
    known = [value for value in losses if value is not None]
    if known:
        console.print(
            Text(f"validation loss {known[0]:.3g} {spark(losses, width - 12)} {known[-1]:.3g}"),
            no_wrap=True,
        )


def _show_mistakes(found: RunSummary, console: Console) -> None:
    assert found.mistakes is not None
    if not found.wrong:
        console.print("no held-out image is wrong")
        return
    more = found.wrong > len(found.mistakes)
    said = f"{plural(found.wrong, 'held-out image is', 'held-out images are')} wrong"
    console.print(said + (f"; the {len(found.mistakes):,} surest" if more else "") + "\n")
    table = grid(["image", "class", "", "predicted", ""])
    for shares in (2, 4):
        table.columns[shares].justify, table.columns[shares].no_wrap = "right", True
    for each in found.mistakes:
        # Text, since a class may be named [red].
        table.add_row(
            Text(printable(each.file)),
            Text(printable(each.label)),
            plain_percent(each.label_probability),
            Text(printable(each.predicted)),
            plain_percent(each.probability),
        )
    console.print(table)
