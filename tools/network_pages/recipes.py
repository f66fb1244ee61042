"""A paper's recipe in a few words."""

from __future__ import annotations

from pathlib import Path

from striate.data.augmentation.settings import Augmentation
from striate.errors import RecipeError
from striate.recipes.load import RECIPES, load_recipe
from striate.recipes.recipe import Optimiser, Recipe, Schedule
from striate.zoo.catalogue import Entry

_RULES = {"sgd": "SGD", "rmsprop": "RMSProp", "adadelta": "Adadelta"}
_CROPS = {
    "resized": "a random part of the image at the network's size",
    "padded": "the image padded by {padding} pixels and cut back",
    "corner": "a random crop after the short side became {sizes} pixels",
}


def classic(entry: Entry) -> tuple[Path, Recipe] | None:
    """The file of the recipe that ``--recipe classic`` takes, and the recipe; None without."""
    try:
        recipe = load_recipe(
            "classic",
            network=entry.name,
            family=entry.family,
            normalised=True,
            grey=entry.input[0] == 1,
            small=max(entry.input[1:]) <= 64,
        )
    except RecipeError:
        return None
    files = [RECIPES / "classic" / f"{stem}.toml" for stem in (entry.name, entry.family)]
    return next(file for file in files if file.exists()), recipe


def summary(recipe: Recipe) -> list[str]:
    """One line each: the rule, the length, the rate over time, the images, the rest."""
    lines = [
        _optimiser(recipe.optimiser),
        f"{recipe.epochs} epochs in batches of {recipe.batch_size:,}",
        f"rate: {_schedule(recipe.schedule)}",
        f"images: {_augmentation(recipe.augmentation)}",
    ]
    if recipe.loss.name == "map":
        lines.append("loss: equation 9 of the paper, with a constant competitor beside the classes")
    if recipe.loss.label_smoothing:
        lines.append(f"labels smoothed by {recipe.loss.label_smoothing:g}")
    if recipe.averaging.name == "ema":
        lines.append(f"weights averaged over the steps with decay {recipe.averaging.decay:g}")
    if recipe.averaging.name == "polyak":
        part = _per_cent(1 - recipe.averaging.start)
        lines.append(f"weights averaged over the last {part} of the run")
    if recipe.gradient.clip_norm:
        lines.append(f"gradients clipped at a norm of {recipe.gradient.clip_norm:g}")
    return lines


def _optimiser(found: Optimiser) -> str:
    parts = [f"{_RULES[found.name]} with a learning rate of {found.rate:g}"]
    if found.name in ("sgd", "rmsprop") and found.momentum:
        kind = "Nesterov momentum" if found.nesterov else "momentum"
        parts.append(f"{kind} {found.momentum:g}")
    if found.weight_decay:
        parts.append(f"weight decay {_number(found.weight_decay)}")
    return ", ".join(parts)


def _schedule(found: Schedule) -> str:
    if found.name == "plateau":
        words = (
            f"times {found.factor:g} when validation has not improved for {found.patience} epochs"
        )
    elif found.name == "exponential":
        times = "epoch" if found.every == 1 else f"{found.every:.3g} epochs"
        words = f"times {found.factor:g} every {times}"
    elif len(found.milestones) > 6:
        words = f"in {len(found.milestones)} steps down to {_number(found.rates[-1])}"
    else:
        places = _list([_place(each) for each in found.milestones])
        places += " of the run" if found.milestones[-1] < 1 else ""
        rates = _list([_number(rate) for rate in found.rates])
        words = f"{rates} after {places}" if found.rates else f"times {found.factor:g} at {places}"
    warm = f", after a rise over the first {_place(found.warmup)}" if found.warmup else ""
    return words + warm


def _place(milestone: float) -> str:
    if milestone < 1:
        return _per_cent(milestone)
    return "the first epoch" if milestone == 1 else f"epoch {milestone:g}"


def _number(value: float) -> str:
    """``0.045``, ``4e-5``."""
    return f"{value:g}".replace("e-0", "e-")


def _per_cent(share: float) -> str:
    return f"{share:.0%}".replace("%", " %")


def _list(words: list[str]) -> str:
    return " and ".join(", ".join(words).rsplit(", ", 1))


def _augmentation(found: Augmentation) -> str:
    low, high = found.sizes
    sizes = str(low) if low == high else f"{low} to {high}"
    parts = []
    if found.crop in _CROPS:
        parts.append(_CROPS[found.crop].format(padding=found.padding, sizes=sizes))
    if found.horizontal_flip:
        parts.append("flipped horizontally at random")
    if found.brightness or found.contrast or found.saturation:
        parts.append("brightness and colours changed")
    if found.pca:
        parts.append("shifted along the principal colours")
    return ", ".join(parts) or "as they are"
