"""Occlusion is captum's, and keeps batches full."""

from __future__ import annotations

from collections.abc import Generator, Iterable

import numpy as np
import pytest
import torch
from torch import nn

from striate.data.preprocessing import Preprocessing
from striate.engines.probabilities import Probabilities
from striate.engines.pytorch import PyTorchSession
from striate.engines.session import Answers, Pixels
from striate.inference.explaining.occlusion import OcclusionMaps, Square

FIT = Preprocessing(resize=14, height=12, width=14, mean=(0.2, 0.4, 0.6), std=(0.25,) * 3)


class Noted(PyTorchSession):
    """Notes the sizes of the batches that it is given."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__(network, FIT, batch_size=7)
        self.sizes: list[int] = []

    def run(self, batches: Iterable[Pixels]) -> Generator[Answers]:
        def noted() -> Generator[Pixels]:
            for batch in batches:
                self.sizes.append(len(batch))
                yield batch

        yield from super().run(noted())


@pytest.fixture
def session() -> Noted:
    torch.manual_seed(1)
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(3), nn.Flatten(), nn.Linear(36, 3)
    )
    return Noted(Probabilities(network))


def images(count: int) -> Pixels:
    return np.random.default_rng(0).integers(0, 256, (count, 12, 14, 3), dtype=np.uint8)


@pytest.mark.parametrize("square", [(4, 2), (5, 3), (12, 1)])
def test_captum_gives_the_same(session: Noted, square: tuple[int, int]) -> None:
    captum = pytest.importorskip("captum.attr")
    side, stride = square
    pixels, labels = images(2), [2, 0]
    maps = OcclusionMaps(session, FIT, Square(side=side, stride=stride))
    grey = FIT.normalise(torch.from_numpy(np.broadcast_to(maps.grey, (1, 12, 14, 3)).copy()))
    right = captum.Occlusion(session.network).attribute(
        FIT.normalise(torch.from_numpy(pixels)),
        sliding_window_shapes=(3, side, side),
        strides=(3, stride, stride),
        baselines=grey,
        target=torch.tensor(labels),
    )
    heat = maps.of(pixels, labels)
    assert heat.shape == (2, 12, 14)
    np.testing.assert_allclose(heat, right[:, 0].detach().numpy(), atol=2e-6)


def test_the_square_is_grey_to_the_network() -> None:
    maps = OcclusionMaps(Noted(nn.Identity()), FIT, Square(side=3, stride=1))
    assert maps.grey.tolist() == [51, 102, 153]
    pixels = torch.from_numpy(maps.grey[None, None, None].copy())
    assert FIT.normalise(pixels).abs().max() < 0.01


def test_batches_are_filled_across_images(session: Noted) -> None:
    told = []
    square = Square(side=4, stride=4)
    places = len(square.places(12, 14))
    OcclusionMaps(session, FIT, square).of(images(3), [0, 1, 2], lambda *done: told.append(done))
    number = 3 * (1 + places)
    assert sum(session.sizes) == number
    assert set(session.sizes[:-1]) == {7}
    assert told[-1] == (number, number)


def test_every_pixel_is_covered_at_the_usual_stride() -> None:
    for side in (7, 32, 128, 224):
        fit = Preprocessing(
            resize=side + 5, height=side, width=side + 5, mean=(0.5,) * 3, std=(0.5,) * 3
        )
        covered = np.zeros((side, side + 5), bool)
        for place in Square.of(fit, None, None).places(side, side + 5):
            covered[place] = True
        assert covered.all()
