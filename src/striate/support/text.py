"""Names that come from files, made fit for a terminal: the one place where that is decided."""

from __future__ import annotations

import re

# Control characters (C0, C1), line and paragraph separators, lone surrogates (bytes that are not
# UTF-8), and what turns the direction of writing round, with which a name can pose as another one.
_UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)


def printable(text: str) -> str:
    r"""`text` with every character that a terminal would obey, or cannot show, as an escape.

    Examples:
        >>> printable("a\x1b[2Jb")
        'a\\x1b[2Jb'
    """
    return _UNPRINTABLE.sub(lambda found: ascii(found[0])[1:-1], text)


def columns(text: str) -> int:
    """Columns that `text` takes in a terminal, where Chinese characters take two.

    Examples:
        >>> columns("rose"), columns("玫瑰")
        (4, 4)
    """
    from rich.cells import cell_len

    return cell_len(text)
