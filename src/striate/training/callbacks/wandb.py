"""A run of Weights & Biases beside each training, on its server or offline in the run's folder."""

from __future__ import annotations

import netrc
import os
import re
from typing import Any
from urllib.parse import urlsplit

from striate.errors import Interrupted
from striate.runs import layout as names
from striate.support.packages import need
from striate.training.callbacks.base import EpochEnd, RunEnd, TrainBegin
from striate.training.callbacks.figures import figures_of, settings_of_run
from striate.training.callbacks.tracker import Tracker

#: Seconds until a server that does not answer is given up.
_SECONDS = 30.0
#: Of the run's files, what is kept there as well.
_KEPT = (names.CONFIG, names.METRICS, names.EVALUATION, names.REPORT, names.WEIGHTS)


class WandB(Tracker):
    """Keeps settings, the figures of each epoch, and the run's files in Weights & Biases.

    Args:
        project: its name; by default what ``WANDB_PROJECT`` says, or ``striate``.
        mode: ``online`` or ``offline``; by default what ``WANDB_MODE`` says, and offline where
            nobody has signed in. What is offline lies in ``RUN/wandb`` until ``wandb sync``.
    """

    name, title = "wandb", "Weights & Biases"

    def __init__(self, project: str | None = None, mode: str | None = None) -> None:
        super().__init__()
        self.project = project or os.environ.get("WANDB_PROJECT") or "striate"
        self.mode = mode or os.environ.get("WANDB_MODE") or None
        self._module: Any = None
        self._open: Any = None

    def begin(self, training: TrainBegin, known_as: str) -> str:
        """Make a run with the settings, or go on with the one that there is."""
        wandb = self._module = need("wandb", purpose="write to Weights & Biases", extra="wandb")
        mode = self.mode
        if mode is None and not _signed_in():
            mode = "offline"
            self.tell(
                "nobody has signed in to Weights & Biases: what is written lies in "
                f"{training.run / 'wandb'}, and `wandb sync` sends it"
            )
        self._open = wandb.init(
            project=self.project,
            name=training.run.name,
            id=known_as or None,
            resume="allow" if known_as else None,
            dir=str(training.run),
            mode=mode,
            config=settings_of_run(training.run),
            reinit="create_new",
            settings=wandb.Settings(
                silent=True, console="off", disable_git=True, init_timeout=_SECONDS
            ),
        )
        self._open.define_metric("*", step_metric="epoch")
        return str(self._open.id)

    def write(self, epoch: EpochEnd) -> None:
        """Write one epoch."""
        self._open.log({**figures_of(epoch), "epoch": epoch.epoch})

    def cut_short(self, error: BaseException) -> None:
        """Close it, as failed."""
        stopped = isinstance(error, (Interrupted, KeyboardInterrupt))
        self._open.finish(exit_code=130 if stopped else 1)

    def finish(self, end: RunEnd) -> None:
        """Keep the evaluation and the files of the run, and close it."""
        for name, value in end.figures.items():
            self._open.summary[f"evaluation/{name}"] = value
        plain = re.sub(r"[^\w.-]+", "-", end.run.name, flags=re.ASCII)
        artifact = self._module.Artifact(f"{plain}-{self._open.id}", type="run")
        for name in _KEPT:
            if (end.run / name).is_file():
                artifact.add_file(str(end.run / name))
        self._open.log_artifact(artifact)
        self._open.finish(exit_code=0)


def _signed_in() -> bool:
    """Whether there is a key, where Weights & Biases looks for one; it would ask for it if not."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    host = urlsplit(os.environ.get("WANDB_BASE_URL") or "https://api.wandb.ai").hostname
    try:
        return netrc.netrc().authenticators(host or "") is not None
    except (OSError, netrc.NetrcParseError):
        return False
