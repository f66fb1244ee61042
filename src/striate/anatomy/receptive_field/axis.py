"""The arithmetic of one axis: which positions of its input an output position reads.

Every spatial operator is a `Reach`. Its `affine` form, ``q reads scale·q + first … scale·q +
last``, is the rule of the interior, unclipped, and makes receptive fields as papers state them. Its
`taps` are the positions that exist, and make the windows that gradients find, borders included.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np
import numpy.typing as npt

Number = int | Fraction
Positions = npt.NDArray[np.int64]
NOWHERE = -1


def magnitude(value: Number) -> Number:
    """`value` without its sign, which says only that positions run backwards."""
    return -value if value < 0 else value


@dataclass(frozen=True)
class Reach(ABC):
    """What one operator reads along one axis of `given` positions to make `made` of them."""

    given: int
    made: int

    @abstractmethod
    def affine(self) -> tuple[Number, Number, Number]:
        """Give (scale, first, last)."""

    @abstractmethod
    def taps(self) -> list[Positions]:
        """Give arrays of length `made` whose columns are the positions read, -1 for none."""

    def _inside(self, positions: Positions) -> Positions:
        return np.where((positions >= 0) & (positions < self.given), positions, NOWHERE)


@dataclass(frozen=True)
class Window(Reach):
    """Convolution and pooling; with a kernel of 1 also padding (> 0) and cropping (< 0)."""

    kernel: int = 1
    stride: int = 1
    padding: int = 0
    dilation: int = 1

    def affine(self) -> tuple[Number, Number, Number]:
        """Read stride·q - padding, and on as far as the dilated kernel reaches."""
        return self.stride, -self.padding, -self.padding + (self.kernel - 1) * self.dilation

    def taps(self) -> list[Positions]:
        """Give one array for each place of the kernel."""
        start = np.arange(self.made) * self.stride - self.padding
        return [self._inside(start + tap * self.dilation) for tap in range(self.kernel)]


@dataclass(frozen=True)
class Transposed(Window):
    """Transposed convolution: input i adds to outputs stride·i - padding + tap·dilation."""

    def affine(self) -> tuple[Number, Number, Number]:
        """Bound i = (q + padding - tap·dilation) / stride, tightly at whole positions."""
        first = min(self._whole(phase)[0] for phase in range(self.stride))
        last = max(self._whole(phase)[1] for phase in range(self.stride))
        return Fraction(1, self.stride), first, last

    def _whole(self, phase: int) -> tuple[Number, Number]:
        at = Fraction(phase, self.stride)
        found = [
            (phase + self.padding - tap * self.dilation) // self.stride - at
            for tap in range(self.kernel)
            if (phase + self.padding - tap * self.dilation) % self.stride == 0
        ]
        return (min(found), max(found)) if found else (Fraction(self.given), Fraction(-self.given))

    def taps(self) -> list[Positions]:
        """Give one array for each place of the kernel, empty where the stride skips it."""
        found = []
        for tap in range(self.kernel):
            whole, rest = np.divmod(
                np.arange(self.made) + self.padding - tap * self.dilation, self.stride
            )
            found.append(np.where(rest == 0, self._inside(whole), NOWHERE))
        return found


@dataclass(frozen=True)
class Repeat(Reach):
    """Position q repeats position q // times: nearest up-sampling, pixel shuffle."""

    times: int = 1

    def affine(self) -> tuple[Number, Number, Number]:
        """Bound the floor from both sides: it lags behind by up to (times - 1) / times."""
        return Fraction(1, self.times), Fraction(1 - self.times, self.times), 0

    def taps(self) -> list[Positions]:
        """Give the one position."""
        return [np.arange(self.made) // self.times]


@dataclass(frozen=True)
class Everything(Reach):
    """Global pooling, flattening, attention: every output position reads all positions."""

    def affine(self) -> tuple[Number, Number, Number]:
        """Read from the first to the last, wherever q is."""
        return 0, 0, self.given - 1

    def taps(self) -> list[Positions]:
        """Give every position to every output."""
        return [np.full(self.made, position) for position in range(self.given)]


@dataclass(frozen=True)
class Single(Reach):
    """One position alone is read: what `select` keeps."""

    position: int = 0

    def affine(self) -> tuple[Number, Number, Number]:
        """Read it, wherever q is."""
        return 0, self.position, self.position

    def taps(self) -> list[Positions]:
        """Give it to every output."""
        return [np.full(self.made, self.position)]


@dataclass(frozen=True)
class Listed(Reach):
    """Any other rule: the positions between `firsts` and `lasts`; `scale` is what it tends to.

    The interior's rule is the tightest pair of lines of slope `scale` around them.
    """

    scale: Number
    firsts: tuple[int, ...]
    lasts: tuple[int, ...]

    @cached_property
    def _bounds(self) -> tuple[Number, Number]:
        first = min(at - self.scale * q for q, at in enumerate(self.firsts))
        last = max(at - self.scale * q for q, at in enumerate(self.lasts))
        return first, last

    def affine(self) -> tuple[Number, Number, Number]:
        """Give the lines around the list."""
        return self.scale, *self._bounds

    def taps(self) -> list[Positions]:
        """Give each list's positions, one after the other."""
        first, last = np.array(self.firsts), np.array(self.lasts)
        reach = int((last - first).max()) + 1
        return [np.clip(np.minimum(first + step, last), 0, self.given - 1) for step in range(reach)]


def adaptive(given: int, made: int) -> Reach:
    """Adaptive pooling: bin q runs from ⌊q·given/made⌋ to ⌈(q+1)·given/made⌉ - 1."""
    if made == 1:
        return Everything(given, 1)
    if given % made == 0:
        size = given // made
        return Window(given, made, kernel=size, stride=size)
    firsts = tuple(q * given // made for q in range(made))
    lasts = tuple(-(-(q + 1) * given // made) - 1 for q in range(made))
    return Listed(given, made, Fraction(given, made), firsts, lasts)


#: How far a position may be off when it is computed with a scale that no fraction states.
_ROUNDING = Fraction(1, 10_000)


def resize(
    given: int, made: int, mode: str, align_corners: bool, asked: float | None = None
) -> Reach:
    """Interpolation without clipping at the borders; `mode` is nearest, exact, linear or cubic.

    `asked` is a scale that was given by itself: it is used as it is, although it gives no whole
    number of positions.
    """
    stated = asked is not None and asked > 0 and not (align_corners and mode in {"linear", "cubic"})
    off = _ROUNDING if stated else Fraction(0)
    scale = 1 / _short(asked) if stated and asked else Fraction(given, made)
    if scale == 1 and given == made and mode != "cubic":
        return Window(given, made)
    if mode == "nearest" and scale == Fraction(given, made) and made % given == 0:
        return Repeat(given, made, made // given)
    if mode in ("nearest", "exact"):
        shift = Fraction(1, 2) if mode == "exact" else Fraction(0)
        at = [(q + shift) * scale for q in range(made)]
        firsts = tuple(min(max((each - off).__floor__(), 0), given - 1) for each in at)
        lasts = tuple(min((each + off).__floor__(), given - 1) for each in at)
        return Listed(given, made, scale, firsts, lasts)
    if align_corners:
        scale = Fraction(given - 1, made - 1) if made > 1 else Fraction(0)
        centres = [q * scale for q in range(made)]
    else:
        centres = [(q + Fraction(1, 2)) * scale - Fraction(1, 2) for q in range(made)]
    before, after = (1, 2) if mode == "cubic" else (0, 1)
    firsts = tuple(_neighbour(centre - off, -before) for centre in centres)
    lasts = tuple(_neighbour(centre + off, after) for centre in centres)
    return Listed(given, made, scale, firsts, lasts)


def _short(value: float) -> Fraction:
    """The shortest fraction that is this number: 17/10 for 1.7."""
    found = Fraction(value).limit_denominator(10_000)
    return found if float(found) == value else Fraction(value)


def _neighbour(centre: Fraction, step: int) -> int:
    """The outermost position that weighs something at `centre`: itself alone where it is whole."""
    return centre.__floor__() + (step if centre % 1 else 0)


def reflected(given: int, made: int, before: int, mode: str) -> Reach:
    """Padding with the map's own values, mirrored or repeated from its edge."""
    at = np.arange(made) - before
    if mode == "reflect":
        at = np.abs(at)
        at = np.where(at >= given, 2 * (given - 1) - at, at)
    else:
        at = np.clip(at, 0, given - 1)
    return Mirrored(given, made, padding=before, places=tuple(int(p) for p in at))


@dataclass(frozen=True)
class Mirrored(Window):
    """Padding with the map's own values: a shift in the interior, `places` for each position."""

    places: tuple[int, ...] = ()

    def taps(self) -> list[Positions]:
        """Give the one position that each output copies."""
        return [np.array(self.places)]
