"""What a person may decide about a command, written once: a dataclass of documented options.

From one come the function of Python (`takes`), with its signature and the documentation of its
arguments, the flags of the command line, and the tables of the documentation. A field says all of
it: name, type, default, and within ``Annotated`` its `Doc` and, of a number, its `Bounds`.
"""

from __future__ import annotations

import functools
import inspect
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import MISSING, Field, dataclass, fields
from typing import Annotated, Any, ParamSpec, TypeVar, get_args, get_origin, get_type_hints

from striate.errors import StriateError, parameter
from striate.support.first_tries import instead
from striate.support.tables import Bounds

P = ParamSpec("P")
O = TypeVar("O")  # noqa: E741 - an options' class
R = TypeVar("R")

_WIDTH = 92


@dataclass(frozen=True)
class Doc:
    """What a field decides, in whole sentences.

    Args:
        text: with other options and functions in single backticks, which the command line turns
            into its own names, and values in double ones. It says what an absent value means.
        python_only: whether the command line has nothing of the kind.
        in_python: what else Python takes, which nobody can type.
    """

    text: str
    python_only: bool = False
    in_python: str = ""


@dataclass(frozen=True, kw_only=True)
class Option:
    """One field of a class of options.

    Attributes:
        name: as Python calls it.
        kind: its type, without what is annotated.
        default: `dataclasses.MISSING` where it has to be given.
        positional: whether it may be given by its place.
        doc: what it decides.
        bounds: of a number, or of each number of several.
    """

    name: str
    kind: Any
    default: Any
    positional: bool
    doc: Doc
    bounds: Bounds | None

    @property
    def required(self) -> bool:
        """Whether it has to be given."""
        return self.default is MISSING


class Options:
    """The base of all options: numbers outside their bounds are refused when they are put in."""

    def __post_init__(self) -> None:
        check(self)


@functools.cache
def options_of(kind: Any) -> tuple[Option, ...]:
    """The options in the dataclass `kind`, in their order: those given by place come first."""
    hints = get_type_hints(kind, include_extras=True)
    found = [_option(each, hints[each.name]) for each in fields(kind)]
    return tuple(sorted(found, key=lambda each: not each.positional))


def doc_of(kind: Any, name: str) -> Doc:
    """What the option called `name` of the dataclass `kind` decides."""
    return next(each.doc for each in options_of(kind) if each.name == name)


def _option(field: Field[Any], hint: Any) -> Option:
    annotated = get_origin(hint) is Annotated
    kind, *notes = get_args(hint) if annotated else (hint,)
    docs = [note for note in notes if isinstance(note, Doc)]
    if not docs:
        raise TypeError(f"the option {field.name} has no Doc")
    return Option(
        name=field.name,
        kind=kind,
        default=field.default,
        positional=not field.kw_only,
        doc=docs[-1],  # what stands beside the field itself, where its type has one already
        bounds=next((note for note in notes if isinstance(note, Bounds)), None),
    )


def check(options: object) -> None:
    """Hold every number among `options` against its bounds.

    Raises:
        StriateError: it names the parameter.
    """
    kind: Any = type(options)
    for each in options_of(kind):
        given = getattr(options, each.name)
        if each.bounds is None or given is None:
            continue
        several = isinstance(given, Sequence) and not isinstance(given, str)
        for number in given if several else (given,):
            if why := each.bounds.problem(number):
                raise StriateError(parameter(each.name, number), why)


def takes(kind: Callable[P, O]) -> Callable[[Callable[[O], R]], Callable[P, R]]:
    """Make of a function that takes options of the class `kind` one that takes them one by one.

    Type checkers see the fields as arguments, and so do `inspect.signature` and `help`.

    Examples:
        >>> @dataclass(frozen=True)
        ... class Cut(Options):
        ...     photo: Annotated[str, Doc("A file.")]
        ...     side: Annotated[int, Bounds(1, 9), Doc("In pixels.")] = 5
        >>> @takes(Cut)
        ... def cut(options: Cut) -> str:
        ...     return f"{options.photo}: {options.side}"
        >>> cut("a.jpg", side=7)
        'a.jpg: 7'
    """

    def decorate(body: Callable[[O], R]) -> Callable[P, R]:
        signature = _signature(kind, inspect.signature(body).return_annotation)

        def function(*args: P.args, **kwargs: P.kwargs) -> R:
            known = signature.parameters
            for name in kwargs:
                if name not in known:
                    what = f"got an unexpected keyword argument '{name}'"
                    raise TypeError(f"{body.__name__}() {what}; {instead(name, known)}")
            try:
                signature.bind(*args, **kwargs)
            except TypeError as error:  # which would name the class's constructor
                raise TypeError(f"{body.__name__}() {error}") from None
            return body(kind(*args, **kwargs))

        made: Any = functools.update_wrapper(function, body)
        del made.__wrapped__
        made.__signature__ = signature
        made.options = kind
        made.__annotations__ = {
            **{name: each.annotation for name, each in signature.parameters.items()},
            "return": signature.return_annotation,
        }
        made.__doc__ = _documented(inspect.getdoc(body) or "", options_of(kind))
        return function

    return decorate


def documented(kind: Any) -> str:
    """The docstring of the dataclass `kind`, with a section about its fields after its words."""
    return _documented(inspect.getdoc(kind) or "", options_of(kind))


def _signature(kind: Any, returned: Any) -> inspect.Signature:
    return inspect.Signature(
        [
            inspect.Parameter(
                each.name,
                inspect.Parameter.POSITIONAL_OR_KEYWORD
                if each.positional
                else inspect.Parameter.KEYWORD_ONLY,
                default=inspect.Parameter.empty if each.required else each.default,
                annotation=each.kind,
            )
            for each in options_of(kind)
        ],
        return_annotation=returned,
    )


def _documented(text: str, options: Sequence[Option]) -> str:
    """`text`, a docstring, with a section about its arguments before that about its result."""
    lines = [
        textwrap.fill(
            f"{each.name}: {each.doc.text}"
            + (f" Or {each.doc.in_python}." if each.doc.in_python else ""),
            _WIDTH,
            initial_indent=" " * 4,
            subsequent_indent=" " * 8,
            break_long_words=False,
            break_on_hyphens=False,
        )
        for each in options
    ]
    arguments = "\n".join(["Args:", *lines])
    for section in ("\nReturns:\n", "\nYields:\n", "\nRaises:\n", "\nAttributes:\n"):
        before, found, after = text.partition(section)
        if found:
            return f"{before}\n{arguments}\n{section}{after}"
    return f"{text}\n\n{arguments}"
