"""What systems leave behind is told from what people and programs put somewhere."""

from __future__ import annotations

import pytest

from striate.support.systems import is_left_by_system


@pytest.mark.parametrize(
    ("name", "left"),
    [
        *((name, True) for name in (".DS_Store", "._a.jpg", "Thumbs.db", "THUMBS.DB", "Icon\r")),
        *((name, True) for name in ("lost+found", "$RECYCLE.BIN", "System Volume Information")),
        *((name, True) for name in (".Trash-1000", "@eaDir", ".nfs000000000123abcd")),
        *((name, False) for name in (".gitignore", ".x", "Icon", "icons", "notes.txt", "")),
        *((name, False) for name in ("node_modules", ".DS_Store.txt", "my Thumbs.db", ".nfs")),
    ],
)
def test_names(name: str, left: bool) -> None:
    assert is_left_by_system(name) == left
