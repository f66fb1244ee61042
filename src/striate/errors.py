"""The one family of errors that a person may see.

Each says what is at fault, why, and what to do about it, in one line. The command line prints that
line and exits with status 2; anything else that escapes is our own fault and exits with status 1.
"""

from __future__ import annotations

import ast
import difflib
import re
import shlex
from collections.abc import Iterable, Mapping
from pathlib import PurePath

#: A parameter as errors write it: `device`, `device='cuda:9'`, `resume=True`.
_PARAMETER = re.compile(r"`([a-z_]+)(?:=([^`]*))?`")


class StriateError(Exception):
    """Something that the user can mend: ``what: why; remedy``.

    Args:
        what: the thing at fault, named as the user named it (a resolved path, a network, a recipe
            key, a parameter as `parameter` writes it).
        why: the reason, in a few words.
        remedy: what to do next; optional where the reason says it already.
    """

    def __init__(self, what: str, why: str, remedy: str = "") -> None:
        self.what, self.why, self.remedy = what, why, remedy
        super().__init__(f"{what}: {self.reason}")

    def __reduce__(self) -> tuple[type[StriateError], tuple[str, str, str]]:
        """How it is sent to another process, of which pickle would send the message alone."""
        return type(self), (self.what, self.why, self.remedy)

    @property
    def reason(self) -> str:
        """Why, and what to do, where what is at fault is named beside it."""
        return self.why + (f"; {self.remedy}" if self.remedy else "")

    def on_the_command_line(self, flags: Mapping[str, str]) -> str:
        """The message with each parameter that has one of the command's `flags` written so.

        Examples:
            >>> device = parameter("device", "cuda:9")
            >>> error = StriateError(device, "is not here", "leave `device` out")
            >>> error.on_the_command_line({"device": "--device"})
            '--device cuda:9: is not here; leave --device out'
        """

        def flag(found: re.Match[str]) -> str:
            name, value = found[1], found[2]
            if name not in flags:
                return found[0]
            if value is None or value == "True":
                return flags[name]
            if value == "False":
                return flags[name].replace("--", "--no-", 1)
            return f"{flags[name]} {_for_a_shell(value)}"

        return _PARAMETER.sub(flag, str(self))


def _for_a_shell(value: str) -> str:
    """A parameter's `value`, written as in Python, as it is typed behind a flag.

    Examples:
        >>> _for_a_shell("'age (years)'"), _for_a_shell("'cuda:9'"), _for_a_shell("0.5")
        ("'age (years)'", 'cuda:9', '0.5')
    """
    if value[:1] not in "'\"":
        return value
    try:
        text = ast.literal_eval(value)
    except (SyntaxError, ValueError):
        return value
    return shlex.quote(text) if text.isprintable() else value


def parameter(name: str, value: object = None) -> str:
    """A function's parameter as errors name it; the command line makes a flag of it.

    Examples:
        >>> parameter("device", "cuda:9"), parameter("resume")
        ("`device='cuda:9'`", '`resume`')
    """
    if isinstance(value, PurePath):
        value = str(value)
    return f"`{name}`" if value is None else f"`{name}={value!r}`"


class NetworkError(StriateError):
    """An unknown network, a variant it does not have, an input that it cannot take."""


class WeightsError(StriateError):
    """Published weights that are not to be had, are damaged, or are those of another network."""


class DataError(StriateError):
    """Images or labels that are missing, unreadable or inconsistent."""


class RecipeError(StriateError):
    """An unknown recipe or key, or a value outside its range."""


class RunError(StriateError):
    """A run directory that is missing, incomplete or altered."""


class TrainingError(StriateError):
    """Training that cannot go on: a loss that is not finite, a full disk."""


class ExportError(StriateError):
    """An export that failed or whose file does not compute what the network computes."""


class Interrupted(Exception):  # noqa: N818 - not an error: the run can be resumed
    """Ctrl-C or a termination signal; the message says how to go on. Exit status 130."""


def nearest(name: str, choices: Iterable[str]) -> str:
    """``did you mean 'resnet50'?`` for the choice nearest to `name`, or a list of a few choices.

    Examples:
        >>> nearest("resnet5", ["resnet50", "vgg16"])
        "did you mean 'resnet50'?"
    """
    known = sorted(choices)
    lowered = {choice.lower(): choice for choice in known}
    close = difflib.get_close_matches(name.lower(), lowered, n=1, cutoff=0.5)
    if close:
        return f"did you mean '{lowered[close[0]]}'?"
    shown = ", ".join(known[:12]) + (", …" if len(known) > 12 else "")
    return f"choose one of {shown}"
