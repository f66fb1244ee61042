"""One file fetched from the network: whole and sound at its place, or not there at all."""

from __future__ import annotations

import hashlib
import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from striate.support.files import part_of
from striate.support.paths import reason

#: A server that says nothing for so long has gone.
SECONDS_WITHOUT_A_BYTE = 30.0
#: One that sends less than so many bytes a second, measured over so many seconds, might as well.
SLOWEST, MEASURED_OVER = 1_000, 60.0
#: No file of weights or images is larger.
LARGEST = 32 << 30

_PIECE = 1 << 18


class DownloadError(Exception):
    """Why there is nothing: in a few words, for whoever wanted the file to word the rest."""


def fetch(
    url: str, target: Path, *, sound: Callable[[Path], None] | None = None, digest: str = ""
) -> None:
    """Put what lies at `url` at `target`, whole or not at all.

    Args:
        url: of ``http`` or ``https``.
        target: the file; the folders above it are made.
        sound: raises whatever is right where the file, which it is given before it is moved into
            place, is not what was wanted.
        digest: how the file's SHA-256 begins; empty where nobody says.

    Raises:
        DownloadError: there is no network, the server is silent, slow or refuses, or what it sent
            is not as long as it said, or has another digest.
    """
    beside = part_of(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _write(url, beside, digest)
        if sound is not None:
            sound(beside)
        beside.replace(target)
    except TimeoutError as error:
        raise DownloadError("the server has stopped answering") from error
    except urllib.error.URLError as error:
        why = error.reason
        raise DownloadError(reason(why) if isinstance(why, Exception) else str(why)) from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise DownloadError(reason(error)) from error
    finally:
        with suppress(OSError):
            beside.unlink()


def _write(url: str, path: Path, digest: str) -> None:
    request = urllib.request.Request(url, headers={"User-Agent": "striate"})
    total, found = 0, hashlib.sha256()
    with (
        urllib.request.urlopen(request, timeout=SECONDS_WITHOUT_A_BYTE) as answer,
        path.open("xb") as file,
    ):
        promised = answer.headers.get("Content-Length")
        if promised is not None and int(promised) > LARGEST:
            raise DownloadError(f"the server promises {int(promised):,} bytes")
        since, before = time.monotonic(), 0
        while piece := answer.read1(_PIECE):
            file.write(piece)
            found.update(piece)
            total += len(piece)
            if total > LARGEST:
                raise DownloadError(f"the server does not end after {total:,} bytes")
            if (passed := time.monotonic() - since) > MEASURED_OVER:
                if total - before < SLOWEST * passed:
                    raise DownloadError("the server has nearly stopped answering")
                since, before = time.monotonic(), total
    if promised is not None and total != int(promised):
        raise DownloadError(f"only {total:,} of {int(promised):,} bytes came")
    if not found.hexdigest().startswith(digest.lower()):
        raise DownloadError("what came is not what was published (its SHA-256 differs)")
