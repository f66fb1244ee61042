"""Sizes and positions as a person types them."""

from __future__ import annotations

import pytest

from striate.cli.sizes import read_position, read_size
from striate.errors import NetworkError


def test_sizes_and_positions_are_read() -> None:
    assert (read_size("224"), read_size("200x320"), read_size("2×3")) == (224, (200, 320), (2, 3))
    assert (read_position("3, 4"), read_position("3")) == ((3, 4), (3, 3))
    assert read_size(None) is read_position(None) is None


@pytest.mark.parametrize(
    ("read", "text", "message"),
    [
        (read_size, "big", "`size='big'`: is not understood; give 224, or HEIGHTxWIDTH"),
        (read_size, "1x2x3", "`size='1x2x3'`: is not understood"),
        (read_position, "1,2,3", "`at='1,2,3'`: is not understood; give ROW,COLUMN, both from 0"),
    ],
)
def test_what_is_neither_is_told_by_its_parameter(read, text: str, message: str) -> None:
    with pytest.raises(NetworkError, match=message):
        read(text)
