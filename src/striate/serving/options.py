"""What a person may decide about a service."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Annotated

from striate.support.limits import MOST, MOST_THREADS
from striate.support.options import Doc, Options
from striate.support.shared_options import AllowCode, ReducedDecoding
from striate.support.tables import Bounds

#: Of a picture. Pillow and JPEG end at 65,535 pixels a side.
MOST_PIXELS = 65_535**2


@dataclass(frozen=True)
class ServeOptions(Options):
    """What a person may decide about a service."""

    models: Annotated[
        str | Path | Sequence[str | Path],
        Doc(
            "Runs' folders, or ONNX files that `export` wrote. Each is served under the name of "
            "its folder or file, or under another: ``NAME=PATH``. Of a run its export is served, "
            "which is made for the time of the service where there is none."
        ),
    ]
    _: KW_ONLY
    host: Annotated[
        str,
        Doc(
            "The address to listen at. By default this machine alone can reach the service; "
            "``0.0.0.0`` lets every other one in."
        ),
    ] = "127.0.0.1"
    port: Annotated[int, Bounds(0, 65_535), Doc("The port; 0 takes one that is free.")] = 8000
    token: Annotated[
        str | None,
        Doc(
            "What programs must send as ``Authorization: Bearer TOKEN``, and people enter once. By "
            "default what the environment variable ``STRIATE_TOKEN`` holds; without, nothing is "
            "asked for."
        ),
    ] = None
    engine: Annotated[
        str,
        Doc(
            "``onnxruntime`` or ``openvino``, with ``float32`` or ``bfloat16``; ``auto``: what "
            "`predict` takes for a file."
        ),
    ] = "auto"
    threads: Annotated[
        int | None,
        Bounds(1, MOST_THREADS),
        Doc("Threads that read pictures; by default one a processor, at most four."),
    ] = None
    examples: Annotated[
        str | Path | None,
        Doc(
            "A folder of pictures that the page offers to try; by default those that the run keeps "
            "of its validation images."
        ),
    ] = None
    max_body: Annotated[int, Bounds(1, 4096), Doc("The most megabytes that one request holds.")] = (
        32
    )
    max_pixels: Annotated[
        int, Bounds(1, MOST_PIXELS), Doc("The most pixels that one picture has.")
    ] = 50_000_000
    max_queue: Annotated[
        int,
        Bounds(1, MOST),
        Doc("The most pictures that wait or are computed; whoever brings more is told to retry."),
    ] = 256
    max_connections: Annotated[
        int, Bounds(1, 65_535), Doc("The most connections that are open at a time.")
    ] = 512
    timeout: Annotated[
        float,
        Bounds(0, 3600, above=True),
        Doc("The most seconds that a request may take to come in, and as many to be answered."),
    ] = 30.0
    reduced_decoding: ReducedDecoding = False
    allow_code: AllowCode = False
    started: Annotated[
        Callable[[str, str], None] | None,
        Doc(
            "Called with the address, and a warning or an empty text, when it can be reached.",
            python_only=True,
        ),
    ] = None
