"""What holds something until it is closed, as a context."""

from __future__ import annotations

from types import TracebackType
from typing import Self


class Closable:
    """Something with a `close`, which the end of a ``with`` block calls."""

    def close(self) -> None:
        """Free what is held; nothing by default."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
