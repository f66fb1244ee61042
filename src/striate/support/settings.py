"""Settings of the whole process, changed for a while and put back: a library owns none of them.

Nothing else in the package may change threads, generators or cuDNN's choices: a test of the tree
checks that, and another that every public function leaves them as they were.
"""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Any


@contextmanager
def threads(number: int | None) -> Iterator[None]:
    """Let torch's operators use `number` threads while the block runs; None leaves them alone."""
    import torch

    before = torch.get_num_threads()
    if number is not None:
        torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def seed(number: int) -> None:
    """Seed torch's generators with `number`, for use within `seeded`, which puts them back.

    A CUDA device that the process has not used yet keeps the seed that it was promised: that could
    not be read, hence not be put back, without starting the device.
    """
    import torch

    if _sleeps():
        torch.default_generator.manual_seed(number)
    else:
        torch.manual_seed(number)


@contextmanager
def seeded(number: int) -> Iterator[None]:
    """Seed everybody's generators with `number` for the block; they go on as if it had not been.

    NumPy's and Python's own too, which libraries and people's networks draw from.
    """
    import numpy as np
    import torch

    kind = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    devices = range(0 if kind is None or _sleeps() else torch.accelerator.device_count())
    others = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices, device_type="cuda" if kind is None else kind.type):
        try:
            seed(number)
            random.seed(number)
            np.random.seed(number % 2**32)
            yield
        finally:
            random.setstate(others[0])
            np.random.set_state(others[1])


def _sleeps() -> bool:
    """Whether there is a CUDA device here that the process has not used yet."""
    import torch

    used = torch.cuda.is_initialized()  # type: ignore[no-untyped-call, unused-ignore]
    return torch.cuda.is_available() and not used


@contextmanager
def deterministic() -> Iterator[None]:
    """Have cuDNN choose the same algorithms every time while the block runs."""
    import torch

    cudnn = torch.backends.cudnn
    before = cudnn.benchmark, cudnn.deterministic
    cudnn.benchmark, cudnn.deterministic = False, True
    try:
        yield
    finally:
        cudnn.benchmark, cudnn.deterministic = before


@contextmanager
def training(number: int | None, seed_of_run: int) -> Iterator[None]:
    """All of these, as a training needs them to repeat to the bit on the same machine."""
    with threads(number), seeded(seed_of_run), deterministic():
        yield


@contextmanager
def environment(values: Mapping[str, str]) -> Iterator[None]:
    """Add `values` to the environment while the block runs, where they are not set already.

    Then all of it is put back, with what libraries have set meanwhile.
    """
    before = dict(os.environ)
    os.environ.update({name: text for name, text in values.items() if name not in before})
    try:
        yield
    finally:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)


class Shared:
    """A setting of the process that threads change together.

    The first one that needs it changes it, the last one puts it back: two that change and restore
    by themselves would restore what the other had changed.

    Args:
        change: changes the setting and gives what puts it back.
    """

    def __init__(self, change: Callable[[], Callable[[], None]]) -> None:
        self._change = change
        self._restore: Callable[[], None] = lambda: None
        self._users, self._lock = 0, threading.Lock()

    @contextmanager
    def changed(self) -> Iterator[None]:
        """Have it changed while the block runs."""
        with self._lock:
            if not self._users:
                self._restore = self._change()
            self._users += 1
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
                if not self._users:
                    self._restore()


def _lift_pillow_limit() -> Callable[[], None]:
    from PIL import Image

    before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None

    def restore() -> None:
        Image.MAX_IMAGE_PIXELS = before

    return restore


_unlimited = Shared(_lift_pillow_limit)


def _keep_from_hub() -> Callable[[], None]:
    libraries: list[Any] = [import_module("datasets.config")]
    libraries.append(import_module("huggingface_hub.constants"))
    before = [(each, each.HF_HUB_OFFLINE) for each in libraries]
    for each in libraries:
        each.HF_HUB_OFFLINE = True

    def restore() -> None:
        for each, value in before:
            each.HF_HUB_OFFLINE = value

    return restore


offline_hub = Shared(_keep_from_hub)
"""Hugging Face's libraries open what they have and ask nobody for more."""


@contextmanager
def without_pillow_limit(width: int, height: int) -> Iterator[None]:
    """Let Pillow decode a picture of that size, whatever its own limit of pixels says.

    For what was found affordable by another measure. Where the limit allows the picture anyway, it
    is left alone.
    """
    from PIL import Image

    most = Image.MAX_IMAGE_PIXELS
    if most is not None and width * height <= most:
        yield
        return
    with _unlimited.changed():
        yield
