"""What engines and exporters say of what went wrong, in one line."""

from __future__ import annotations

import re

#: What engines and exporters say before and after what they have to say: where in their own source
#: they noticed, what they were doing, the graph around it.
_NOISE = re.compile(
    r"""
    \[ONNXRuntimeError\]\ :\ \d+\ :\ \w+\ :\s*
    | Exception\ from\ \S+?:\d+:?
    | Check\ '[^\n]*'\ failed\ at\ \S+?:\d+:?
    | FrontEnd\ API\ failed\ with\ \w+:?
    | Model\ wasn't\ fully\ converted\.[^\n]*
    | \(Refer\ to\ the\ full\ stack\ trace[^\n]*
    | \S+\.(?:h|hh|hpp|c|cc|cpp|cxx):\d+\ [^()\n]*\((?:[^()]|\([^()]*\))*\)(?:\ const)?
    | \S+\.(?:h|hh|hpp|c|cc|cpp|cxx):\d+:?
    | ,\ scope:[^\n]*
    | \(in\ list\ node\ [^\n]*\n\)
    """,
    re.VERBOSE,
)
_AFTERWORDS = re.compile(
    r"\[Caused by the value|\(node defined in|\n\s*Inputs:|\n\s*Summary:|Please feel free"
)
_FOREWORDS = ("Exception summary", "Exception Summary")
_LONGEST = 300


def brief(error: BaseException) -> str:
    """What the message of an engine or exporter says, in one line of at most 300 characters."""
    text = str(error)
    for forewords in _FOREWORDS:
        text = text.rpartition(forewords)[2]
    text = _AFTERWORDS.split(text)[0]
    said = " ".join(_NOISE.sub(" ", text).split()).strip(" -:")
    said = said or " ".join(str(error).split()) or type(error).__name__
    return said if len(said) <= _LONGEST else said[: _LONGEST - 1].rsplit(" ", 1)[0] + " …"
