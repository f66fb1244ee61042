"""``run.toml``: everything about a run that is decided before its first step.

The file begins with ``format = N``. A run of an older format opens: what it does not say is what
the classes here have as their default, which is what was done before there was a choice. A run of
a newer format is refused by that number, not by the first key that is not known.

Whoever adds a key gives it that default, marks its field as `ADDED` and adds one to `FORMAT`; see
`RunConfig.identity` for what the mark is for. That holds for the keys of a recipe too. A key is
never removed, and never changes its meaning or its default.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Annotated, Any

import tomli_w

from striate.data.preprocessing import Preprocessing
from striate.errors import RecipeError, RunError, StriateError, nearest
from striate.hub.names import parse
from striate.recipes.frozen import FrozenRecipe
from striate.recipes.recipe import Recipe
from striate.runs.layout import CONFIG
from striate.runs.origins import (
    CodeOrigin,
    DataOrigin,
    Provenance,
    TransferOrigin,
    WeightsOrigin,
)
from striate.runs.targets import ScaledTarget
from striate.support.files import sha256, write_atomically
from striate.support.limits import LARGEST_COPY, MOST_THREADS
from striate.support.paths import shown
from striate.support.tables import (
    ADDED,
    Bounds,
    check_bounds,
    decided,
    from_table,
    plain,
    read_toml,
)

#: The format that this version writes. 0 is that of runs from before there was a number.
FORMAT = 5

PRECISIONS = ("float32", "bfloat16")

_PROVENANCE = {each.name for each in fields(Provenance)}


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """The decisions of one run, as they stand after the command's options."""

    network: str
    classes: tuple[str, ...]
    """Names, in the order of the network's outputs; empty where it answers with numbers."""
    targets: tuple[ScaledTarget, ...] = field(default=(), metadata=ADDED)
    """The numbers that it answers with, in the order of its outputs; empty for classes."""
    in_channels: Annotated[int, Bounds(1, 3)]
    preprocessing: Preprocessing
    recipe: Recipe | FrozenRecipe | None
    """How the network was trained, or how its head was fitted on a frozen backbone; None for a
    network with weights as they were found."""
    data: DataOrigin
    seed: Annotated[int, Bounds(0, 2**63 - 1)]
    precision: str
    """One of `PRECISIONS`: what the training steps were computed in."""
    validation_precision: str = field(default="", metadata=ADDED)
    """What validation during training is computed in, likewise; runs from before there was a
    choice say nothing, and validate in the precision of their steps."""
    working_copies: Annotated[int, Bounds(0, LARGEST_COPY)] = field(default=0, metadata=ADDED)
    """Short side in pixels of the copies that crops of large photographs are cut from; 0 where
    they are cut from the photographs themselves."""
    device: str
    threads: Annotated[int, Bounds(1, MOST_THREADS)]
    """Processor threads of one operator: part of what makes a result repeatable to the bit."""
    world: Annotated[int, Bounds(1, 1_000_000)] = 1
    """Processes that trained together."""
    variant: Mapping[str, Any] = field(default_factory=dict)
    transfer: TransferOrigin | None = None
    """None for a network that was not transferred."""
    weights: WeightsOrigin | None = None
    """None for a network that started from random weights."""
    code: CodeOrigin | None = field(default=None, metadata=ADDED)
    """None for a network that no Python file of a person's own makes."""
    provenance: Provenance = field(default_factory=Provenance)

    def __post_init__(self) -> None:
        # What could not be read back must not be written.
        check_bounds(self, "the run", kind=RunError)

    @property
    def identity(self) -> str:
        """SHA-256 of all that determines the result: equal for runs that must end equal.

        It is taken over what the run decided, without fields that were added later and have the
        value that stands for what was done before (`striate.support.tables.decided`). So a run has
        the same identity in every later version, which the weights beside it are compared with.
        """
        found = decided(self)
        del found["provenance"]
        found.setdefault("recipe", {})
        # Only what the images and the weights are counts, not where this machine keeps them.
        del found["data"]["origin"]
        found["data"].pop("label", None)
        if self.transfer is not None:
            del found["transfer"]["origin"]
        if self.weights is not None:
            found["weights"] = self.weights.digest
        if self.code is not None:
            del found["code"]["origin"]
        return sha256(json.dumps(found, sort_keys=True).encode())

    @property
    def outputs(self) -> tuple[str, ...]:
        """What each output of the network is called: its class, or its target."""
        return self.classes or tuple(target.name for target in self.targets)

    @property
    def epochs(self) -> int:
        """How many epochs the recipe asks for; 0 where nothing is trained step by step."""
        return self.recipe.epochs if isinstance(self.recipe, Recipe) else 0

    @property
    def stem(self) -> str:
        """What files made of the network are called: its name without what names its source."""
        return re.sub(r"[^\w.-]+", "-", self.network.rpartition(":")[2])

    def to_dict(self) -> dict[str, Any]:
        """Plain values for TOML, the format first."""
        # For people only, so nothing has to be undone.
        command = self.provenance.command.encode("utf-8", "backslashreplace").decode()
        found = vars(self) | {
            "recipe": self.recipe or {},
            "data": replace(self.data, origin=escaped(self.data.origin)),
        }
        if self.code is not None:
            found["code"] = replace(self.code, origin=escaped(self.code.origin))
        # Its values stand among those of the run itself.
        found |= vars(replace(found.pop("provenance"), command=command))
        return {"format": FORMAT, **plain(found)}

    def write(self, path: Path) -> None:
        """Write `path` (TOML), whole or not at all."""
        write_atomically(path, tomli_w.dumps(self.to_dict()).encode())

    @classmethod
    def read(cls, path: Path) -> RunConfig:
        """Read what `write` wrote, in this version or an older one.

        Raises:
            RunError: the file is missing, is not TOML, is of a newer format, lacks or adds a key,
                or a value is of the wrong kind or outside its bounds.
        """
        where, remedy = shown(path), "restore it from a copy"
        content = read_toml(path, kind=RunError, remedy=remedy)
        made_in = content.pop("format", 0)
        if type(made_in) is not int or made_in < 0:
            raise RunError(where, "is damaged (its format is no number)", remedy)
        if made_in > FORMAT:
            raise RunError(
                where,
                f"was made by a newer Striate (format {made_in}; this one reads up to {FORMAT})",
                "update Striate",
            )
        known = {each.name for each in fields(cls)} - {"provenance"} | _PROVENANCE
        for key in content:
            if key not in known:
                raise RunError(where, f"has an unknown key '{key}'", nearest(key, known))
        try:
            return _parsed(content)
        except (ValueError, RunError, RecipeError) as error:
            raise RunError(where, f"is damaged ({error})", remedy) from error


def names_code(folder: Path) -> bool:
    """Whether the run in `folder` has Python code as its network; not if it cannot be read."""
    try:
        return parse(RunConfig.read(folder / CONFIG).network).is_code
    except StriateError:
        return False


def escaped(path: str) -> str:
    r"""`path` with what UTF-8 cannot write as a null character and four hexadecimal digits.

    Python holds the bytes of a file's name that are not UTF-8 as lone surrogates. No path contains
    a null character, so that `unescaped` brings back exactly what was there.

    Examples:
        >>> escaped("photo\udcff.jpg") == "photo\0dcff.jpg"
        True
    """
    return re.sub("[\ud800-\udfff]", lambda found: f"\0{ord(found[0]):04x}", path)


def unescaped(path: str) -> str:
    """The opposite of `escaped`."""
    return re.sub("\0(d[89a-f][0-9a-f]{2})", lambda found: chr(int(found[1], 16)), path)


def _parsed(content: dict[str, Any]) -> RunConfig:
    """The run's decisions in `content`; ValueError, RunError or RecipeError for damage."""
    found = {key: each for key, each in content.items() if key not in _PROVENANCE}
    provenance = {key: each for key, each in content.items() if key in _PROVENANCE}
    found["provenance"] = from_table(Provenance, provenance, "it", kind=RunError)
    if found.get("recipe") == {}:
        found["recipe"] = None
    config = from_table(RunConfig, found, "it", kind=RunError)
    if config.targets:
        _check_targets(config)
    elif len(config.classes) < 2:
        raise ValueError("it names fewer than two classes")
    if config.precision not in PRECISIONS:
        raise ValueError(f"precision is not one of {', '.join(PRECISIONS)}")
    if config.validation_precision not in ("", *PRECISIONS):
        raise ValueError(f"validation_precision is not one of {', '.join(PRECISIONS)}")
    if config.data.val_fraction == 1:
        raise ValueError("val_fraction must be less than 1")
    if config.in_channels != config.preprocessing.channels:
        raise ValueError("in_channels is not the number of channels of its pre-processing")
    if config.code is not None:
        origin = unescaped(config.code.origin)
        config = replace(config, code=replace(config.code, origin=origin))
    origin = unescaped(config.data.origin)
    return replace(config, data=replace(config.data, origin=origin))


def _check_targets(config: RunConfig) -> None:
    """ValueError where a run of numbers is none."""
    if config.classes:
        raise ValueError("it names both classes and targets")
    if not all(config.outputs) or len(set(config.outputs)) < len(config.outputs):
        raise ValueError("its targets have no names of their own")
