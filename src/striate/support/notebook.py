"""Results in a notebook: text and tables in HTML, in the colours of the notebook."""

from __future__ import annotations

import html
from collections.abc import Iterable

_RIGHT = ' class="right"'
#: Colours are the notebook's own, light or dark; only the lines are drawn, in what both can have.
# A class that is named twice weighs more than the notebook's own rules.
_STYLE = """
.striate{font:13px/1.45 system-ui,sans-serif;color:inherit}
.striate.striate pre{margin:.3em 0;padding:0;background:none;color:inherit;white-space:pre-wrap;\
font:12.5px/1.45 ui-monospace,monospace}
.striate.striate table{border-collapse:collapse;margin:.5em 0;font-variant-numeric:tabular-nums}
.striate.striate caption{text-align:left;font-weight:600;padding:.2em 0}
.striate.striate th,.striate.striate td{padding:.15em 1.1em .15em 0;border:0;text-align:left;\
vertical-align:top;background:none;color:inherit}
.striate.striate th{font-weight:600;border-bottom:1px solid rgba(128,128,128,.6)}
.striate.striate tr+tr td{border-top:1px solid rgba(128,128,128,.2)}
.striate.striate tr{background:none}
.striate.striate .right{text-align:right}
.striate .bar{display:inline-block;height:.65em;border-radius:2px;background:#2a8fb8}
.striate .track{display:inline-block;width:7em;margin-right:.6em;border-radius:2px;\
background:rgba(128,128,128,.25);line-height:.65em}
"""


def page(*parts: str) -> str:
    """Parts of HTML as one result of a notebook's cell."""
    style = " ".join(_STYLE.split("\n"))
    return f'<div class="striate"><style>{style}</style>{"".join(parts)}</div>'


def text(written: str) -> str:
    """Text, whose columns stay below each other."""
    return f"<pre>{html.escape(written)}</pre>" if written else ""


def table(
    head: Iterable[str], rows: Iterable[Iterable[str]], right: Iterable[int] = (), title: str = ""
) -> str:
    """A table of cells that are HTML already.

    Args:
        head: of each column; empty for a table without.
        rows: the cells of each row.
        right: numbers of the columns that are aligned to the right.
        title: what stands above it.
    """
    aligned = set(right)

    def row(cells: Iterable[str], tag: str) -> str:
        joined = "".join(
            f"<{tag}{_RIGHT if number in aligned else ''}>{cell}</{tag}>"
            for number, cell in enumerate(cells)
        )
        return f"<tr>{joined}</tr>"

    named = list(head)
    above = f"<caption>{title}</caption>" if title else ""
    above += f"<thead>{row(named, 'th')}</thead>" if any(named) else ""
    return f"<table>{above}<tbody>{''.join(row(cells, 'td') for cells in rows)}</tbody></table>"
