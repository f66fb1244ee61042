"""``striate list-networks``: the networks of the catalogue."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from striate.cli.options import AsJson, Given, command
from striate.zoo.options import ListNetworksOptions

if TYPE_CHECKING:
    from striate.hub.pretrained import Packaged
    from striate.zoo.catalogue import Entry

#: What one entry of ``--json`` holds, in this order; of a network that comes with its weights, last
#: the ``package`` that has them.
KEYS = ("name", "family", "year", "parameters", "macs", "input")


@command(ListNetworksOptions)
def list_networks(given: Given, as_json: AsJson = False) -> None:
    """List the networks with their sizes and published errors.

    Parameters, multiply-accumulates and the input that each was made for. Some come with ImageNet
    weights, in packages. `striate list` is the same.
    """
    # As `striate.list_networks` does, but without loading the options of all functions beside it,
    # and with the networks that packages hold.
    from striate.hub.listing import chosen
    from striate.hub.pretrained import PACKAGED, Packaged
    from striate.zoo.catalogue import entries

    listed: tuple[Entry | Packaged, ...] = (*entries(), *PACKAGED)
    found = chosen(listed, ListNetworksOptions(**given))
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


def _error(entry: Entry | Packaged) -> str:
    """``top-1 24.70 %``, of ImageNet unless it says otherwise; nothing where there is none."""
    from striate.hub.listing import published_error
    from striate.support.words import plain_percent
    from striate.zoo.published import IMAGENET

    if (told := published_error(entry.name)) is None:
        return ""
    data, measure, found = told
    share = getattr(found, measure)
    where = f"top-{measure.removeprefix('top')}" if data == IMAGENET else data.partition(" ")[0]
    return f"{where} {plain_percent(share, 2)}"
