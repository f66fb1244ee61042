"""What this processor can do with bytes, and a stand-in for one that can do less.

Without VNNI, x86 processors add pairs of products of bytes in 16 bits, which overflow with weights
of 8 bits: the same file gives other answers there. OpenVINO can be kept from using VNNI, in a
process of its own since it decides once; ONNX Runtime cannot.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from typing import IO, Any

import numpy as np

from striate.engines.session import Answers, Pixels
from striate.errors import ExportError

_LENGTH = 8
"""Bytes in which the length of what follows is sent."""
_ISA = "ONEDNN_MAX_CPU_ISA"
_X86 = ("x86_64", "amd64", "i386", "i686")


def capabilities() -> Mapping[str, Any]:
    """What PyTorch finds out of this processor."""
    import torch

    found: Mapping[str, Any] = torch.cpu.get_capabilities()
    return found


def has_vnni() -> bool | None:
    """Whether this processor has VNNI, and engines are let use it; None where it is no x86."""
    found = capabilities()
    if str(found.get("architecture", "")).lower() not in _X86:
        return None
    if os.environ.get(_ISA, "").upper() in ("SSE41", "AVX", "AVX2", "AVX512_CORE"):
        return False
    return bool(found.get("avx512_vnni") or found.get("avx_vnni"))


def processor_name() -> str:
    """What this processor is called, as far as it says."""
    found = capabilities()
    return str(found.get("cpu_name") or found.get("architecture") or "unknown")


class WithoutVnni:
    """OpenVINO without VNNI, in a process of its own.

    Args:
        graph: a serialised network that takes uint8 (n, channels, height, width).
        shape: (channels, height, width).
        batch_size: the most images in a batch.
    """

    def __init__(self, graph: bytes, shape: tuple[int, int, int], batch_size: int) -> None:
        self._graph, self._shape, self._batch_size = graph, shape, batch_size

    def run(self, batches: Iterable[Pixels]) -> Generator[Answers]:
        """As `striate.engines.session.Session.run`, one batch after the other.

        Raises:
            ExportError: the process ended before its time.
        """
        with self._process() as (put, get):
            _send(put, np.frombuffer(self._graph, np.uint8))
            _send(put, np.array([self._batch_size, *self._shape]))
            for batch in batches:
                _send(put, batch)
                yield _received(get)

    @contextmanager
    def _process(self) -> Generator[tuple[IO[bytes], IO[bytes]]]:
        child = subprocess.Popen(
            [sys.executable, "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, _ISA: "AVX2"},
        )
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            yield child.stdin, child.stdout
        except (OSError, ValueError, EOFError) as error:
            raise ExportError(
                "OpenVINO without VNNI", f"its process ended ({child.poll()})", "try again"
            ) from error
        finally:
            child.kill()
            child.wait()
            for end in (child.stdin, child.stdout):
                try:
                    end.close()
                except OSError:
                    continue  # what was not written is of no use any more


def _send(end: IO[bytes], array: np.ndarray[Any, Any]) -> None:
    content = io.BytesIO()  # NumPy takes a pipe for a file, in which it could seek
    np.save(content, array, allow_pickle=False)
    end.write(content.tell().to_bytes(_LENGTH) + content.getvalue())
    end.flush()


def _received(end: IO[bytes]) -> Any:
    length = int.from_bytes(end.read(_LENGTH))
    if not length:
        raise EOFError
    return np.load(io.BytesIO(end.read(length)), allow_pickle=False)


def _serve() -> None:
    """Answer batches from standard input on standard output, until there are no more."""
    from striate.deploy.quantise.measuring import open_network

    given, put = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever else is printed must not come between the answers
    graph = _received(given).tobytes()
    batch_size, *shape = (int(each) for each in _received(given))
    channels, height, width = shape
    with open_network(graph, "openvino", (channels, height, width), batch_size) as session:
        while True:
            try:
                batch = _received(given)
            except EOFError:
                return  # no more of them
            _send(put, next(session.run([batch])))


if __name__ == "__main__":
    _serve()
