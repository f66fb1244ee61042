"""What each key of a recipe decides, in the words that stand beside it in the program.

Those are the docstrings below the fields of the dataclasses, and the ``Args`` of a class whose
fields have none. Python drops the former, so that they are read from the source.
"""

from __future__ import annotations

import ast
import functools
import inspect
import re
import textwrap
from itertools import pairwise
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from striate.support.limits import MOST
from striate.support.tables import Bounds


def key_docs(cls: Any) -> dict[str, str]:
    """For each field of the dataclass `cls` what it decides and what it may be, in sentences.

    Empty where the program was installed without its source.
    """
    return _read(cls)


@functools.cache
def _read(cls: type) -> dict[str, str]:
    found = _in_args(inspect.getdoc(cls) or "") | _below_fields(cls)
    hints = get_type_hints(cls, include_extras=True)
    return {name: _plain(f"{text} {_range(hints[name])}") for name, text in found.items()}


def _below_fields(cls: Any) -> dict[str, str]:
    try:
        (tree,) = ast.parse(textwrap.dedent(inspect.getsource(cls))).body
    except OSError:
        return {}
    assert isinstance(tree, ast.ClassDef)
    return {
        each.target.id: inspect.cleandoc(after.value.value)
        for each, after in pairwise(tree.body)
        if isinstance(each, ast.AnnAssign)
        and isinstance(each.target, ast.Name)
        and isinstance(after, ast.Expr)
        and isinstance(after.value, ast.Constant)
        and isinstance(after.value.value, str)
    }


def _in_args(text: str) -> dict[str, str]:
    """The arguments that a docstring in Google style describes."""
    section = re.search(r"^Args:\n((?:    .*\n|\n)*)", f"{text}\n", re.M)
    described = textwrap.dedent(section[1]) if section else ""
    found = re.findall(r"^(\w+): (.*(?:\n +.*)*)", described, re.M)
    return {name: text[:1].upper() + text[1:] for name, text in found}


def _range(hint: Any) -> str:
    """What a value may be, where the type says it."""
    if get_origin(hint) is Literal:
        return f"One of {', '.join(map(str, get_args(hint)))}."
    if get_origin(hint) is not Annotated:
        return ""
    inner, *notes = get_args(hint)
    bounds = [each for each in notes if isinstance(each, Bounds)]
    if not bounds or isinstance(inner, str):
        return ""
    least, most = bounds[0].least, bounds[0].most
    begins = f"More than {least:g}" if bounds[0].above else f"At least {least:g}"
    # Such a most is a guard that nobody meets.
    return f"{begins}." if most >= MOST else f"{begins}, at most {most:g}."


def _plain(text: str) -> str:
    """`text` as a comment has it: on one line, without marks."""
    return " ".join(re.sub(r'"?``"?|(?<!\w)`|`(?!\w)', "", text).split())
