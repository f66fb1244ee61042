"""The settings in which runs differ, key by key of their ``run.toml``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from striate.runs.config import RunConfig
from striate.support.words import plural

#: What names the same things in other words, or is prose.
_ASIDE = {
    "format",
    "classes",
    "data.fingerprint",
    "weights.digest",
    "transfer.weights",
    "recipe.ours",
    "recipe.departures",
    "recipe.reference",
    # How it was run, not what was decided.
    "workers",
    "command",
    "minutes",
    "started",
    "versions",
}


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A key of ``run.toml`` that has not the same value everywhere.

    Attributes:
        key: with dots between its tables, such as ``recipe.optimiser.rate``.
        values: as text, one for each of those that are compared; None where there is none.
    """

    key: str
    values: tuple[str | None, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {"key": self.key, "values": list(self.values)}


def differing(configs: Sequence[RunConfig | None]) -> tuple[Setting, ...]:
    """The keys in which `configs` differ, in the order of the file.

    Args:
        configs: None for what has no ``run.toml``, which differs from nothing.
    """
    flat = [dict(_flat(each.to_dict())) if each is not None else {} for each in configs]
    known = [values for values, config in zip(flat, configs, strict=True) if config is not None]
    keys = dict.fromkeys(key for values in known for key in values)
    return tuple(
        Setting(key=key, values=tuple(values.get(key) for values in flat))
        for key in keys
        if len({values.get(key) for values in known}) > 1
    )


def _flat(table: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    for name, value in table.items():
        key = f"{before}{name}"
        if key in _ASIDE:
            continue
        if isinstance(value, Mapping):
            yield from _flat(value, f"{key}.")
        else:
            yield key, _text(value)


def _text(value: Any) -> str:
    """`value` as a person reads it.

    Examples:
        >>> _text(True), _text([0.5, 0.25]), _text(""), _text([{"name": "a"}, {"name": "b"}])
        ('yes', '0.5, 0.25', '–', '2 entries')
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return format(value, ".6g")
    if isinstance(value, (list, tuple)):
        if any(isinstance(each, Mapping) for each in value):
            return plural(len(value), "entry", "entries")
        return ", ".join(map(_text, value)) or "–"
    return str(value) or "–"
