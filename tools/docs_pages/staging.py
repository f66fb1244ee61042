"""The folder that Sphinx reads: one for each language."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from docs_pages.links import Links, relative, source_of
from docs_pages.pages import (
    GENERATED,
    ROOT,
    Language,
    Section,
    descriptions,
    name_of,
    sections,
    title_of,
    written,
)

#: What a page in another language is marked with.
MARK = {"en": "in Chinese", "zh": "英文"}
#: What shows a file of the repository in colours, by the end of its name.
LEXERS = {".py": "python", ".toml": "toml", ".json": "json", ".sh": "bash"}
PICTURES = (".svg", ".png", ".jpg")


def stage(language: Language, folder: Path) -> None:
    """Write all that the site in `language` is made of into `folder`, an empty one."""
    links = Links(language)
    for name, text in pages(links):
        path = folder / f"{name}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    for file in sorted(links.shown):
        _show(file, folder)
    for picture in sorted((ROOT / "docs").rglob("*")):
        if picture.suffix in PICTURES:
            copy = folder / picture.relative_to(ROOT / "docs")
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(picture, copy)


def pages(links: Links) -> Iterator[tuple[str, str]]:
    """The name and the Markdown of each page in the language of `links`."""
    language, titles = links.language, {}
    for name, path in written(language).items():
        text = links.rewritten(path)
        titles[name] = title_of(text)
        if name == "index":
            text += _tree([f"{one.title} <{one.front(language)}>" for one in sections(language)])
        if name.endswith("/index"):
            text += _tree(_below(path, text, language))
        yield name, text
    if language == "en":
        for name, text in _generated():
            titles[name] = title_of(text)
            yield name, text
    for part in sections(language):
        if part.front(language) == part.name:
            yield part.name, _front(part, language, titles)


def _below(path: Path, text: str, language: Language) -> list[str]:
    """The other pages in the folder of the page at `path`, in the order of its links to them."""
    others = [name_of(one) for one in sorted(path.parent.glob("*.md"))]
    there = [PurePosixPath(one).name for one in others if one in written(language)]
    linked = re.findall(r"\]\(([\w-]+)\.md", text)
    names = [one for one in dict.fromkeys([*linked, *there]) if one in there and one != "index"]
    # Networks are known by their names; other pages have titles.
    return [f"{one} <{one}>" if path.parent.name == "networks" else one for one in names]


def _front(part: Section, language: Language, titles: dict[str, str]) -> str:
    """A list of the part's pages with a line on each."""
    lines = [f"# {part.title}", "", part.text, ""]
    here = []
    for name in part.pages:
        about = descriptions(language).get(name, "")
        if name in titles:
            here.append(name)
            link = f"[{titles[name]}]({relative(name, part.name)}.md)"
        else:
            other: Language = "zh" if language == "en" else "en"
            words = GENERATED.get(name) or title_of(written(other)[name].read_text("utf-8"))
            link = f'<a href="../{other}/{name}.html">{words}</a>（{MARK[language]}）'
        lines.append(f"- {link}" + (f"{_colon(language)}{about}" if about else ""))
    return "\n".join(lines) + "\n" + _tree(here)


def _generated() -> Iterator[tuple[str, str]]:
    """The pages made of the code, whose imports take seconds and which Chinese has none of."""
    from docs_pages import reference

    return reference.pages()


def _colon(language: Language) -> str:
    return ": " if language == "en" else "："


def _tree(names: list[str]) -> str:
    """What tells Sphinx that pages stand below this one."""
    listed = "\n".join(names)
    return f"\n```{{toctree}}\n:hidden:\n\n{listed}\n```\n" if names else ""


def _show(file: Path, folder: Path) -> None:
    """Write a page that shows the text of `file`."""
    name = file.relative_to(ROOT).as_posix()
    text = file.read_text("utf-8")
    fence = "`" * 5
    page = folder / f"{source_of(file)}.md"
    page.parent.mkdir(parents=True, exist_ok=True)
    lexer = LEXERS.get(file.suffix, "text")
    page.write_text(
        f"---\norphan: true\n---\n\n# {name}\n\n{fence}{lexer}\n{text}{fence}\n", encoding="utf-8"
    )
