"""What all addresses of a service share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

from striate.serving.limits import Room
from striate.serving.metrics import Metrics
from striate.serving.models import Models

P = ParamSpec("P")
R = TypeVar("R")

_ASIDE = 1 << 17  # bytes; what is done with more would hold up everybody else


@dataclass(eq=False, kw_only=True)
class State:
    """A running service.

    Attributes:
        models: that are served.
        room: for requests.
        metrics: of all that happens.
        token: that requests must bring; None where nothing is asked for.
        hosts: names by which it may be addressed; None for any.
        draining: whether it is about to end, and takes no new work.
    """

    models: Models
    room: Room
    metrics: Metrics
    token: str | None = None
    hosts: frozenset[str] | None = None
    draining: bool = False

    @property
    def ready(self) -> bool:
        """Whether requests should be sent here."""
        return not self.draining and len(self.models.served) == len(self.models.names)

    async def aside(
        self, size: int, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Call `function`, on a thread where it is about many bytes."""
        if size > _ASIDE:
            return await asyncio.to_thread(function, *args, **kwargs)
        return function(*args, **kwargs)
