"""Where Striate keeps what it can make or fetch again: one rule for every cache."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from striate.errors import StriateError
from striate.support.paths import expanded


def cache_folder() -> Path:
    """``STRIATE_CACHE``, else ``striate`` in ``XDG_CACHE_HOME`` or in ``~/.cache``.

    Whoever has no home (a container run under a bare number, a service) gets a folder of the
    user's own among the temporary files.

    Raises:
        StriateError: ``STRIATE_CACHE`` or ``XDG_CACHE_HOME`` names the home of nobody.
    """
    own = os.environ.get("STRIATE_CACHE")
    if own:
        return expanded(own)
    base = os.environ.get("XDG_CACHE_HOME")
    if base:
        return expanded(base) / "striate"
    try:
        return Path.home() / ".cache" / "striate"
    except RuntimeError:
        who = os.getuid() if hasattr(os, "getuid") else "user"
        return Path(tempfile.gettempdir()) / f"striate-{who}"


def cache_at(given: str | Path | None, notes: list[str] | None = None) -> Path | None:
    """The folder of the cache: the one that was `given`, else the usual one.

    Where the usual one cannot be told, there is no cache, which costs nothing but time: `notes`
    say why.

    Raises:
        StriateError: `given` names the home of nobody, or nothing can be called that.
    """
    if given is not None:
        return expanded(given)
    try:
        return cache_folder()
    except StriateError as error:
        if notes is not None:
            notes.append(f"nothing is cached: {error}")
        return None
