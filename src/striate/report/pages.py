"""What all pages of this room have in common: templates, filters, style and script."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment

from striate.runs.layout import REPORT
from striate.support.files import write_atomically
from striate.support.html import asset, frame, templates
from striate.support.words import count, percent

if TYPE_CHECKING:
    from striate.runs.run import Run

TEMPLATES = Path(__file__).parent / "templates"


def rendered(template: str, **values: Any) -> str:
    """A page as HTML.

    Args:
        template: the name of its file among the templates.
        values: what it takes beside style and script.
    """
    style, script = (asset(TEMPLATES / name) for name in ("report.css", "report.js"))
    return _environment().get_template(template).render(**frame(style, script), **values)


@cache
def _environment() -> Environment:
    environment = templates(TEMPLATES)
    environment.filters["percent"] = percent
    environment.filters["count"] = count
    return environment


def kept(run: Run, page: str) -> Path:
    """Write the report of `run`, whole or not at all; returns its path.

    Raises:
        RunError: the file cannot be written.
    """
    path = run.path / REPORT
    # Names of files may hold bytes that are no UTF-8; a browser could not show those either.
    write_atomically(path, page.encode(errors="replace"))
    return path
