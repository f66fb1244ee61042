"""Options written once: what Python's function, its documentation and its checks make of them."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Annotated, Any

import pytest

from striate.errors import StriateError
from striate.support.options import Doc, Option, Options, options_of, takes
from striate.support.tables import Bounds

Side = Annotated[int | None, Bounds(1, 9), Doc("In pixels.")]


@dataclass(frozen=True)
class Frame(Options):
    """What goes around a photo."""

    photo: Annotated[str, Doc("A file.", in_python="a picture")]
    _: KW_ONLY
    side: Side = None
    depth: Annotated[Side, Doc("Likewise, of the frame.")] = 3
    shares: Annotated[Sequence[float], Bounds(0, 1, above=True, below=True), Doc("Of light.")] = ()


@takes(Frame)
def frame(options: Frame) -> Frame:
    """Put a frame around a photo.

    It is `side` pixels wide.

    Returns:
        The frame.

    Raises:
        StriateError: it is too large.
    """
    return options


def test_the_fields_are_the_arguments() -> None:
    assert frame("a.jpg", side=2) == Frame(photo="a.jpg", side=2)
    assert frame(photo="a.jpg").depth == 3
    signature = inspect.signature(frame)
    assert [str(each) for each in signature.parameters.values()] == [
        "photo: str",
        "side: int | None = None",
        "depth: int | None = 3",
        "shares: collections.abc.Sequence[float] = ()",
    ]
    kinds = [each.kind.name for each in signature.parameters.values()]
    assert kinds == ["POSITIONAL_OR_KEYWORD", *["KEYWORD_ONLY"] * 3]
    assert frame.__name__ == "frame"


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({}, r"^frame\(\) missing a required argument: 'photo'"),
        (
            {"photo": "a", "sides": 1},
            r"^frame\(\) got an unexpected keyword argument 'sides'; did you",
        ),
        ({"photo": "a", "size": 1}, r"'size'; did you mean 'side'\?"),
    ],
)
def test_a_wrong_call_is_told_by_the_function_s_name(given: dict[str, Any], why: str) -> None:
    with pytest.raises(TypeError, match=why):
        frame(**given)
    with pytest.raises(TypeError, match=r"too many positional arguments"):
        frame("a.jpg", 2)  # type: ignore[misc]


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"side": 0}, "^`side=0`: must be at least 1"),
        ({"depth": 10}, "^`depth=10`: must be at most 9"),
        ({"shares": [0.5, 1.0]}, "^`shares=1.0`: must be less than 1"),
        ({"shares": (0.0,)}, "^`shares=0.0`: must be more than 0"),
        ({"shares": (float("nan"),)}, "^`shares=nan`: must be more than 0"),
    ],
)
def test_numbers_outside_their_bounds_are_refused(given: dict[str, Any], why: str) -> None:
    with pytest.raises(StriateError, match=why):
        frame("a.jpg", **given)


def test_the_documentation_has_a_section_of_arguments_before_that_of_the_result() -> None:
    assert inspect.getdoc(frame) == (
        "Put a frame around a photo.\n\nIt is `side` pixels wide.\n\n"
        "Args:\n    photo: A file. Or a picture.\n    side: In pixels.\n"
        "    depth: Likewise, of the frame.\n    shares: Of light.\n\n"
        "Returns:\n    The frame.\n\nRaises:\n    StriateError: it is too large."
    )


def test_what_is_known_of_an_option() -> None:
    photo, side, depth, _ = options_of(Frame)
    assert (photo.positional, photo.required, photo.bounds) == (True, True, None)
    assert side == Option(
        name="side",
        kind=int | None,
        default=None,
        positional=False,
        doc=Doc("In pixels."),
        bounds=Bounds(1, 9),
    )
    assert (depth.required, depth.doc.text) == (False, "Likewise, of the frame.")


def test_an_option_without_a_description_is_none() -> None:
    @dataclass(frozen=True)
    class Bare(Options):
        side: int = 1

    with pytest.raises(TypeError, match="the option side has no Doc"):
        Bare()
