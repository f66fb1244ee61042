"""The recipes that there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from striate.errors import RecipeError
from striate.recipes.load import RECIPES
from striate.support.shown import Readable
from striate.support.tables import read_toml
from striate.zoo.catalogue import entries

_ABOUT = {
    "modern": "one good recipe for any network, and the default",
    "fine_tuning": "for transferred networks that are trained on",
    "classic": "that of a network's own paper",
}


@dataclass(frozen=True, kw_only=True)
class ListedRecipe:
    """A recipe that has a name.

    Attributes:
        name: by which it is asked for.
        title: what runs call it.
        about: what it is for.
        networks: that it is for; empty for any.
        reference: papers that it follows.
    """

    name: str
    title: str
    about: str
    networks: tuple[str, ...]
    reference: str


@dataclass(frozen=True, kw_only=True)
class RecipeList(Readable):
    """All recipes, those for any network first."""

    recipes: Sequence[ListedRecipe]

    def summary(self) -> str:
        """A line each."""
        general = [each for each in self.recipes if not each.networks]
        papers = [each for each in self.recipes if each.networks]
        lines = [f"{each.name:<12} {each.about}" for each in general]
        lines.append(f"{'classic':<12} {_ABOUT['classic']}, for these networks:")
        for each in papers:
            first, *others = each.networks
            more = f" and {len(others)} more" if others else ""
            lines.append(f"  {first + more:<28} {each.title}")
        return "\n".join(lines)

    def to_json(self) -> list[dict[str, Any]]:
        """Plain values."""
        return [{**vars(each), "networks": list(each.networks)} for each in self.recipes]


def list_recipes() -> RecipeList:
    """Every recipe that comes with the program."""
    found = [_listed(f"{name}.toml", name, ()) for name in ("modern", "fine_tuning")]
    served: dict[str, list[str]] = {}
    for entry in entries():
        for stem in (entry.name, entry.family):
            if (RECIPES / "classic" / f"{stem}.toml").exists():
                served.setdefault(stem, []).append(entry.name)
                break
    for stem, networks in served.items():
        found.append(_listed(f"classic/{stem}.toml", "classic", tuple(networks)))
    return RecipeList(recipes=tuple(found))


def _listed(file: str, name: str, networks: tuple[str, ...]) -> ListedRecipe:
    table = read_toml(RECIPES / file, kind=RecipeError, remedy="install Striate again")
    return ListedRecipe(
        name=name,
        title=table["name"],
        about=_ABOUT[name],
        networks=networks,
        reference=table["reference"],
    )
