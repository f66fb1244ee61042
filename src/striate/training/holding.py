"""The run's folder while a training is planned: taken for all processes, let go of on failure."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from striate.runs import layout as names
from striate.runs.claim import Held
from striate.runs.config import RunConfig
from striate.support.signals import uninterrupted
from striate.training.distributed import Group


class Holding:
    """A folder that will be taken on the way, by the leader of `group` for all.

    As a context it lets go of the folder at its end, unless that was handed on.
    """

    def __init__(self, group: Group) -> None:
        self.group = group
        self.begun: Path | None = None
        """The folder, from the moment on that it holds a run."""
        self._held: Held | None = None
        self._path: Path | None = None

    def take(self, how: Callable[[], Held]) -> Path:
        """Take the folder that `how`, called in the leader, gives; its path is everybody's.

        Raises:
            StriateError: it cannot be had.
        """

        def lead() -> Path:
            self._held = how()
            return self._held.path

        with uninterrupted():
            self._path = self.group.lead(lead)
        return self._path

    def begin(self, config: RunConfig) -> None:
        """Write the run's ``run.toml``: from now on there is a run."""
        with uninterrupted():
            if self._held is not None:
                config.write(self._held.path / names.CONFIG)
                self._held.begun()
            self.begun = self._path

    def handed_on(self) -> Held | None:
        """The folder, for whoever holds it from now on; None in all but the leader."""
        held, self._held = self._held, None
        return held

    def __enter__(self) -> Holding:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._held is not None:
            self._held.release()
