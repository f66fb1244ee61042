"""The models that are served, and how one takes the place of another without losing a request."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from striate.errors import StriateError, nearest
from striate.inference.exported import open_file
from striate.serving.examples import Example
from striate.serving.kinds import Kind, kind_of
from striate.serving.limits import Limits
from striate.serving.metrics import Counts, Metrics
from striate.serving.offers import Offer
from striate.serving.pipeline import Pipeline
from striate.serving.refusals import Refused, sentence_of, unknown

if TYPE_CHECKING:
    from striate.inference.classifier import Classifier
    from striate.inference.regressor import Regressor


@dataclass(eq=False, kw_only=True)
class Model:
    """One model as it is served.

    Attributes:
        name: in addresses.
        version: how often it has been loaded, as the protocol writes it.
        pipeline: which computes.
        counts: what it counts, of all its versions.
        users: requests that are using it.
    """

    name: str
    version: str
    pipeline: Pipeline
    counts: Counts
    users: int = 0
    idle: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def predictor(self) -> Classifier | Regressor:
        """What computes, with its classes or its targets."""
        return self.pipeline.predictor

    @property
    def kind(self) -> Kind:
        """How its answers are told."""
        return kind_of(self.predictor)

    @property
    def engine(self) -> str:
        """The engine and its precision."""
        return self.predictor.session.name


class Models:
    """All models of a service.

    Args:
        offers: what is served.
        examples_of: pictures to try of a run, or of a file without one.
        engine: as `Classifier.of_file` takes it.
        reduced_decoding: as there.
        limits: of pictures.
        metrics: of the service.
        readers: whose threads read pictures.
    """

    def __init__(
        self,
        offers: Sequence[Offer],
        *,
        examples_of: Callable[[Path | None], Sequence[Example]],
        engine: str,
        reduced_decoding: bool = False,
        limits: Limits,
        metrics: Metrics,
        readers: Executor,
    ) -> None:
        self._offers = {each.name: each for each in offers}
        self._examples_of = examples_of
        self.examples: dict[str, Sequence[Example]] = {}
        self._engine, self._limits = engine, limits
        self._reduced = reduced_decoding
        self._metrics, self._readers = metrics, readers
        self._served: dict[str, Model] = {}
        self._loads = dict.fromkeys(self._offers, 0)
        self._counts = {name: metrics.of(name) for name in self._offers}
        self._one_at_a_time = {name: asyncio.Lock() for name in self._offers}
        self._leaving: set[asyncio.Task[None]] = set()

    @property
    def names(self) -> list[str]:
        """Of all models, served at the moment or not, in the order in which they were named."""
        return list(self._offers)

    @property
    def served(self) -> list[Model]:
        """Those that can be used at the moment."""
        return list(self._served.values())

    def open_all(self) -> None:
        """Load every model.

        Raises:
            StriateError: a file cannot be opened or computed.
        """
        for name, offer in self._offers.items():
            self._put(self._opened(offer))
            self.examples[name] = self._examples_of(offer.run)

    def get(self, name: str, version: str | None = None) -> Model:
        """The model of that name, if it is served in that version.

        Raises:
            Refused: it is not.
        """
        model = self._served.get(name)
        if name not in self._offers:
            raise unknown(f"no model is called '{name}'; {nearest(name, self._offers)}")
        if model is None:
            raise unknown(f"the model '{name}' is not loaded at the moment")
        if version is not None and version != model.version:
            raise unknown(
                f"the model '{name}' is served in version {model.version}, not in {version}"
            )
        return model

    @contextmanager
    def using(self, name: str, version: str | None = None) -> Iterator[Model]:
        """`get`, for the time of a block, until whose end the model stays as it is."""
        model = self.get(name, version)
        model.users += 1
        try:
            yield model
        finally:
            model.users -= 1
            if not model.users:
                model.idle.set()

    async def load(self, name: str) -> Model:
        """Read the model's file again and serve what is in it from then on.

        Of a run that was trained since, that is a new export. Whoever is being answered is answered
        by what was there before.

        Raises:
            Refused: there is no such model, or its file cannot be opened: what was served before
                is served further.
        """
        async with self._lock(name):
            try:
                offer = await asyncio.to_thread(self._offers[name].again)
                fresh = await asyncio.to_thread(self._opened, offer)
                examples = await asyncio.to_thread(self._examples_of, offer.run)
            except StriateError as error:
                raise Refused(400, sentence_of(error), "load") from error
            self._offers[name], self.examples[name] = offer, examples
            self._leave(self._served.get(name))
            self._put(fresh)
            return fresh

    async def unload(self, name: str) -> None:
        """Serve the model no more, until it is loaded again; as `load` otherwise."""
        async with self._lock(name):
            self._leave(self._served.pop(name, None))

    def _lock(self, name: str) -> asyncio.Lock:
        if name not in self._offers:
            raise unknown(f"no model is called '{name}'; {nearest(name, self._offers)}")
        return self._one_at_a_time[name]

    def _opened(self, offer: Offer) -> Model:
        name = offer.name
        predictor = open_file(offer.file, engine=self._engine, reduced_decoding=self._reduced)
        self._loads[name] += 1
        pipeline = Pipeline(
            predictor,
            self._readers,
            most_pixels=self._limits.pixels,
            counts=self._counts[name],
        )
        return Model(
            name=name,
            version=str(self._loads[name]),
            pipeline=pipeline,
            counts=self._counts[name],
        )

    def _put(self, model: Model) -> None:
        self._served[model.name] = model
        self._metrics.models.labels(model.name, model.version, model.engine).set(1)

    def _leave(self, model: Model | None) -> None:
        """Close `model` once the requests that use it are answered."""
        if model is None:
            return
        self._metrics.models.remove(model.name, model.version, model.engine)
        task = asyncio.ensure_future(_close_when_idle(model))
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    async def close(self) -> None:
        """Close every model; whoever uses one is waited for."""
        for name in list(self._served):
            self._leave(self._served.pop(name))
        await asyncio.gather(*self._leaving)


async def _close_when_idle(model: Model) -> None:
    while model.users:
        model.idle.clear()
        await model.idle.wait()
    await asyncio.to_thread(model.pipeline.close)
