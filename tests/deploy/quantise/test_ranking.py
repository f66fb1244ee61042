"""Blocks of layers, and which of them cost most."""

from __future__ import annotations

import numpy as np

from striate.deploy.quantise.ranking import MOST_BLOCKS, blocks, worst_first


def test_every_layer_is_in_one_block_in_its_order() -> None:
    for count in (1, 2, MOST_BLOCKS, MOST_BLOCKS + 1, 61):
        layers = [str(number) for number in range(count)]
        found = blocks(layers)
        assert [name for block in found for name in block] == layers
        assert len(found) == min(count, MOST_BLOCKS)
        assert max(map(len, found)) - min(map(len, found)) <= 1


def test_the_block_without_which_the_answers_differ_least_costs_most() -> None:
    found = blocks("abcdef", 3)
    floats = np.array([[0.2, 0.8], [0.5, 0.5]], np.float32)
    left = {found[0]: 0.2, found[1]: 0.05, found[2]: 0.2}
    ranked = worst_first(found, floats, lambda block: floats + np.float32([left[block], 0]))
    assert ranked == [found[1], found[0], found[2]]
