"""Random numbers that are a pure function of what they are for.

A number is the hash of (seed, stream, epoch, index of the sample, slot), so nothing depends on how
many workers there are, in which order they run, or where a run was cut and resumed. The hash is the
finaliser of SplitMix64 (Steele, Lea and Flood 2014, Fast splittable pseudorandom number generators,
Sec. 3) over a Weyl sequence; all arithmetic is on 64-bit integers, hence the same on every machine
and with every version of NumPy.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

# One stream a purpose: switching one augmentation on leaves the draws of the others as they were.
ORDER, CROP, FLIP, COLOUR, SHIFT, ERASING, MIXING, DROPOUT, SCENES, PIXEL_NOISE = range(1, 11)

_WORD = 1 << 64
_GOLDEN = 0x9E3779B97F4A7C15  # 2^64 / golden ratio, odd: the step of the Weyl sequence
_FIRST, _SECOND = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB


class Key(NamedTuple):
    """What the draws of a batch are a function of."""

    seed: int
    epoch: int
    indices: npt.NDArray[np.int64]  # (N,)


def uniforms(
    seed: int, epoch: int, indices: npt.ArrayLike, count: int, stream: int = 0
) -> npt.NDArray[np.float64]:
    """Numbers in [0, 1) with 53 random bits, shape (n, count), a row for each of `indices` (n,)."""
    rows = _keys(seed, epoch, np.asarray(indices, np.int64), stream)
    slots = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(_GOLDEN)
    bits = _mix(rows[:, None] + slots)
    return np.asarray((bits >> np.uint64(11)) * 2.0**-53, np.float64)


def permutation(seed: int, epoch: int, n: int) -> npt.NDArray[np.int64]:
    """The order of `n` samples in `epoch`, (n,): their indices sorted by their 64-bit hashes."""
    return np.argsort(_keys(seed, epoch, np.arange(n), ORDER), kind="stable").astype(np.int64)


def normals(draws: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Standard normal numbers (n, k) from uniform ones (n, 2k), by Box and Muller's transform."""
    radius, angle = np.split(draws, 2, axis=1)
    return np.asarray(np.sqrt(-2 * np.log1p(-radius)) * np.cos(2 * np.pi * angle))


def _keys(
    seed: int, epoch: int, indices: npt.NDArray[np.integer], stream: int
) -> npt.NDArray[np.uint64]:
    """One 64-bit hash for each index, (n,)."""
    key = 0
    for word in (seed, stream, epoch):
        key = _mix_integer(key + _GOLDEN + _mix_integer(word))
    steps = (indices.astype(np.uint64) + np.uint64(1)) * np.uint64(_GOLDEN)
    return _mix(steps + np.uint64(key))


def _mix(words: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """SplitMix64's finaliser: every bit of the input changes about half of the output's bits."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(_FIRST)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(_SECOND)
    return words ^ (words >> np.uint64(31))


def _mix_integer(word: int) -> int:
    """`_mix` for one Python integer of any size and sign."""
    word %= _WORD
    word = (word ^ (word >> 30)) * _FIRST % _WORD
    word = (word ^ (word >> 27)) * _SECOND % _WORD
    return word ^ (word >> 31)
