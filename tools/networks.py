"""Write docs/networks/: a page and a picture of every network, and the page of them all.

Run ``python tools/networks.py`` after a change of a network, of its docstring, of a recipe, of a
published figure or of `tools/network_pages/notes.toml`; a test compares.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from network_pages.counted import count
from network_pages.index import index
from network_pages.module_picture import module_picture
from network_pages.page import file_of, page, to_draw
from network_pages.picture import picture
from network_pages.timeline import timeline

from striate.zoo.catalogue import entries, entry

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "networks"


def files_of(name: str) -> dict[str, str]:
    """What belongs to one network: paths below docs/networks, and their contents."""
    one, counted = entry(name), count(name)
    files = {f"{name}.md": page(one, counted), f"images/{name}.svg": picture(one, counted)}
    modules = {f"images/{file_of(name, each)}": module_picture(each) for each in to_draw(counted)}
    return files | modules


def common() -> dict[str, str]:
    """What belongs to all."""
    return {"README.md": index(), "images/timeline.svg": timeline()}


def everything() -> Iterator[tuple[str, str]]:
    """Every file of docs/networks with its contents."""
    yield from common().items()
    for one in entries():
        yield from files_of(one.name).items()


def write() -> None:
    """Write them all, and remove what no longer belongs there."""
    written = set()
    (FOLDER / "images").mkdir(parents=True, exist_ok=True)
    for path, text in everything():
        (FOLDER / path).write_text(text, encoding="utf-8")
        written.add(FOLDER / path)
    for file in {*FOLDER.glob("*.md"), *FOLDER.glob("images/*.svg")} - written:
        file.unlink()


if __name__ == "__main__":
    write()
