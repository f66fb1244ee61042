"""What a thread prints aside, and nobody else's output with it."""

from __future__ import annotations

import sys
import threading

import pytest

from striate.support.aside import printing_aside


def test_output_goes_to_standard_error_and_comes_back(capsys: pytest.CaptureFixture[str]) -> None:
    before = sys.stdout
    print("first")
    with printing_aside(), printing_aside():
        print("second")
    print("third")
    out, err = capsys.readouterr()
    assert (out, err) == ("first\nthird\n", "second\n")
    assert sys.stdout is before


def test_it_comes_back_after_an_error() -> None:
    before = sys.stdout
    with pytest.raises(ValueError, match="ours"), printing_aside():
        raise ValueError("ours")
    assert sys.stdout is before


def test_threads_that_overlap(capsys: pytest.CaptureFixture[str]) -> None:
    """The first to enter is the first to leave, after which nothing stays redirected."""
    before = sys.stdout
    inside, leave = threading.Event(), threading.Event()

    def second() -> None:
        with printing_aside():
            inside.set()
            leave.wait(10)
            print("second, aside")

    thread = threading.Thread(target=second)
    with printing_aside():
        thread.start()
        inside.wait(10)
    print("first, as ever")
    leave.set()
    thread.join()
    out, err = capsys.readouterr()
    assert (out, err) == ("first, as ever\n", "second, aside\n")
    assert sys.stdout is before
