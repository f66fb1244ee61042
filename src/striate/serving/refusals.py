"""Requests that are not met: each with its HTTP status and one sentence that says why."""

from __future__ import annotations

from dataclasses import dataclass, field

from striate.errors import StriateError
from striate.support.text import printable


@dataclass(eq=False)
class Refused(Exception):  # noqa: N818 - an answer, like any other
    """A request that gets `status` and one sentence instead of what it asked for.

    Attributes:
        status: HTTP's.
        sentence: what is wrong, and what to do about it.
        reason: a word for the metrics: ``body``, ``queue``, ``picture`` …
        headers: that the answer has besides.
        close: whether the connection ends with the answer, since what is left of the request is not
            read any more.
    """

    status: int
    sentence: str
    reason: str
    headers: dict[str, str] = field(default_factory=dict)
    close: bool = False

    def __str__(self) -> str:
        return self.sentence


def malformed(sentence: str) -> Refused:
    """The request is not what the protocol asks for."""
    return Refused(400, sentence, "malformed")


def unknown(sentence: str) -> Refused:
    """What the request names is not served."""
    return Refused(404, sentence, "unknown")


def busy(sentence: str, reason: str) -> Refused:
    """There is no room at the moment."""
    return Refused(503, sentence, reason, {"Retry-After": "1"})


def unreadable(error: StriateError, what: str) -> Refused:
    """A picture, called `what` by the request, that cannot be read."""
    return Refused(422, sentence_of(error, what), "picture")


def sentence_of(error: StriateError, what: str = "") -> str:
    """An error as the sentence that a client reads; `what` instead of the error's own subject."""
    remedy = f"; {error.remedy}" if error.remedy else ""
    return printable(
        f"{what} {error.why}{remedy}" if what else f"{error.what}: {error.why}{remedy}"
    )
