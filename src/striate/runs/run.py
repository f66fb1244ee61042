"""A run directory opened for use: by evaluate, predict, export, and by training to go on."""

from __future__ import annotations

import shlex
import stat
from contextlib import suppress
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any

from striate.data.preprocessing import Preprocessing
from striate.errors import NetworkError, RunError, parameter
from striate.hub.names import GIVEN, LONGEST, parse, refuse_code
from striate.recipes.recipe import Recipe
from striate.runs.config import RunConfig
from striate.runs.layout import CONFIG, EVALUATION, METRICS, TIMING, WEIGHTS, is_run_folder
from striate.runs.records import Epoch, EpochTiming, read_json, read_jsonl
from striate.support.paths import mode_of, resolved
from striate.support.shown import Readable
from striate.support.text import printable

if TYPE_CHECKING:
    from torch import nn

    from striate.runs.networks import OwnCode
    from striate.runs.predictions import Predictions
    from striate.runs.stamp import Stamp
    from striate.runs.summary.summary import RunSummary
    from striate.runs.targets import ScaledTarget


class Run(Readable):
    """One run directory.

    Attributes:
        path: the resolved folder.
        config: what was decided before the first step.
        allow_code: whether its network may be Python code that it names.
        given: the module that its network was trained as, where Python was given one.
    """

    def __init__(
        self,
        path: Path,
        config: RunConfig,
        *,
        allow_code: bool = False,
        given: nn.Module | None = None,
    ) -> None:
        self.path = path
        self.config = config
        self.allow_code = allow_code
        self.given = given

    def summary(self) -> str:
        """What `striate show` prints."""
        return self._summarised().summary()

    def _repr_html_(self) -> str:
        """The same, in a notebook."""
        return self._summarised()._repr_html_()

    def _summarised(self) -> RunSummary:
        from striate.runs.summary.summary import summarise

        return summarise(self.path)

    @classmethod
    def open(
        cls, path: str | PathLike[str], *, allow_code: bool = False, net: nn.Module | None = None
    ) -> Run:
        """Open the run at `path`; nothing in it is run unless `allow_code` says so.

        A run that is open already is given back as it is.

        Args:
            path: its folder.
            allow_code: let it run the Python code that it names as its network.
            net: a module of the class and the sizes that its network was trained as, where Python
                was given one then. It is copied, and gets the run's weights.

        Raises:
            RunError: there is no such folder, or it is not a run, or its ``run.toml`` is damaged.
            NetworkError: it names Python code as its network, which is not allowed; or `net` is not
                what it was trained as.
        """
        if isinstance(path, Run):
            return path
        path = fspath(path)
        folder = resolved(path, kind=RunError)
        mode = mode_of(folder, kind=RunError)
        if mode is None:
            way_on = _made_of(path) or _nearby(folder)
            raise RunError(str(folder), "there is no such run", way_on)
        if not stat.S_ISDIR(mode):
            raise RunError(
                str(folder), "is a file, not a run's folder", f"did you mean {folder.parent}?"
            )
        if not is_run_folder(folder):
            raise RunError(
                str(folder), f"is not a run: it holds no {CONFIG}", _nearby(folder / CONFIG)
            )
        config = RunConfig.read(folder / CONFIG)
        run = cls(folder, config, allow_code=allow_code, given=net)
        for named in (config.network, *([config.transfer.spec] if config.transfer else [])):
            if net is None and not allow_code:
                refuse_code(named, str(folder / CONFIG))
            elif net is not None and not run.has_members:  # which get it
                _check_given(named, net, str(folder / CONFIG))
        return run

    def decided(self, config: RunConfig) -> Run:
        """The same run with other decisions."""
        return Run(self.path, config, allow_code=self.allow_code, given=self.given)

    def __fspath__(self) -> str:
        """Its folder, so that it is taken for the path of a run."""
        return str(self.path)

    def inside(self, folder: str | Path) -> Run:
        """The run at `folder`, one of its members, that may run what this one may.

        Raises:
            StriateError: as `open`.
        """
        try:
            return Run.open(folder, allow_code=self.allow_code)
        except NetworkError:
            if self.given is None:
                raise
        return Run.open(folder, net=self.given)

    @property
    def own_code(self) -> OwnCode:
        """What may make its network, where that is a person's own."""
        from striate.runs.networks import OwnCode

        return OwnCode(folder=self.path, allowed=self.allow_code, given=self.given)

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in the order of the network's outputs; none of a run of numbers."""
        return self.config.classes

    @property
    def targets(self) -> tuple[ScaledTarget, ...]:
        """The numbers that it answers with, in the order of the outputs; none of a classifier."""
        return self.config.targets

    @property
    def answers_numbers(self) -> bool:
        """Whether its network gives numbers rather than classes."""
        return bool(self.config.targets)

    @property
    def preprocessing(self) -> Preprocessing:
        """What turns an image into the network's input."""
        return self.config.preprocessing

    @property
    def stamp(self) -> Stamp:
        """What its weights are known by; those of an ensemble, by its own digest.

        Raises:
            RunError: they are missing or damaged.
        """
        from striate.runs.stamp import Stamp, read_stamp

        if self.has_members:  # whose weights are named in its configuration
            own = self.config.identity
            return Stamp(identity=own, epoch=0, digest=own)
        return read_stamp(self.path / WEIGHTS)

    @property
    def weights_epoch(self) -> int:
        """The epoch, counted from 1, after which the kept weights were taken; 0 of an ensemble."""
        return self.stamp.epoch

    @property
    def has_members(self) -> bool:
        """Whether it is an ensemble; see `striate.runs.ensemble`."""
        return self.config.network == "ensemble"

    @property
    def temperature(self) -> float:
        """What its logits are divided by before the softmax: 1, unless it was calibrated.

        Raises:
            RunError: what its calibration kept is damaged.
        """
        from striate.runs.calibration import read_calibration

        found = read_calibration(self)
        return 1.0 if found is None else found.temperature

    def network(self) -> nn.Module:
        """The network with the run's best weights, in evaluation mode, on the CPU.

        It gives logits, which are divided by `temperature` for probabilities; or, of a run of
        numbers, standardised values: see `striate.runs.targets.ScaledTarget`.

        Raises:
            RunError: the weights are missing, damaged, altered, or those of another run.
            NetworkError: it is built on a library's network, and the library is not installed.
        """
        if self.has_members:
            from striate.runs.ensemble import network_of

            return network_of(self)
        from striate.runs.networks import network_with
        from striate.runs.weights import read_weights

        weights, stamp = read_weights(self.path / WEIGHTS)
        if stamp.identity != self.config.identity:
            raise RunError(
                str(self.path / WEIGHTS),
                f"does not belong to the {CONFIG} beside it: one of them was altered or replaced",
                "restore both from one copy of the run",
            )
        try:
            network = network_with(self.config, weights, self.own_code)
        except RuntimeError as error:
            # Our own networks keep their weights' names; another library's may not.
            raise RunError(
                str(self.path / WEIGHTS),
                f"does not fit {self.config.network} as it is made here",
                "give a module like the one that it was trained as"
                if self.given is not None
                else "install the library's version that the run was made with (see its run.toml)",
            ) from error
        return network.eval()

    @property
    def metrics(self) -> list[dict[str, Any]]:
        """One entry an epoch, in order; the first may describe the untrained network (epoch 0).

        Raises:
            RunError: the file cannot be read, or is not one that a training wrote.
        """
        return read_jsonl(self.path / METRICS, Epoch)

    @property
    def timing(self) -> list[dict[str, Any]]:
        """Seconds and images a second of each epoch; apart, since the metrics repeat exactly."""
        return read_jsonl(self.path / TIMING, EpochTiming)

    @property
    def epochs_done(self) -> int:
        """How many epochs it has been trained for."""
        return max((line["epoch"] for line in self.metrics), default=0)

    @property
    def is_finished(self) -> bool:
        """Whether its training has ended: after all epochs, by early stopping or by a callback."""
        done = self.epochs_done
        if done >= self.config.epochs or any(line.get("stopped") for line in self.metrics):
            return True
        recipe = self.config.recipe
        patience = recipe.early_stopping.patience if isinstance(recipe, Recipe) else 0
        return 0 < patience <= done - (self.weights_epoch if done else 0)

    @property
    def notes(self) -> tuple[str, ...]:
        """What whoever uses the network should know: that it was not trained to the end, if so."""
        # Whoever needs the files themselves is told what is wrong with them.
        with suppress(RunError):
            if not self.is_finished:
                way_on = f"striate train {shlex.quote(str(self.path))} --resume"
                if parse(self.config.network).source in ("file", "module"):
                    way_on += " --allow-code"
                done = f"{self.epochs_done:,} of {self.config.epochs:,} epochs"
                return (f"the run was trained for {done} so far; to go on: {way_on}",)
        return ()

    @property
    def evaluation(self) -> dict[str, Any] | None:
        """What the last evaluation on the run's own held-out images found, if there was one."""
        return read_json(self.path / EVALUATION)

    def predictions(self, *, calibrated: bool = True) -> Predictions | None:
        """What its network gave for each of its held-out images, when it was last evaluated.

        Args:
            calibrated: with the probabilities as the run is calibrated; otherwise the network's
                own.

        Returns:
            Names, labels and probabilities; None for a run from before they were kept.

        Raises:
            RunError: they cannot be read, are damaged, or are those of another run.
        """
        from striate.runs.predictions import read_predictions

        found = read_predictions(self)
        return found.at(self.temperature) if found is not None and calibrated else found


def _check_given(named: str, net: nn.Module, where: str) -> None:
    """Refuse a module where the run in `where` was not trained as one, or as one of another class.

    Raises:
        NetworkError: that is so.
    """
    from striate.hub.subject import name_of

    if parse(named).source != GIVEN:
        raise NetworkError(
            parameter("net"),
            f"is a module, and the network of {where} is {printable(named[:LONGEST])}",
            "leave it out",
        )
    if (own := name_of(net)) != named:
        raise NetworkError(
            parameter("net"),
            f"is a {own.partition(':')[2]}, and the run was trained as a "
            f"{printable(named.partition(':')[2][:LONGEST])}",
            "give a module of that class",
        )


def _made_of(text: str) -> str:
    """How to make a run of the network that `text` names, if it comes with its weights."""
    spec = parse(text)
    if spec.is_code or not (spec.library.trained and spec.library.has(spec.name)):
        return ""
    return f"make one of this network: striate create-run {spec.name} --out {spec.name}"


def _nearby(path: Path) -> str:
    """Names runs beside `path`, since most such errors are a mistyped name."""
    folder = path.parent
    beside = [p.parent.name for p in folder.glob(f"*/{CONFIG}")] if folder.is_dir() else []
    if not beside:
        return "train one with `striate train DATA --net NAME --out DIR`"
    return f"runs in {folder}: {', '.join(sorted(beside)[:6])}"
