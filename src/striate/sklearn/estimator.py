"""What classifiers and regressors have in common: images to a run, and the run kept with them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Self, TypeVar, dataclass_transform

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_consistent_length, check_is_fitted, validate_data

from striate.api.opening import open_predictor
from striate.api.training import train_one
from striate.api.transfer_learning import transfer_one
from striate.data.finding.idx import ArrayPart
from striate.data.finding.inputs import item_of
from striate.data.finding.named import MEMORY, FilePart, NamedSet, in_memory
from striate.data.targets import Target
from striate.errors import DataError, RunError, StriateError, parameter
from striate.hub.names import parse
from striate.runs import layout as names
from striate.runs.claim import claim
from striate.sklearn.pictures import Pictures, Shape, are_files, name_of, one_by_one, pictures_of
from striate.support.files import write_atomically
from striate.support.options import Doc, doc_of, documented
from striate.support.paths import resolved
from striate.training.options import TrainOptions
from striate.transfer_learning.options import TransferOptions

E = TypeVar("E", bound=type)
#: What each of the two ways to learn has for itself, and its value where nobody has chosen one.
_TRAINED = {"recipe": None, "size": None}
_TRANSFERRED = {"backbone": None, "weights": None, "head": None, "views": 1, "freeze": "all"}


class EstimatorError(StriateError, ValueError):
    """A `StriateError` that scikit-learn knows as one of its own, and passes between processes."""

    def __reduce__(self) -> tuple[Any, ...]:
        return EstimatorError, (self.what, self.why, self.remedy)


@contextmanager
def known_to_sklearn() -> Iterator[None]:
    """Raise what a person can mend as a ValueError too, which scikit-learn's tools expect."""
    try:
        yield
    except EstimatorError:
        raise
    except StriateError as error:
        what, remedy = error.what, error.remedy
        if what == MEMORY:
            what = "X"
            remedy = "give more images" if "folder" in remedy else remedy
        raise EstimatorError(what, error.why, remedy) from error


@dataclass_transform(kw_only_default=True)
def estimator(kind: E) -> E:
    """Make an estimator of a class with annotated fields, which are its parameters."""
    made: Any = dataclass(repr=False, eq=False, kw_only=True)(kind)
    made.__doc__ = documented(made)
    return made  # type: ignore[no-any-return]


@estimator
class ImageEstimator(BaseEstimator):  # type: ignore[misc]
    """A network that learns from images, as scikit-learn has estimators.

    Attributes:
        run_: the folder of the run that was made, with which `striate.export`, `striate.predict`
            and all else work as long as the estimator exists; `save` keeps it.
    """

    net: Annotated[
        str | None,
        Doc(
            "A network of `list_networks`, which is trained from its first weights; None for a "
            "head on what `backbone` sees, which takes seconds."
        ),
    ] = None
    recipe: Annotated[str | Path | None, doc_of(TrainOptions, "recipe")] = None
    size: Annotated[int | None, doc_of(TrainOptions, "size")] = None
    backbone: Annotated[str | Path | None, doc_of(TransferOptions, "backbone")] = None
    weights: Annotated[str | Path | None, doc_of(TransferOptions, "weights")] = None
    head: Annotated[str | None, doc_of(TransferOptions, "head")] = None
    views: Annotated[int, doc_of(TransferOptions, "views")] = 1
    freeze: Annotated[str | int, doc_of(TransferOptions, "freeze")] = "all"
    epochs: Annotated[
        int | None, Doc("Of training, instead of the recipe's; not for a head alone.")
    ] = None
    batch_size: Annotated[
        int | None, Doc("Of training, instead of the recipe's; not for a head alone.")
    ] = None
    val_fraction: Annotated[
        float,
        Doc(
            "Share of the images that is held out, by content: they choose the best epoch, give "
            "the run its figures and its intervals, and nothing is fitted to them."
        ),
    ] = 0.2
    seed: Annotated[int, Doc("Decides all that is random.")] = 0
    skip_bad: Annotated[
        bool, Doc("Learn without the files that cannot be read, instead of stopping at them.")
    ] = False
    device: Annotated[str, Doc("Where to train: ``auto``, ``cpu``, ``cuda`` ….")] = "auto"
    workers: Annotated[int | None, doc_of(TrainOptions, "workers")] = None
    shape: Annotated[
        Shape | None,
        Doc(
            "Of images that are the rows of a table (images, pixels): (height, width), or (height, "
            "width, channels)."
        ),
    ] = None
    report: Annotated[bool, Doc("Write the run's report as well.")] = False
    progress: Annotated[bool, doc_of(TrainOptions, "progress")] = False

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = self.shape is not None
        tags.input_tags.three_d_array = True
        tags.input_tags.string = True
        return tags

    # --- what the two answer themselves --------------------------------------------------------

    def _options(self) -> dict[str, Any]:
        """Options of training or of transfer that are for one kind of answers."""
        raise NotImplementedError

    def _named(self, pictures: Pictures, y: Any) -> NamedSet:
        """The images with what they are to be answered with."""
        raise NotImplementedError

    # --- learning ------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any) -> Self:  # noqa: N803 - scikit-learn's name
        """Learn from images X and what they are to be answered with, y.

        Args:
            X: an array (n, H, W) or (n, H, W, 1, 3 or 4), a tensor (n, 1, 3 or 4, H, W), or a list
                of files, Pillow images, arrays and tensors. Whole numbers go from 0 to 255, others
                from 0 to 1.
            y: (n,), the class or the number of each image; of several numbers (n, numbers).

        Returns:
            The estimator itself.

        Raises:
            ValueError: images, answers or parameters are at fault.
        """
        with known_to_sklearn():
            self._check()
            pictures = self._pictures(X, fitting=True)
            named = self._named(pictures, y)
            folder = TemporaryDirectory(prefix="striate-")
            with in_memory(named) as data:
                self._learn(data, Path(folder.name) / "run", named.targets)
            self._keep(folder)
        return self

    def _check(self) -> None:
        """Refuse parameters of the way to learn that was not chosen, and networks of one's own."""
        trained = self.net is not None
        if trained and (not isinstance(self.net, str) or parse(self.net).is_code):
            raise StriateError(
                parameter("net"),
                "is a network of one's own, which an estimator does not keep",
                "train it by `striate.train`",
            )
        for name, usual in (_TRANSFERRED if trained else _TRAINED).items():
            given = getattr(self, name)
            if given != usual:
                raise StriateError(
                    parameter(name, given),
                    f"is of {'a head on a backbone' if trained else 'a network that is trained'}",
                    f"leave {parameter('net')} out" if trained else f"give {parameter('net')}",
                )

    def _learn(self, data: str, out: Path, targets: tuple[Target, ...]) -> None:
        """Make a run in `out` of the images that `data` names."""
        given: dict[str, Any] = {
            name: getattr(self, name)
            for name in ("epochs", "batch_size", "val_fraction", "seed", "skip_bad", "workers")
        }
        given["progress"] = self.progress
        given |= self._options()
        if targets:
            given["target"] = [each.name for each in targets]
            given["unit"] = [each.unit for each in targets]
        if self.net is not None:
            own = {name: getattr(self, name) for name in ("net", *_TRAINED, "device")}
            train_one(TrainOptions(data, out=out, **given, **own), report=self.report)
        else:
            own = {name: getattr(self, name) for name in _TRANSFERRED}
            options = TransferOptions(data, out=out, export=False, **given, **own)
            transfer_one(options, report=self.report)

    def _pictures(self, X: Any, *, fitting: bool) -> Pictures:  # noqa: N803
        """The images that X holds; of an array it is noted how many numbers an image has."""
        found = pictures_of(X, self.shape)
        if not isinstance(found, np.ndarray):
            if fitting:
                self.__dict__.pop("n_features_in_", None)
            return found
        features = int(np.prod(found.shape[1:]))
        if fitting:
            self.n_features_in_ = features
        elif self.shape is not None and features != getattr(self, "n_features_in_", features):
            raise StriateError("X", f"has {features:,} numbers an image, not the fitted ones'")
        return found

    def _part(self, pictures: Pictures, labels: NDArray[np.int64]) -> ArrayPart | FilePart:
        """The images as the data set that is learnt from."""
        check_consistent_length(pictures, labels)
        if len(labels) < 2:
            raise DataError("X", "holds 1 sample, of which nothing can be learnt", "give several")
        if are_files(pictures):
            files = [resolved(str(each), kind=StriateError) for each in one_by_one(pictures)]
            return FilePart(files, labels)
        if isinstance(pictures, np.ndarray) and pictures.shape[-1] != 4:
            return ArrayPart(pictures, labels)
        decoded = []
        for number, each in enumerate(one_by_one(pictures)):
            with item_of(each, name_of(number, each)).opened(3) as image:
                decoded.append(np.array(image))
        return ArrayPart(decoded, labels)

    def _validated(self, y: Any, **checks: Any) -> Any:
        """What was given for y, as scikit-learn checks it."""
        return validate_data(self, X="no_validation", y=y, **checks)

    # --- the run -------------------------------------------------------------------------------

    def _keep(self, folder: TemporaryDirectory[str]) -> None:
        """Have the run in `folder`, which ends with the estimator, and open it."""
        before, self._folder = getattr(self, "_folder", None), folder
        self.run_ = Path(folder.name) / "run"
        self._predictor = open_predictor(self.run_, device=self.device)
        if before is not None:
            before.cleanup()

    def save(self, folder: str | Path) -> Path:
        """Keep the run in a new `folder`, which all of Striate opens; its path.

        Raises:
            ValueError: the folder is not empty, or cannot be written.
        """
        check_is_fitted(self)
        with known_to_sklearn(), claim(resolved(folder, kind=RunError)) as held:
            files = _files_of(self.run_)
            # Last: what holds a run.toml is a run.
            for name in sorted(files, key=lambda each: each == names.CONFIG):
                write_atomically(held.path / name, files[name])
            held.begun()
        return held.path

    def _numbers(self, X: Any) -> NDArray[np.float32]:  # noqa: N803
        """What the network gives for images, (n, outputs)."""
        check_is_fitted(self)
        with known_to_sklearn():
            pictures = self._pictures(X, fitting=False)
            found: NDArray[np.float32] = self._predictor.numbers(
                one_by_one(pictures), workers=self.workers
            )
        return found

    def __getstate__(self) -> dict[str, Any]:
        """All there is to it, the files of its run included."""
        state = dict(super().__getstate__())
        if "run_" in state:
            state["_files"] = _files_of(state["run_"])
        for name in ("_folder", "_predictor", "run_"):
            state.pop(name, None)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        files = state.pop("_files", None)
        super().__setstate__(state)
        if files is not None:
            folder = TemporaryDirectory(prefix="striate-")
            run = Path(folder.name) / "run"
            run.mkdir()
            for name, content in files.items():
                (run / Path(name).name).write_bytes(content)
            self._keep(folder)


def _files_of(run: Path) -> dict[str, bytes]:
    """The files of a run, but for those to resume it from."""
    return {
        each.name: each.read_bytes()
        for each in sorted(run.iterdir())
        if each.is_file() and each.name in _KEPT
    }


#: Of a run that nobody can resume, since its images are a program's.
_KEPT = frozenset(names.FILES) - {names.STATE} | {names.CONFORMAL, names.CALIBRATION}
