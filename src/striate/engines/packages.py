"""Packages that only exporting and other engines need, imported where they are used."""

from __future__ import annotations

from types import ModuleType

from striate.errors import ExportError
from striate.support import packages


def need(module: str) -> ModuleType:
    """Import `module`, one of those that only exporting needs.

    Raises:
        ExportError: it is not installed.
    """
    return packages.need(module, purpose="export and verify", extra="export", kind=ExportError)
