"""What a person may decide about the list of networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Annotated

from striate.support.options import Doc, Options


@dataclass(frozen=True)
class ListNetworksOptions(Options):
    """What a person may decide about the list of networks."""

    patterns: Annotated[
        str | Sequence[str],
        Doc(
            "Only networks with this in their name or family, or that a pattern such as "
            "``res*`` takes; of several, those that any takes. A shell takes a star for its own "
            "where files fit it: quote it then."
        ),
    ] = ()
    _: KW_ONLY
    sort: Annotated[
        str,
        Doc(
            "What the networks are sorted by: ``family`` (the oldest first), ``year``, ``name``, "
            "``parameters``, ``macs`` or ``error`` (the published top-1 error of ImageNet); with a "
            "minus before it the other way round. What is not known comes last."
        ),
    ] = "family"
