"""Which pages there are, in which language, and where each stands."""

from __future__ import annotations

import functools
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

ROOT = Path(__file__).resolve().parents[2]
NAVIGATION = Path(__file__).with_name("navigation.toml")

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = ("en", "zh")
#: What a file's name has before .md where it is Chinese.
CHINESE = ".zh-CN"
#: Files outside docs/ that are pages too, and what the site calls them.
OUTSIDE = {"CHANGELOG.md": "changelog", "CONTRIBUTING.md": "contributing"}
#: The page of the repository that the site's first page stands for.
README = {"README.md": "index", "README.zh-CN.md": "index"}
#: Pages that `reference.py` writes, in English, with their titles.
GENERATED = {"api/index": "Python", "recipe-keys": "Keys of a recipe"}
_LINKED = re.compile(r"\[([^]]+)\]\([^)]*\)")
_DESCRIBED = re.compile(r"^- \[[^]]+\]\(([\w./-]+\.md)\)(?:（英文）)?[:：] ?(.*)$", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Section:
    """One part of the site, in one language."""

    name: str
    title: str
    text: str
    pages: tuple[str, ...]

    def front(self, language: Language) -> str:
        """The page that the part opens with: its only one, or a list of them."""
        only = self.pages[0] if len(self.pages) == 1 else ""
        return only if only in written(language) and only.startswith(self.name) else self.name


@functools.cache
def sections(language: Language) -> tuple[Section, ...]:
    """The parts of the site in their order."""
    rows = tomllib.loads(NAVIGATION.read_text("utf-8"))["section"]
    return tuple(
        Section(
            name=row["name"],
            title=words["title"],
            text=words["text"],
            pages=tuple(words.get("pages", row["pages"])),
        )
        for row in rows
        for words in [row if language == "en" else row["chinese"]]
    )


@functools.cache
def written(language: Language) -> dict[str, Path]:
    """The pages that people or tools wrote into the repository: name on the site, and file."""
    found = {}
    for path in sorted((ROOT / "docs").rglob("*.md")):
        chinese = path.stem.endswith(CHINESE)
        if chinese == (language == "zh"):
            found[name_of(path)] = path
    if language == "en":
        found |= {name: ROOT / file for file, name in OUTSIDE.items()}
    return found


def name_of(path: Path) -> str:
    """What the site calls the page in the file at `path`, in either language."""
    inside = path.relative_to(ROOT)
    if str(inside) in README | OUTSIDE:
        return (README | OUTSIDE)[str(inside)]
    name = PurePosixPath(inside.relative_to("docs").with_suffix(""))
    name = name.with_name(name.name.removesuffix(CHINESE))
    return str(name.with_name("index") if name.name == "README" else name)


@functools.cache
def descriptions(language: Language) -> dict[str, str]:
    """A line on each page, as the README has it, its links as plain words."""
    readme = ROOT / ("README.md" if language == "en" else f"README{CHINESE}.md")
    lines = _DESCRIBED.findall(readme.read_text("utf-8"))
    return {name_of(ROOT / file): _LINKED.sub(r"\1", text) for file, text in lines}


def title_of(text: str) -> str:
    """The heading of a page."""
    found = re.search(r"^# (.+)$", text, re.MULTILINE)
    return found[1] if found else ""
