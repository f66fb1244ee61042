"""A run of MLflow beside each training, on a server or in a local store."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from striate.errors import Interrupted, StriateError
from striate.runs import layout as names
from striate.support import settings
from striate.support.files import sha256
from striate.support.packages import need
from striate.training.callbacks.base import EpochEnd, RunEnd, TrainBegin
from striate.training.callbacks.figures import figures_of, settings_of_run
from striate.training.callbacks.tracker import Tracker, without_passwords

#: A server that is away is not waited for: a training would stand still for minutes.
_ENVIRONMENT = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
}
_SECONDS = 5.0
#: What a store takes at once, and of one value.
_AT_ONCE, _LONGEST = 100, 500
#: Of the run's files, what is kept in MLflow as well.
_KEPT = (names.CONFIG, names.METRICS, names.EVALUATION, names.REPORT, names.WEIGHTS)


class MLflow(Tracker):
    """Keeps settings, the figures of each epoch, and the run's files in MLflow.

    Args:
        experiment: its name; by default what ``MLFLOW_EXPERIMENT_NAME`` says, or ``striate``.
        uri: of the server or store; by default what ``MLFLOW_TRACKING_URI`` says, or MLflow's own
            default.
    """

    name, title = "mlflow", "MLflow"

    def __init__(self, experiment: str | None = None, uri: str | None = None) -> None:
        super().__init__()
        self.experiment = experiment or os.environ.get("MLFLOW_EXPERIMENT_NAME") or "striate"
        self.uri = uri
        self._client: Any = None
        self._id = ""

    def begin(self, training: TrainBegin, known_as: str) -> str:
        """Make a run with the settings, or go on with the one that there is."""
        with _patiently():
            mlflow = need("mlflow", purpose="write to MLflow", extra="mlflow")
            uri = self.uri or mlflow.get_tracking_uri()
            # Where the run was begun is known again, and cannot be read from the run.
            store = sha256(without_passwords(uri).encode())[:16]
            self._id, _, before = known_as.partition(".")
            if known_as and store != before and not self.asked_for:
                raise StriateError(
                    "its run was begun in another store than the one that is set now",
                    "nothing is written",
                    "set MLFLOW_TRACKING_URI, or ask for mlflow to begin another run here",
                )
            _reach(uri)
            self._client = mlflow.MlflowClient(tracking_uri=uri)
            if store != before or not self._goes_on(mlflow):
                self._begin_new(mlflow, training)
        return f"{self._id}.{store}"

    def _goes_on(self, mlflow: Any) -> bool:
        """Whether there is the run that was begun, which then goes on."""
        try:
            self._client.get_run(self._id)
            self._client.update_run(self._id, status="RUNNING")
        except mlflow.MlflowException:  # it was deleted
            return False
        return True

    def _begin_new(self, mlflow: Any, training: TrainBegin) -> None:
        found = self._client.get_experiment_by_name(self.experiment)
        experiment = self._client.create_experiment(self.experiment) if found is None else None
        made = self._client.create_run(
            experiment or found.experiment_id, run_name=training.run.name
        )
        self._id = made.info.run_id
        params = [
            mlflow.entities.Param(key, str(value)[:_LONGEST])
            for key, value in settings_of_run(training.run).items()
        ]
        for first in range(0, len(params), _AT_ONCE):
            self._client.log_batch(self._id, params=params[first : first + _AT_ONCE])

    def write(self, epoch: EpochEnd) -> None:
        """Write one epoch, whose number is the step."""
        self._write_figures(figures_of(epoch), epoch.epoch)

    def _write_figures(self, figures: Mapping[str, float], step: int) -> None:
        with _patiently():
            from mlflow.entities import Metric

            now = int(1000 * time.time())
            metrics = [Metric(key, float(each), now, step) for key, each in figures.items()]
            for first in range(0, len(metrics), _AT_ONCE):
                self._client.log_batch(self._id, metrics=metrics[first : first + _AT_ONCE])

    def cut_short(self, error: BaseException) -> None:
        """Say in MLflow that it was."""
        stopped = isinstance(error, (Interrupted, KeyboardInterrupt))
        with _patiently():
            self._client.set_terminated(self._id, "KILLED" if stopped else "FAILED")

    def finish(self, end: RunEnd) -> None:
        """Keep the evaluation and the files of the run."""
        self._write_figures({f"evaluation/{k}": v for k, v in end.figures.items()}, self._last)
        with _patiently():
            for name in _KEPT:
                if (end.run / name).is_file():
                    self._client.log_artifact(self._id, str(end.run / name))
            self._client.set_terminated(self._id, "FINISHED")


@contextmanager
def _patiently() -> Iterator[None]:
    """Wait for a server as long as a training can, unless the person has said how long."""
    with settings.environment(_ENVIRONMENT):
        yield


def _reach(uri: str) -> None:
    """See to it that there is somebody at `uri`, before its client tries for minutes.

    Raises:
        StriateError: there is not.
    """
    parts = urlsplit(uri)
    if parts.scheme not in ("http", "https") or parts.hostname is None:
        return
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.create_connection((parts.hostname, port), _SECONDS).close()
    except OSError as error:
        # Without what stands before the host, which may be a password.
        raise StriateError(f"{parts.hostname}:{port}", f"cannot be reached ({error})") from error
