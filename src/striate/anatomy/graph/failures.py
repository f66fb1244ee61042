"""A forward that failed on shapes, as one line: where, why, and what would help."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import TracebackType

from torch import Tensor, nn

from striate.anatomy.graph.shapes import Unrecordable
from striate.errors import NetworkError

#: Faults by what PyTorch and Python say of them, each with what would help; the first that fits.
_EXAMPLES = "give example inputs of what it takes (inputs=... in Python)"
_REMEDIES = (
    (r"too many indices", _EXAMPLES),
    (
        r"(?i)scalar type|\bdtype|should be the same|same type|c10::|LongTensor|\blong\b|\bint\b",
        "give example inputs of the type that it takes (inputs=... in Python)",
    ),
    (
        r"missing \d+ required|positional argument",
        "state a shape for each as its input_size, or give one example input for each (inputs=... "
        "in Python)",
    ),
    (
        r"siz(e|es)\b|shape|channels|dimension|\bdim\b|mat1|broadcast|[Kk]ernel|spatial|\bmatch|divisible",
        "give the size that the network takes, or state it as its input_size, (channels, height, "
        "width)",
    ),
)


def failed_at(error: BaseException, paths: Mapping[int, str]) -> str:
    """The path of the innermost module, by the identities in `paths`, that `error` came through."""
    found, step = "", error.__traceback__
    while isinstance(step, TracebackType):
        owner = step.tb_frame.f_locals.get("self")
        if isinstance(owner, nn.Module):
            found = paths.get(id(owner), found)
        step = step.tb_next
    return found


def explain_failure(
    error: Exception, title: str, path: str, kind: str, inputs: Sequence[Tensor]
) -> NetworkError:
    """Word the failure of the module at `path`, of class `kind`, when `inputs` were given."""
    where = f"{title}, layer '{path}' ({kind})" if path else title
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    reason = lines[0].rstrip(".") if lines else type(error).__name__
    operator = re.search(r"aten::([\w.]+).*Meta tensors, but there was no", reason)
    if operator:
        return NetworkError(
            where,
            f"runs {operator[1]}, of which PyTorch has no form for shapes alone",
            "the layers after it cannot be known without running it on an image",
        )
    if isinstance(error, Unrecordable) or re.search(r"\bmeta\b", reason, re.IGNORECASE):
        return NetworkError(
            where,
            f"its forward depends on values, not on shapes alone: {reason}",
            "the layers after it cannot be known without running it on an image",
        )
    shapes = " and ".join(str(tuple(value.shape)) for value in inputs)
    shown = reason if lines and not _bare(error) else f"{type(error).__name__}: {reason}"
    remedy = next((what for told, what in _REMEDIES if re.search(told, reason)), _EXAMPLES)
    return NetworkError(where, f"fails on input of shape {shapes}: {shown}", remedy)


def _bare(error: Exception) -> bool:
    """Whether an error's message means little without its kind, as that of a KeyError."""
    return isinstance(error, LookupError | AttributeError | NameError)
