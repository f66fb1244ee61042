"""Links between files of the repository become links between pages of the site."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from docs_pages.pages import CHINESE, OUTSIDE, README, ROOT, Language, name_of, written

_FENCE = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?<!!)\[((?:[^][]|\[[^]]*\])*)\]\(([^()\s]+)\)")
_PICTURE = re.compile(r"!\[([^]]*)\]\((?!\w+:)([^()\s]+)(\.\w+)\)")


@dataclass(frozen=True)
class Links:
    """Rewrites the Markdown of one language.

    Attributes:
        language: of the site that is written.
        shown: the files of the repository that are no pages and that some page links to: the site
            shows their text.
    """

    language: Language
    shown: set[Path] = field(default_factory=set)

    def rewritten(self, path: Path) -> str:
        """The Markdown of the file at `path` as that of its page on the site."""
        name = name_of(path)

        def replaced(found: re.Match[str]) -> str:
            words, target = found.groups()
            if "://" in target or target.startswith("#"):
                return found[0]
            file, hash_, anchor = target.partition("#")
            return self._link(
                words, Path(os.path.normpath(path.parent / file)), hash_ + anchor, name
            )

        def changed(part: str) -> str:
            return _PICTURE.sub(
                lambda found: in_light_and_dark(found, path), _LINK.sub(replaced, part)
            )

        return outside_code(path.read_text("utf-8"), changed)

    def _link(self, words: str, path: Path, anchor: str, name: str) -> str:
        """A link from the page `name` to what the file at `path` is on the site."""
        if not _is_page(path):
            self.shown.add(path)
            return f"[{words}]({relative(source_of(path), name)}.md)"
        target, chinese = name_of(path), CHINESE in path.name
        if target in written(self.language):
            same = chinese == (self.language == "zh")  # headings are called otherwise elsewhere
            return f"[{words}]({relative(target, name)}.md{anchor if same else ''})"
        there = relative(f"../{'zh' if chinese else 'en'}/{target}", name)
        # A page of the other language is part of another site for Sphinx.
        return f'<a href="{there}.html{anchor}">{words}</a>'


def in_light_and_dark(found: re.Match[str], page: Path) -> str:
    """A picture that has a dark half in a file beside it, ``NAME-dark.png``, as both."""
    words, stem, suffix = found.groups()
    if not (page.parent / f"{stem}-dark{suffix}").is_file():
        return found[0]
    light, dark = f"![{words}]({stem}{suffix})", f"![{words}]({stem}-dark{suffix})"
    return f"{light}{{.only-light}}\n{dark}{{.only-dark}}"


def relative(target: str, name: str) -> str:
    """The way from the page `name` to the page `target`."""
    return PurePosixPath(os.path.relpath(target, PurePosixPath(name).parent)).as_posix()


def source_of(path: Path) -> str:
    """The page that shows a file of the repository."""
    return f"source/{path.relative_to(ROOT).as_posix()}"


def _is_page(path: Path) -> bool:
    inside = path.relative_to(ROOT).as_posix()
    return path.suffix == ".md" and (inside.startswith("docs/") or inside in README | OUTSIDE)


def outside_code(text: str, change: Callable[[str], str]) -> str:
    """The text with `change` made wherever it is no block of code."""
    parts = _FENCE.split(text)
    return "".join(part if part.startswith("```") else change(part) for part in parts)
