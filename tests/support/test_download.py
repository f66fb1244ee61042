"""A download is whole, sound and in time, or leaves nothing; a server of our own shows it."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from striate.support import download
from striate.support.download import DownloadError, fetch

BODY = bytes(range(256)) * 4000


class Server(BaseHTTPRequestHandler):
    """Answers as the path says."""

    def do_GET(self) -> None:
        kind = self.path.strip("/")
        if kind == "absent":
            self.send_error(404)
            return
        self.send_response(200)
        length = {"none": None, "huge": 10**15, "nonsense": "many"}.get(kind, len(BODY))
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()
        if kind == "stops":
            self.wfile.write(BODY[:1000])
            self.wfile.flush()
            self.server.gone.wait(5)  # type: ignore[attr-defined]
        elif kind == "drips":
            while not self.server.gone.wait(0.02):  # type: ignore[attr-defined]
                self.wfile.write(b"x")
        elif kind == "half":
            self.wfile.write(BODY[: len(BODY) // 2])
        else:
            self.wfile.write(BODY)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    server.handle_error = lambda *_: None  # who hangs up is what some tests are about
    server.gone = threading.Event()  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.gone.set()  # type: ignore[attr-defined]
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("kind", ["whole", "none"])
def test_a_whole_body_is_moved_into_place(address: str, tmp_path: Path, kind: str) -> None:
    target = tmp_path / "new" / "file"
    fetch(f"{address}/{kind}", target, digest=hashlib.sha256(BODY).hexdigest()[:9])
    assert target.read_bytes() == BODY
    assert [each.name for each in target.parent.iterdir()] == ["file"]


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("half", r"only 512,000 of 1,024,000 bytes came"),
        ("huge", r"promises 1,000,000,000,000,000 bytes"),
        ("nonsense", "many"),
        ("absent", "Not Found"),
        ("stops", "has stopped answering"),
        ("drips", "nearly stopped answering"),
    ],
)
def test_anything_else_is_an_error_in_time_and_leaves_nothing(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, why: str
) -> None:
    monkeypatch.setattr(download, "SECONDS_WITHOUT_A_BYTE", 0.3)
    monkeypatch.setattr(download, "MEASURED_OVER", 0.3)
    began = time.monotonic()
    with pytest.raises(DownloadError, match=why):
        fetch(f"{address}/{kind}", tmp_path / "file")
    assert time.monotonic() - began < 4
    assert list(tmp_path.iterdir()) == []


def test_what_is_unsound_or_not_what_was_published_is_not_kept(
    address: str, tmp_path: Path
) -> None:
    def unsound(path: Path) -> None:
        assert path.read_bytes() == BODY
        raise RuntimeError("a web page")

    with pytest.raises(RuntimeError, match="a web page"):
        fetch(f"{address}/whole", tmp_path / "file", sound=unsound)
    with pytest.raises(DownloadError, match="not what was published"):
        fetch(f"{address}/whole", tmp_path / "file", digest="0000")
    assert list(tmp_path.iterdir()) == []


def test_nobody_there(tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="refused"):
        fetch("http://127.0.0.1:9/x", tmp_path / "file")
    (tmp_path / "taken").touch()
    with pytest.raises(DownloadError, match=r"exists|directory"):
        fetch("http://127.0.0.1:9/x", tmp_path / "taken" / "file")
