"""What pages of HTML share that hold all they show: templates, the mark, addresses of data."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from striate.support.svg import element

_ICON_COLOUR = "#17698a"


def templates(folder: Path) -> Environment:
    """The templates in `folder`, in which everything is escaped that is not marked as HTML."""
    environment = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    # Non-ASCII stays as it is; Jinja itself escapes <, >, & and ' inside the script blocks.
    environment.policies["json.dumps_kwargs"] = {
        "sort_keys": False,
        "ensure_ascii": False,
        "allow_nan": False,
        "separators": (",", ":"),
    }
    return environment


def asset(path: Path) -> str:
    """A style sheet or script, on lines of its own."""
    return "\n" + path.read_text(encoding="utf-8")


def frame(style: str, script: str) -> dict[str, Any]:
    """What every page's template takes: mark, icon, style and script with their hashes."""
    return {
        "mark": mark("currentColor"),
        "icon": data_address("image/svg+xml", mark(_ICON_COLOUR).encode()),
        "style": Markup(style),
        "style_hash": content_hash(style),
        "script": Markup(script),
        "script_hash": content_hash(script),
    }


def content_hash(text: str) -> str:
    """`text` as a content security policy names it.

    Examples:
        >>> content_hash("")
        'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='
    """
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def data_address(kind: str, content: bytes) -> str:
    """`content` of that media type as a ``data:`` address.

    Examples:
        >>> data_address("text/plain", b"abc")
        'data:text/plain;base64,YWJj'
    """
    return f"data:{kind};base64," + base64.b64encode(content).decode()


def mark(colour: str) -> Markup:
    """The mark: a grating within a circle, which first cells of the visual cortex respond to."""
    bars = [(4.6, 8.3, 15.7), (9.0, 3.5, 20.5), (13.4, 2.4, 21.6), (17.8, 4.9, 19.1)]
    lines = [element("path", d=f"M{x} {top}L{x} {end}") for x, top, end in bars]
    return element(
        "svg",
        element("g", *lines, transform="rotate(32 12 12)"),
        xmlns="http://www.w3.org/2000/svg",
        viewBox="0 0 24 24",
        fill="none",
        stroke=colour,
        stroke_width="2.3",
        stroke_linecap="round",
        aria_hidden="true",
    )
