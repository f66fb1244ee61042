"""Numbers as people read them."""

from __future__ import annotations

import math

#: A narrow space that does not break, between a number and its unit.
THIN = "\u202f"
MINUS = "\u2212"


def percent(share: float, digits: int = 1, *, space: str = THIN) -> str:
    """0.8764 as ``87.6 %``; never rounded up to 100 or down to 0 where it is not.

    The rule for all that people read: a space before the sign, always as many digits. Pages have
    the space `THIN`, terminals and files that of every keyboard (`plain_percent`).
    """
    shown = round(100 * share, digits)
    step = 10.0**-digits
    if shown >= 100 and share < 1:
        shown = 100 - step
    if shown <= 0 and share > 0:
        return f"<{space}{step:.{digits}f}{space}%"
    return f"{shown:.{digits}f}{space}%"


def plain_percent(share: float, digits: int = 1) -> str:
    """A share as `percent` has it, for terminals and files.

    Examples:
        >>> plain_percent(0.98612, 2), plain_percent(0.99999), plain_percent(0.00001)
        ('98.61 %', '99.9 %', '< 0.1 %')
    """
    return percent(share, digits, space=" ")


def plain_span(low: float, high: float, digits: int = 1) -> str:
    """The two ends of an interval of shares, for terminals.

    Examples:
        >>> plain_span(0.8521, 0.8812, 2)
        '85.21 to 88.12 %'
    """
    return f"{plain_percent(low, digits).removesuffix(' %')} to {plain_percent(high, digits)}"


def points(share: float, digits: int = 2) -> str:
    """A difference of shares in percentage points, signed unless it rounds to nothing.

    Examples:
        >>> points(0.0231), points(-0.005), points(-0.00001), points(0.0231, 1)
        ('+2.31', '\u22120.50', '0.00', '+2.3')
    """
    shown = f"{100 * share:z.{digits}f}"
    return ("+" if float(shown) > 0 else "") + shown.replace("-", MINUS)


def exact_percent(share: float, *, space: str = THIN) -> str:
    """A share that somebody chose, with the digits that it has: 0.9 as ``90 %``.

    Examples:
        >>> exact_percent(0.9, space=" "), exact_percent(0.975, space=" ")
        ('90 %', '97.5 %')
    """
    return f"{100 * share:g}{space}%"


def count(number: int) -> str:
    """12345 as ``12,345``."""
    return f"{number:,}"


def plural(number: int, one: str, many: str = "") -> str:
    """A number with its noun.

    Examples:
        >>> plural(1, "image"), plural(2, "image"), plural(2, "class", "classes")
        ('1 image', '2 images', '2 classes')
    """
    return f"{count(number)} {one if number == 1 else many or one + 's'}"


def figure(value: float | None, digits: int = 3) -> str:
    """A number with `digits` significant digits: ``0.0123``, ``2.35``, ``1.2 × 10⁻⁹``.

    Examples:
        >>> figure(-1e-9), figure(1e-9), figure(-float("inf"))
        ('\u221210⁻⁹', '10⁻⁹', '\u2212∞')
    """
    if value is None or math.isnan(value):
        return "–"
    if value < 0:
        return f"{MINUS}{figure(-value, digits)}"
    if math.isinf(value):
        return "∞"
    if value == 0:
        return "0"
    if 1e-4 <= value < 10 ** max(digits, 4):
        return f"{value:.{max(0, digits - 1 - math.floor(math.log10(value)))}f}"
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    mantissa = mantissa.rstrip("0").rstrip(".")
    text = f"10{_raised(int(exponent))}"
    return text if mantissa == "1" else f"{mantissa}{THIN}×{THIN}{text}"


def amount(value: float, digits: int = 4) -> str:
    """A number as `figure` has it, but without zeros that say nothing: counts stay whole.

    Examples:
        >>> amount(27.0), amount(2.50), amount(-0.125), amount(0)
        ('27', '2.5', '\u22120.125', '0')
    """
    text = figure(value, digits)
    return text.rstrip("0").rstrip(".") if "." in text and THIN not in text else text


def beside(value: float, width: float, digits: int = 4) -> str:
    """A number as `figure` has it, but never coarser than a hundredth of `width`.

    Examples:
        >>> beside(1_700_000_123.4, 40.0), beside(31.24, 6.5), beside(0.5, 0.0)
        ('1,700,000,123.4', '31.24', '0.5000')
    """
    text = figure(value, digits)
    if not (width > 0 and math.isfinite(value) and abs(value) < 1e15):
        return text
    places = max(0, 2 - math.floor(math.log10(width)))
    if value == 0 or digits - 1 - math.floor(math.log10(abs(value))) >= places:
        return text  # which is as fine as that
    return f"{value:,.{places}f}".replace("-", MINUS)


def power(value: float) -> str:
    """A power of ten: ``0.01``, ``1``, ``100``, beyond those ``10⁻³``, ``10⁴``.

    Examples:
        >>> power(0.01), power(1e-3)
        ('0.01', '10⁻³')
    """
    exponent = round(math.log10(value))
    return f"{10.0**exponent:g}" if -2 <= exponent <= 3 else f"10{_raised(exponent)}"


def _raised(exponent: int) -> str:
    return str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def duration(seconds: float) -> str:
    """75 as ``1 min 15 s``."""
    whole = round(seconds)
    if whole < 60:
        return f"{figure(seconds, 2)}{THIN}s"
    if whole < 3600:
        return f"{whole // 60}{THIN}min {whole % 60}{THIN}s"
    return f"{whole // 3600}{THIN}h {whole % 3600 // 60}{THIN}min"


def listing(words: list[str]) -> str:
    """Words as a sentence lists them.

    Examples:
        >>> listing(["height", "width", "channels"])
        'height, width and channels'
    """
    return ", ".join(words[:-1]) + " and " + words[-1] if len(words) > 1 else "".join(words)
