"""Which way of explaining is taken for a classifier."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

from striate.engines.heat_maps import HEAT_MAP, laid_in
from striate.errors import ExportError, NetworkError, StriateError, nearest, parameter
from striate.inference.ensemble import EnsembleClassifier
from striate.inference.explaining.ensemble import EnsembleMaps, MapsPart, member_gradients
from striate.inference.explaining.explainer import ExportedMaps, Method
from striate.inference.explaining.occlusion import OcclusionMaps, Square
from striate.inference.parts import open_parts

if TYPE_CHECKING:
    from striate.data.preprocessing import Preprocessing
    from striate.engines.session import Session
    from striate.inference.classifier import Classifier
    from striate.inference.explaining.explainer import Explainer


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


def explainer_of(classifier: Classifier, wanted: Wanted = Wanted()) -> Explainer:
    """What explains the predictions of `classifier`; close it before that.

    By ``auto``, which an occlusion's `window` or `stride` makes occlusion: a file's own heat maps;
    CAM or Grad-CAM of a network in PyTorch; and occlusion of what has neither.

    Raises:
        StriateError: it cannot be explained in the way that is wanted.
    """
    wanted.check()
    if not classifier.views.is_plain:
        raise StriateError(
            "a heat map",
            "is of networks that see an image once",
            f"leave {parameter('crops')} and {parameter('scales')} out",
        )
    covers = wanted.window is not None or wanted.stride is not None
    if wanted.method == "occlusion" or (wanted.method == "auto" and covers):
        return _occlusion(classifier, wanted)
    try:
        found = _by_gradients(classifier)
    except NetworkError as error:
        if wanted.method == "auto":
            return _occlusion(classifier, wanted)
        remedy = f"take {wanted.parameter('method', 'occlusion')}"
        raise NetworkError(error.what, error.why, remedy) from error
    if found is None:
        if wanted.method == "auto":
            return _occlusion(classifier, wanted)
        raise _no_gradients(classifier, wanted)
    if wanted.method == "cam" and found.method != "cam":
        found.close()
        raise NetworkError(
            wanted.parameter("method", "cam"),
            "is of networks that end in an average over the positions and one dense layer",
            f"take {wanted.parameter('method', 'grad-cam')}",
        )
    return found


def _by_gradients(classifier: Classifier) -> Explainer | None:
    """CAM or Grad-CAM; None where there are no gradients to be had."""
    if classifier.file is not None:
        if not classifier.has_heat_maps:
            return None
        about = json.loads(classifier.file.metadata[HEAT_MAP])
        method = "cam" if about.get("method") == "cam" else "grad-cam"
        height, width = about["grid"]
        laid = laid_in(classifier.file.metadata)
        return ExportedMaps(
            classifier.heat_maps(),
            method,
            classifier.preprocessing,
            (height, width),
            laid,
            fits=classifier.fits,
        )
    if isinstance(classifier, EnsembleClassifier):
        return member_gradients(classifier)
    from striate.engines.probabilities import Probabilities
    from striate.engines.pytorch import PyTorchSession
    from striate.inference.explaining.gradients import GradientMaps

    session = classifier.session
    if not isinstance(session, PyTorchSession) or not isinstance(session.network, Probabilities):
        return None
    network = session.network
    return GradientMaps(
        network.network,
        classifier.preprocessing,
        session.device,
        temperature=network.temperature,
    )


def _no_gradients(classifier: Classifier, wanted: Wanted) -> StriateError:
    remedy = f"take {wanted.parameter('method', 'occlusion')}"
    if classifier.file is not None:
        remedy += f", or export its run with {parameter('cam')}"
        return ExportError(str(classifier.file.path), "has no heat maps", remedy)
    what = wanted.parameter("method", wanted.method)
    return StriateError(what, f"needs gradients, which {classifier.session.name} has not", remedy)


def _occlusion(classifier: Classifier, wanted: Wanted) -> Explainer:
    if not classifier.fits:
        assert classifier.file is not None
        if classifier.file.parts:
            opened = open_parts(classifier.file.again())
            return _occlusion_of_several(opened, wanted, owned=True)
        raise ExportError(
            str(classifier.file.path),
            "brings images to the network's size within, in no place where they could be covered",
            "export its run again",
        )
    if isinstance(classifier, EnsembleClassifier):
        return _occlusion_of_several(classifier, wanted)
    return _occlusion_of_one(classifier.session, classifier.preprocessing, wanted)


def _occlusion_of_several(
    classifier: EnsembleClassifier, wanted: Wanted, *, owned: bool = False
) -> Explainer:
    parts = [
        MapsPart(_occlusion_of_one(each.session, each.preprocessing, wanted), share)
        for each, share in zip(classifier.predictors, classifier.shares, strict=True)
    ]
    return EnsembleMaps(parts, owned=[classifier] if owned else [])


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
