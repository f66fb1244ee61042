"""What the service counts, in Prometheus's terms, and the same figures as Triton's statistics."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from time import time_ns
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)
from prometheus_client.exposition import choose_encoder

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_PICTURES = (1, 2, 4, 8, 16, 32, 64)
_NANO = 1_000_000_000


class Metrics:
    """The service's metrics, in a registry of their own.

    Attributes:
        requests: answered, by model, and by their HTTP status.
        refused: by the reason.
        seconds: that a request took, by model, from its head to its answer.
        waiting: pictures in the service at the moment.
        connections: that are open.
        models: 1 for each model and version that is served, with its engine.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self.requests = Counter(
            "striate_requests",
            "Requests answered",
            ("model", "status"),
            registry=self.registry,
        )
        self.refused = Counter(
            "striate_rejected", "Requests refused", ("reason",), registry=self.registry
        )
        self.seconds = self._histogram("striate_request_seconds", "From a request to its answer")
        self.waiting = Gauge(
            "striate_waiting_pictures", "Pictures in the service", registry=self.registry
        )
        self.connections = Gauge(
            "striate_connections", "Connections that are open", registry=self.registry
        )
        self.models = Gauge(
            "striate_model",
            "Models that are served",
            ("model", "version", "engine"),
            registry=self.registry,
        )
        self._pictures = Counter(
            "striate_pictures",
            "Pictures, by what became of them",
            ("model", "outcome"),
            registry=self.registry,
        )
        self._read = self._histogram("striate_read_seconds", "Reading and fitting of a picture")
        self._queued = self._histogram("striate_queue_seconds", "A picture's wait for the engine")
        self._computed = self._histogram("striate_compute_seconds", "A batch in the engine")
        self._batch = Histogram(
            "striate_batch_pictures",
            "Pictures computed together",
            ("model",),
            buckets=_PICTURES,
            registry=self.registry,
        )

    def _histogram(self, name: str, text: str) -> Histogram:
        return Histogram(name, text, ("model",), buckets=_SECONDS, registry=self.registry)

    def of(self, model: str) -> Counts:
        """The counts of the model of that name."""
        return Counts(
            success=self._pictures.labels(model, "answered"),
            failed=self._pictures.labels(model, "unreadable"),
            dropped=self._pictures.labels(model, "dropped"),
            read=self._read.labels(model),
            queued=self._queued.labels(model),
            computed=self._computed.labels(model),
            batch=self._batch.labels(model),
        )

    def shown(self, accept: str) -> tuple[bytes, str]:
        """All metrics as Prometheus reads them, and their media type."""
        encode, kind = choose_encoder(accept)
        return encode(self.registry), kind


@dataclass
class _Sum:
    """How often, and how long together."""

    count: int = 0
    seconds: float = 0.0

    def add(self, seconds: float, count: int = 1) -> None:
        self.count += count
        self.seconds += seconds

    def to_json(self) -> dict[str, int]:
        return {"count": self.count, "ns": int(self.seconds * _NANO)}


@dataclass(kw_only=True)
class Counts:
    """What one model's pipeline counts, from any thread."""

    success: Counter
    failed: Counter
    dropped: Counter
    read: Histogram
    queued: Histogram
    computed: Histogram
    batch: Histogram
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _sums: dict[str, _Sum] = field(default_factory=dict)
    _batches: dict[int, _Sum] = field(default_factory=dict)
    _last: int = 0

    def picture_read(self, seconds: float) -> None:
        """A picture has been read and fitted."""
        self.read.observe(seconds)
        with self._lock:
            self._sum("compute_input").add(seconds)

    def batch_computed(self, size: int, seconds: float, queued: float) -> None:
        """A batch has been computed, whose pictures have waited for it `queued` s on average."""
        self.batch.observe(size)
        self.computed.observe(seconds)
        self.queued.observe(queued)
        with self._lock:
            self._sum("compute_infer").add(seconds, size)
            self._sum("queue").add(queued * size, size)
            self._batches.setdefault(size, _Sum()).add(seconds)

    def picture_done(self, outcome: str, seconds: float) -> None:
        """A picture is ``answered``, ``unreadable`` or ``dropped``, that long after it came in."""
        if outcome == "answered":
            self.success.inc()
        elif outcome == "unreadable":
            self.failed.inc()
        else:
            self.dropped.inc()
            return
        with self._lock:
            self._sum("success" if outcome == "answered" else "fail").add(seconds)
            self._last = time_ns() // 1_000_000

    def _sum(self, name: str) -> _Sum:
        return self._sums.setdefault(name, _Sum())

    def statistics(self, name: str, version: str) -> dict[str, Any]:
        """Triton's ``model_stats`` of the model."""
        nothing = _Sum().to_json()
        with self._lock:
            names = ("success", "fail", "queue", "compute_input", "compute_infer")
            return {
                "name": name,
                "version": version,
                "last_inference": self._last,
                "inference_count": self._sum("success").count,
                "execution_count": sum(each.count for each in self._batches.values()),
                "inference_stats": {
                    **{each: self._sum(each).to_json() for each in names},
                    "compute_output": nothing,
                },
                "batch_stats": [
                    {
                        "batch_size": size,
                        "compute_input": nothing,
                        "compute_infer": found.to_json(),
                        "compute_output": nothing,
                    }
                    for size, found in sorted(self._batches.items())
                ],
            }
