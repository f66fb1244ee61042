"""Memory over all threads together: who waits, who is refused, who never waits."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from striate.data.decoding import memory
from striate.data.decoding.decode import ImageError, content_of, decode, decoding
from striate.errors import DataError


@pytest.mark.parametrize(
    ("given", "size"),
    [("4G", 4 << 30), ("800M", 800 << 20), ("1.5 GiB", 3 << 29), ("2097152", 2 << 20), ("", None)],
)
def test_the_environment_sets_the_limit(
    monkeypatch: pytest.MonkeyPatch, given: str, size: int | None
) -> None:
    monkeypatch.setenv(memory.VARIABLE, given)
    assert memory.limit() == (size or memory.DEFAULT)


@pytest.mark.parametrize("given", ["lots", "-1G", "0", "1K", "G", "nan"])
def test_what_is_no_size_is_refused(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv(memory.VARIABLE, given)
    with pytest.raises(DataError, match=f"STRIATE_IMAGE_MEMORY is '{given}', no size"):
        memory.limit()


def test_a_large_image_is_refused_by_what_it_would_take_and_can_be_allowed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "a.webp"
    Image.new("RGB", (16_383, 10_900)).save(file, lossless=True, method=0)
    assert file.stat().st_size < 100
    why = r"has 16,383 x 10,900 pixels and would take 3.3 GiB .*set STRIATE_IMAGE_MEMORY to 4G"
    with pytest.raises(ImageError, match=why) as caught:
        decode(file)
    assert caught.value.kind == "too large"
    assert "bomb" not in str(caught.value)
    Image.new("RGB", (700, 500)).save(file, lossless=True)
    monkeypatch.setenv(memory.VARIABLE, "3M")
    with pytest.raises(ImageError, match="700 x 500"):
        decode(file)
    monkeypatch.setenv(memory.VARIABLE, "30M")
    assert decode(file).shape == (500, 700, 3)


def test_a_telephones_200_million_pixels_are_allowed() -> None:
    from striate.data.decoding.readers import Jpeg

    assert 16_320 * 12_240 * Jpeg.each + (100 << 20) < memory.DEFAULT


def test_threads_wait_for_room_and_never_take_more_than_there_is() -> None:
    most, lock, taken, peak = memory.DEFAULT, threading.Lock(), 0, 0

    def work(size: int) -> None:
        nonlocal taken, peak
        with memory.room_for(size):
            with lock:
                taken += size
                peak = max(peak, taken)
            time.sleep(0.002)
            with lock:
                taken -= size

    sizes = [most // 2, most // 3, most, most // 4, most // 2] * 6
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, sizes))
    assert 0 < peak <= most
    assert memory._budget._taken == 0


def test_whoever_has_taken_something_does_not_wait_for_more() -> None:
    """Else two threads with a large image each would wait for one another for ever."""
    most, both = memory.DEFAULT, threading.Barrier(2)

    def work(_: int) -> bool:
        with memory.room_for(most // 2):
            both.wait(10)
            with memory.room_for(most // 2):
                return True

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(work, range(2))) == [True, True]


def test_room_is_given_back_after_a_failure() -> None:
    with pytest.raises(ZeroDivisionError), memory.room_for(memory.DEFAULT):
        raise ZeroDivisionError
    assert memory._budget._taken == 0


def test_an_image_counts_for_as_long_as_it_is_looked_at(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "a.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (200, 200, 3), np.uint8)).save(file)
    monkeypatch.setenv(memory.VARIABLE, "1M")
    with decoding(file):
        assert memory._budget._taken >= 200 * 200 * 10
        assert decode(file).shape == (200, 200, 3)
    assert memory._budget._taken == 0


def test_large_files_are_read_one_after_another(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(memory.VARIABLE, "1M")
    small, large = tmp_path / "small", tmp_path / "large"
    small.write_bytes(bytes(1000))
    large.write_bytes(bytes(500_000))
    with content_of(small):
        assert memory._budget._taken == 0
    with content_of(large) as data:
        assert (len(data), memory._budget._taken) == (500_000, 1 << 20)
    (tmp_path / "huge").write_bytes(bytes(3 << 20))
    with pytest.raises(ImageError, match="is too large"), content_of(tmp_path / "huge"):
        pass
