"""What tests of callbacks share: one that keeps all that it is told, and what they train."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

from striate.runs import layout as names
from striate.training.callbacks.base import Callback

EXACT = (names.WEIGHTS, names.METRICS, names.EVALUATION)
OPTIONS: dict[str, Any] = {"net": "resnet20", "size": 16, "batch_size": 6, "precision": "float32"}
STEPS = 5  # 30 images to train on, batches of 6


class Recorder(Callback):
    """Keeps what it is told; Ctrl-C is heard at the batch number `interrupt`."""

    def __init__(self, interrupt: int = 0) -> None:
        self.told: list[tuple[str, Any]] = []
        self.interrupt = interrupt

    def __getattribute__(self, name: str) -> Any:
        if not name.startswith("on_"):
            return super().__getattribute__(name)

        def keep(value: Any) -> None:
            # What is read lazily is read now, as a person would.
            seen = (value, value.loss, value.mean_loss) if name == "on_batch_end" else value
            self.told.append((name, seen))
            batches = sum(method == "on_batch_end" for method, _ in self.told)
            if name == "on_batch_end" and batches == self.interrupt:
                os.kill(os.getpid(), signal.SIGINT)

        return keep

    def of(self, name: str) -> list[Any]:
        return [value for method, value in self.told if method == name]

    @property
    def methods(self) -> list[str]:
        return [name for name, _ in self.told if name != "on_note"]


def lines(run: Path, name: str = names.METRICS) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / name).read_text().splitlines()]
