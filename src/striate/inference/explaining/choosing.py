"""Which way of explaining is taken for a classifier or a regressor."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

from striate.engines.heat_maps import HEAT_MAP, laid_in
from striate.errors import ExportError, NetworkError, StriateError, nearest, parameter
from striate.inference.classifier import Classifier
from striate.inference.ensemble import EnsembleClassifier, EnsembleRegressor
from striate.inference.explaining.ensemble import EnsembleMaps, MapsPart, member_gradients
from striate.inference.explaining.explainer import ExportedMaps, Method
from striate.inference.explaining.occlusion import OcclusionMaps, Square
from striate.inference.parts import open_number_parts, open_parts
from striate.support.paths import shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from striate.data.preprocessing import Preprocessing
    from striate.engines.session import Session
    from striate.inference.explaining.explainer import Explainer
    from striate.inference.predictor import Predictor
    from striate.inference.regressor import Regressor


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """How a person wants predictions explained.

    Attributes:
        method: a `Method`.
        window: side of the square that covers, in pixels of the network's input; None for the
            usual one.
        stride: pixels between places of the square; None for the usual.
        prefix: what the parameters' names begin with, for errors.
    """

    method: str = "auto"
    window: int | None = None
    stride: int | None = None
    prefix: str = ""

    def parameter(self, name: str, value: object = None) -> str:
        """The parameter `name` as errors name it."""
        return parameter(self.prefix + name, value)

    def check(self) -> None:
        """Refuse what no network could be explained by.

        Raises:
            StriateError: it names the parameter.
        """
        methods = get_args(Method)
        if self.method not in methods:
            what = self.parameter("method", self.method)
            raise StriateError(what, "there is no such method", nearest(self.method, methods))
        if self.method in ("grad-cam", "cam"):
            for name in ("window", "stride"):
                if getattr(self, name) is not None:
                    raise StriateError(
                        self.parameter(name, getattr(self, name)),
                        "is for occlusion",
                        f"take {self.parameter('method', 'occlusion')}",
                    )


def explainer_of(predictor: Classifier | Regressor, wanted: Wanted = Wanted()) -> Explainer:
    """What explains the predictions of `predictor`; close it before that.

    By ``auto``, which an occlusion's `window` or `stride` makes occlusion: a file's own heat maps;
    CAM or Grad-CAM of a network in PyTorch; and occlusion of what has neither.

    Raises:
        StriateError: it cannot be explained in the way that is wanted.
    """
    wanted.check()
    if not predictor.views.is_plain:
        raise StriateError(
            "a heat map",
            "is of networks that see an image once",
            f"leave {parameter('crops')} and {parameter('scales')} out",
        )
    covers = wanted.window is not None or wanted.stride is not None
    if wanted.method == "occlusion" or (wanted.method == "auto" and covers):
        return _occlusion(predictor, wanted)
    try:
        found = _by_gradients(predictor)
    except NetworkError as error:
        if wanted.method == "auto":
            return _occlusion(predictor, wanted)
        remedy = f"take {wanted.parameter('method', 'occlusion')}"
        raise NetworkError(error.what, error.why, remedy) from error
    if found is None:
        if wanted.method == "auto":
            return _occlusion(predictor, wanted)
        raise _no_gradients(predictor, wanted)
    if wanted.method == "cam" and found.method != "cam":
        found.close()
        raise NetworkError(
            wanted.parameter("method", "cam"),
            "is of networks that end in an average over the positions and one dense layer",
            f"take {wanted.parameter('method', 'grad-cam')}",
        )
    return found


def _by_gradients(predictor: Classifier | Regressor) -> Explainer | None:
    """CAM or Grad-CAM; None where there are no gradients to be had."""
    if predictor.file is not None:
        return _exported(predictor)
    if isinstance(predictor, EnsembleClassifier | EnsembleRegressor):
        return member_gradients(predictor)
    from striate.engines.probabilities import Probabilities
    from striate.engines.pytorch import PyTorchSession
    from striate.engines.values import Values
    from striate.inference.explaining.gradients import GradientMaps

    session = predictor.session
    if not isinstance(session, PyTorchSession):
        return None
    network, preprocessing = session.network, predictor.preprocessing
    if isinstance(network, Values):
        return GradientMaps(network, preprocessing, session.device)
    if not isinstance(network, Probabilities):
        return None
    return GradientMaps(
        network.network, preprocessing, session.device, temperature=network.temperature
    )


def _exported(predictor: Classifier | Regressor) -> Explainer | None:
    """The heat maps of a file that has them as an output; None for all others."""
    if not isinstance(predictor, Classifier) or not predictor.has_heat_maps:
        return None
    assert predictor.file is not None
    about = json.loads(predictor.file.metadata[HEAT_MAP])
    method = "cam" if about.get("method") == "cam" else "grad-cam"
    height, width = about["grid"]
    return ExportedMaps(
        predictor.heat_maps(),
        method,
        predictor.preprocessing,
        (height, width),
        laid_in(predictor.file.metadata),
        fits=predictor.fits,
    )


def _no_gradients(predictor: Classifier | Regressor, wanted: Wanted) -> StriateError:
    remedy = f"take {wanted.parameter('method', 'occlusion')}"
    if predictor.file is not None:
        if isinstance(predictor, Classifier):
            remedy += f", or export its run with {parameter('cam')}"
        return ExportError(shown(predictor.file.path), "has no heat maps", remedy)
    what = wanted.parameter("method", wanted.method)
    return StriateError(what, f"needs gradients, which {predictor.session.name} has not", remedy)


def _occlusion(predictor: Classifier | Regressor, wanted: Wanted) -> Explainer:
    if not predictor.fits:
        assert predictor.file is not None
        if predictor.file.parts:
            again = predictor.file.again()
            opened = open_number_parts(again) if again.targets else open_parts(again)
            return _occlusion_of_several(opened, wanted, owned=True)
        raise ExportError(
            shown(predictor.file.path),
            "brings images to the network's size within, in no place where they could be covered",
            "export its run again",
        )
    if isinstance(predictor, EnsembleClassifier | EnsembleRegressor):
        return _occlusion_of_several(predictor, wanted)
    return _occlusion_of_one(predictor.session, predictor.preprocessing, wanted)


def _occlusion_of_several(
    predictor: EnsembleClassifier | EnsembleRegressor, wanted: Wanted, *, owned: bool = False
) -> Explainer:
    groups: Sequence[Predictor[Any]] = predictor.predictors
    parts = [
        MapsPart(_occlusion_of_one(each.session, each.preprocessing, wanted), share)
        for each, share in zip(groups, predictor.shares, strict=True)
    ]
    return EnsembleMaps(parts, owned=[predictor] if owned else [])


def _occlusion_of_one(
    session: Session, preprocessing: Preprocessing, wanted: Wanted
) -> OcclusionMaps:
    square = Square.of(preprocessing, wanted.window, wanted.stride)
    most = min(preprocessing.height, preprocessing.width)
    for name, size, limit, why in (
        ("window", square.side, most, "is larger than what the network sees"),
        ("stride", square.stride, square.side, "leaves pixels that are never covered"),
    ):
        if size > limit:
            raise StriateError(wanted.parameter(name, size), why, f"give at most {limit}")
    return OcclusionMaps(session, preprocessing, square)
