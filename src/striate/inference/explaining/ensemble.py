"""Heat maps of ensembles whose members see different pixels: the mean of the members' maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from striate.data.preprocessing import Preprocessing
from striate.inference.explaining.explainer import Explainer, Heat, NetworkMaps
from striate.inference.explaining.over_pictures import cut, seen, spread

if TYPE_CHECKING:
    import torch

    from striate.engines.session import Pixels
    from striate.hub.ensemble import Ensemble
    from striate.inference.ensemble import EnsembleClassifier, EnsembleRegressor
    from striate.inference.explaining.gradients import GradientMaps
    from striate.inference.predictor import Predictor
    from striate.support.closing import Closable
    from striate.support.progress import Progress

LONGEST = 256
"""Cells of a map along the longer side of the picture; the map is square."""


@dataclass(frozen=True)
class MapsPart:
    """The maps of one member, or of several that see the same pixels.

    Attributes:
        maps: its own, at its own pre-processing.
        share: of it in the mean; those of all add up to 1.
        order: the number of its output for each class; None where it is the ensemble's.
    """

    maps: NetworkMaps
    share: float
    order: Sequence[int] | None = None


class EnsembleMaps(Explainer):
    """The mean of the members' maps, over the whole picture.

    Each is computed of the picture as the member sees it and laid over that part of the picture;
    elsewhere it is 0. Falls of a probability, and values, are averaged as they are. Scores of
    different networks have no unit in common, so that each map of those counts as parts of its
    largest number.

    Args:
        parts: the members' maps.
        owned: what is closed with this.
        of_scores: whether they are of scores, without a unit.
    """

    def __init__(
        self, parts: Sequence[MapsPart], owned: Sequence[Closable] = (), *, of_scores: bool = False
    ) -> None:
        methods = {each.maps.method for each in parts}
        # Of CAM and Grad-CAM together: the former is the latter, exact.
        method = methods.pop() if len(methods) == 1 else "grad-cam"
        super().__init__(method=method, layer=f"{len(parts)} networks")
        self._parts, self._owned, self._of_scores = tuple(parts), tuple(owned), of_scores

    def of_picture(self, picture: Pixels, label: int, progress: Progress | None = None) -> Heat:
        """The map of one picture; see `Explainer.of_picture`."""
        channels = self._parts[0].maps.preprocessing.channels
        # The whole picture in the middle of a square.
        over = Preprocessing(
            fit="pad",
            resize=LONGEST,
            height=LONGEST,
            width=LONGEST,
            channels=channels,
            mean=(0.0,) * channels,
            std=(1.0,) * channels,
        )
        shape = picture.shape[0], picture.shape[1]
        rows, columns = over.resized(*shape)
        top, left = (LONGEST - rows) // 2, (LONGEST - columns) // 2
        total = np.zeros((LONGEST, LONGEST))
        inner = total[top : top + rows, left : left + columns]
        ended = 0
        for number, part in enumerate(self._parts):
            of = 0

            def count(done: int, each: int, number: int = number, ended: int = ended) -> None:
                nonlocal of
                of = each
                if progress is not None:
                    progress(ended + done, ended + each * (len(self._parts) - number))

            own = label if part.order is None else part.order[label]
            heat = part.maps.of_picture(picture, own, count)
            inner += part.share * self._laid(heat, shape, (columns, rows))
            ended += of
        return Heat(total.astype(np.float32), over)

    def _laid(
        self, heat: Heat, picture: tuple[int, int], size: tuple[int, int]
    ) -> NDArray[np.float32]:
        """A member's map over a picture of (height, width), drawn to (width, height) `size`."""
        values, preprocessing, laid = heat
        if self._of_scores:
            most = np.abs(values).max(initial=0)
            values = values / most if most > 0 else values
        scale = size[0] / picture[1], size[1] / picture[0]
        box = seen(preprocessing, *picture)
        place = tuple(round(each * scale[number % 2]) for number, each in enumerate(box))
        part = cut(values, (preprocessing.height, preprocessing.width), laid)
        return spread(part, size, place)[0]

    def close(self) -> None:
        """Free what the members' maps hold."""
        for part in self._parts:
            part.maps.close()
        for each in self._owned:
            each.close()


def member_gradients(predictor: EnsembleClassifier | EnsembleRegressor) -> EnsembleMaps | None:
    """Grad-CAM of each member, or CAM where that is exact; None where PyTorch computes none.

    Raises:
        NetworkError: a member has no last feature map.
    """
    from striate.engines.pytorch import PyTorchSession
    from striate.hub.ensemble import ClassEnsemble, Ensemble

    parts = []
    of_scores = False
    groups: Sequence[Predictor[Any]] = predictor.predictors
    for group, share in zip(groups, predictor.shares, strict=True):
        session = group.session
        if not isinstance(session, PyTorchSession):
            return None
        ensemble = session.network.network
        assert isinstance(ensemble, Ensemble)
        of_scores = isinstance(ensemble, ClassEnsemble)
        for number in range(len(ensemble.members)):
            mean, std = ensemble.normalisations[number]
            own = replace(group.preprocessing, mean=tuple(mean), std=tuple(std))
            maps = _of_member(ensemble, number, own, session.device)
            parts.append(MapsPart(maps, share / len(ensemble.members), ensemble.orders[number]))
    return EnsembleMaps(parts, of_scores=of_scores)


def _of_member(
    ensemble: Ensemble, number: int, preprocessing: Preprocessing, device: torch.device
) -> GradientMaps:
    """The maps of a member's scores or values."""
    from striate.engines.values import Values
    from striate.hub.ensemble import ClassEnsemble, NumberEnsemble
    from striate.inference.explaining.gradients import GradientMaps

    network = ensemble.members[number]
    if isinstance(ensemble, ClassEnsemble):
        temperature = ensemble.temperatures[number]
        return GradientMaps(network, preprocessing, device, temperature=temperature)
    assert isinstance(ensemble, NumberEnsemble)
    return GradientMaps(Values(network, *ensemble.scales[number]), preprocessing, device)
