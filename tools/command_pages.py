"""Write docs/commands.md and its Chinese sister: every option of every command, from its class.

Run ``python tools/command_pages.py`` after a change of options; a test compares. The Chinese page
keeps its own words for what it has already; what is new stands there in English until somebody
translates it.
"""

# ruff: noqa: E501 - lines of the pages

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from striate.cli.flags import Argument, Flag
from striate.cli.main import COMMANDS, flags_of, load
from striate.support.options import options_of

DOCS = Path(__file__).resolve().parents[1] / "docs"
ENGLISH, CHINESE = DOCS / "commands.md", DOCS / "commands.zh-CN.md"

HEAD = """# Commands and their options

**English** · [简体中文](commands.zh-CN.md)

A command and the function of Python that does the same have one name, with `-` or `_` between its words, and
take the same options. What a table calls in capital letters is given by its place. Made from the program by
`python tools/command_pages.py`; what cannot be typed, or cannot be said in Python, has a dash.
"""
HEAD_CHINESE = """# 命令及其选项

[English](commands.md) · **简体中文**

命令与功能相同的 Python 函数同名（单词之间分别用 `-` 和 `_` 连接），选项也相同。大写的名称按位置给出。
本页由 `python tools/command_pages.py` 根据程序生成；不能在命令行输入的、或在 Python 中没有的，以短横线表示。
"""
COLUMNS = "| command line | Python | default | |\n|---|---|---|---|\n"
COLUMNS_CHINESE = "| 命令行 | Python | 默认值 | |\n|---|---|---|---|\n"


class Row(NamedTuple):
    """One option: its name on either side, its default, and what it decides."""

    typed: str
    python: str
    default: str
    text: str

    @property
    def key(self) -> tuple[str, str, str]:
        """What must be the same in every language."""
        return self.typed, self.python, self.default


def rows(function: Callable[..., None]) -> Iterator[Row]:
    """The options of a command: those that it shares with Python, and then its own."""
    kind = getattr(function, "options", None)
    shared = {each.name: each for each in options_of(kind)} if kind else {}
    typed = inspect.signature(function, eval_str=True).parameters
    notes = {name: next(iter(each.annotation.__metadata__)) for name, each in typed.items()}
    names = {name: f"`{name.upper()}`" for name in typed}
    names |= {name: f"`{flag}`" for name, flag in flags_of(function).items()}
    for name, each in shared.items():
        text = each.doc.text
        if each.doc.in_python:
            text += f" In Python also {each.doc.in_python}."
        given = _typed(notes[name], names[name]) if name in typed else "–"
        default = "required" if each.required else _shown(each.default)
        yield Row(given, f"`{name}`", default, _marked(text, names))
    for name in [each for each in typed if each not in shared]:
        python = f"`*{name}`" if name == "layers" else "–"
        text = _marked(notes[name].help, names)
        yield Row(_typed(notes[name], names[name]), python, _shown(typed[name].default), text)


def _typed(note: Argument | Flag, name: str) -> str:
    """Every spelling of an option."""
    if isinstance(note, Argument):
        return name
    return ", ".join(f"`{flag}`" for text in note.names for flag in text.split("/"))


def _shown(default: Any) -> str:
    if default is inspect.Parameter.empty:
        return "required"
    if default is None or default is False or default == ():
        return ""
    return f"`{','.join(default)}`" if isinstance(default, tuple) else f"`{default}`"


def _marked(text: str, names: dict[str, str]) -> str:
    """The text of a `Doc` as Markdown, with the command's names of its options."""
    text = re.sub(r"(?<!`)`(\w+)`(?!`)", lambda found: names.get(found[1], found[0]), text)
    return text.replace("``", "`").replace("|", "\\|")


def described() -> dict[str, tuple[str, list[Row]]]:
    """What each command is for, and its options."""
    found = {}
    for name in COMMANDS:
        function = load(name)
        found[name] = (inspect.getdoc(function) or "", list(rows(function)))
    return found


def english() -> str:
    """The page."""
    parts = [HEAD]
    for name, (text, own) in described().items():
        plain = text.replace("\n\n", " ").replace("\n", " ")
        parts.append(f"\n## `striate {name}`\n\n{plain}\n\n{COLUMNS}{_table(own)}")
    return "".join(parts)


def chinese(before: str) -> str:
    """The page in Chinese, with the words that it had `before`."""
    texts, cells = read(before)
    parts = [HEAD_CHINESE]
    for name, (text, own) in described().items():
        plain = texts.get(name, text.replace("\n\n", " ").replace("\n", " "))
        said = [Row(*row.key, cells.get((name, row.typed, row.python), row.text)) for row in own]
        parts.append(f"\n## `striate {name}`\n\n{plain}\n\n{COLUMNS_CHINESE}{_table(said)}")
    return "".join(parts)


def _table(own: list[Row]) -> str:
    return "".join(f"| {row.typed} | {row.python} | {row.default} | {row.text} |\n" for row in own)


def read(page: str) -> tuple[dict[str, str], dict[tuple[str, str, str], str]]:
    """What a page says of each command, and of each of its options by command and names."""
    texts, cells = {}, {}
    for section in page.split("\n## `striate ")[1:]:
        name, _, rest = section.partition("`\n\n")
        texts[name] = rest.partition("\n\n|")[0]
        for line in rest.splitlines():
            if line.startswith(("| `", "| –")):
                typed, python, _default, text = re.split(r"(?<!\\)\|", line.strip("| "), maxsplit=3)
                cells[name, typed.strip(), python.strip()] = text.strip()
    return texts, cells


if __name__ == "__main__":
    known = CHINESE.read_text(encoding="utf-8") if CHINESE.is_file() else ""
    ENGLISH.write_text(english(), encoding="utf-8")
    CHINESE.write_text(chinese(known), encoding="utf-8")
