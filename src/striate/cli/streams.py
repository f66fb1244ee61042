"""Standard output and error as a command finds them: closed, full, or in another encoding."""

from __future__ import annotations

import io
import os
import sys

from striate.errors import StriateError


class _Output(io.TextIOWrapper):
    """Standard output whose failures are errors that a person can mend."""

    def write(self, text: str) -> int:
        try:
            return super().write(text)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise _unwritable(error) from error

    def flush(self) -> None:
        try:
            super().flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise _unwritable(error) from error


class _Errors(io.TextIOWrapper):
    """Standard error, whose loss must not end what it only tells about."""

    def write(self, text: str) -> int:
        try:
            return super().write(text)
        except OSError:
            return len(text)

    def flush(self) -> None:
        try:
            super().flush()
        except OSError:
            _to_nowhere(self)


def prepare() -> None:
    """Make both streams fit to be written to.

    Names of files need not be valid text, so what the encoding cannot say is escaped. A stream
    that is closed (a daemon, ``>&-``) becomes one that nobody reads.
    """
    sys.stdout = _wrapped(sys.stdout, _Output)
    sys.stderr = _wrapped(sys.stderr, _Errors)


def abandon() -> None:
    """Give up on standard output, so that nothing is said of it when Python ends."""
    _to_nowhere(sys.stdout)


def _wrapped(stream: object, kind: type[io.TextIOWrapper]) -> io.TextIOWrapper:
    if stream is None:
        return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123 - lives as long as we
    # What stands in for a stream (a notebook, a test) is left as it is.
    if not isinstance(stream, io.TextIOWrapper):
        return stream  # type: ignore[return-value]
    return kind(
        stream.buffer,
        encoding=stream.encoding,
        errors="backslashreplace",
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


def _unwritable(error: OSError) -> StriateError:
    return StriateError(
        "standard output",
        f"cannot be written ({error.strerror})",
        "free some space, or send the output elsewhere",
    )


def _to_nowhere(stream: object) -> None:
    if isinstance(stream, io.TextIOWrapper):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
