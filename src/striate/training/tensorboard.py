"""TensorBoard's event files, for those who ask for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from striate.errors import StriateError, parameter


class Board:
    """Writes each epoch's figures to ``RUN/tensorboard``.

    Args:
        path: the run's folder.
        done: lines of ``metrics.jsonl`` that it holds from before; 0 for a new run.
    """

    def __init__(self, path: Path, *, done: int) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise StriateError(
                parameter("tensorboard"),
                "TensorBoard is not installed",
                "pip install 'striate[tensorboard]'",
            ) from error
        # A killed run may have written less than the checkpoint it goes on from, or more: what is
        # there is shown no more, and `begin` writes it anew.
        purge = 0 if done else None
        self.writer = SummaryWriter(str(path / "tensorboard"), purge_step=purge)

    def begin(self, history: list[dict[str, Any]], timing: list[dict[str, Any]]) -> None:
        """Write the epochs that were done before: the lines of both files."""
        trained = [entry for entry in history if "train" in entry]
        for entry, spent in zip(trained, timing, strict=True):
            self.write(entry, spent)

    def write(self, entry: dict[str, Any], timing: dict[str, Any]) -> None:
        """Add one epoch: the entry of ``metrics.jsonl`` and that of ``timing.jsonl``."""
        epoch = entry["epoch"]
        figures = {f"train/{k}": v for k, v in entry["train"].items() if k != "auxiliary"}
        figures |= {
            f"train/auxiliary{number}": loss
            for number, loss in enumerate(entry["train"]["auxiliary"], start=1)
        }
        figures |= {f"validation/{k}": v for k, v in entry["validation"].items()}
        figures |= {f"gradient/{k}": v["gradient"] for k, v in entry["health"].items()}
        figures |= {f"activation/{k}": v["activation"] for k, v in entry["health"].items()}
        figures["learning_rate"] = entry["learning_rate"]
        figures["images_per_second"] = timing["images_per_second"]
        for name, value in figures.items():
            self.writer.add_scalar(name, value, epoch)
        self.writer.flush()
