"""A map is drawn where its positions look."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from striate.data.preprocessing import Preprocessing
from striate.engines.heat_maps import Laid
from striate.inference.explaining.gradients import GradientMaps
from striate.inference.heat_maps import drawn, drawn_fitted

GREY = np.full((64, 96, 3), 128, np.uint8)


def brightest(picture: object) -> tuple[float, float]:
    """The middle of what is brightest, as (row, column) of 1."""
    values = np.asarray(picture).astype(float).sum(2)
    values = np.maximum(values - np.median(values) - 60, 0)
    rows, columns = np.mgrid[0 : values.shape[0], 0 : values.shape[1]]
    row, column = (rows * values).sum() / values.sum(), (columns * values).sum() / values.sum()
    return (row + 0.5) / values.shape[0], (column + 0.5) / values.shape[1]


@pytest.mark.parametrize(
    ("laid", "row", "column"),
    [
        (None, 40 / 64, 72 / 96),  # the third of four rows, the fourth of six columns … evenly
        (((0.0, 16.0), (0.0, 16.0)), 32.5 / 64, 64.5 / 96),
        (((12.0, 12.0), (20.0, 12.0)), 36.5 / 64, 68.5 / 96),
    ],
)
def test_each_position_lies_where_it_looks(laid: Laid | None, row: float, column: float) -> None:
    heat = np.zeros((4, 6), np.float32)
    heat[2, 4] = 1
    found = brightest(drawn_fitted(GREY, heat, 384, laid))
    assert found == pytest.approx((row, column), abs=0.01)
    fit = Preprocessing(resize=64, height=64, width=64, mean=(0.5,) * 3, std=(0.5,) * 3)
    found = brightest(drawn(GREY[:, :64], heat[:, 2:], fit, laid))
    wanted = brightest(drawn_fitted(GREY[:, :64], heat[:, 2:], 256, laid))
    assert found == pytest.approx(wanted, abs=0.01)


def test_a_spot_is_found_where_it_is() -> None:
    """Of a network whose padding shifts its positions, by half a stride if they were stretched."""
    network = nn.Sequential(
        *(nn.Conv2d(3 if at == 0 else 1, 1, 3, stride=2, padding=1, bias=False) for at in range(3)),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(1, 2),
    )
    with torch.no_grad():
        for each in network.parameters():
            each.fill_(0.1)
    fit = Preprocessing(resize=96, height=64, width=96, mean=(0.5,) * 3, std=(0.5,) * 3)
    pixels = GREY.copy()
    pixels[30:35, 46:51] = 255
    maps = GradientMaps(network.eval(), fit, torch.device("cpu"))
    heat = maps.of(pixels[None], [0])[0]
    heat -= np.median(heat)
    row, column = brightest(drawn_fitted(GREY, heat, 384, maps.laid))
    assert (64 * row, 96 * column) == pytest.approx((32.5, 48.5), abs=1)
    stretched = brightest(drawn_fitted(GREY, heat, 384))
    assert 64 * stretched[0] > 34.5


def test_colours_of_a_class_are_no_numbers_colours() -> None:
    black = np.zeros((64, 64, 3), np.uint8)
    peak = np.zeros((8, 8), np.float32)
    peak[3:5, 3:5] = 1  # a cubic falls below 0 around it
    of_class = np.asarray(drawn_fitted(black, peak, 64)).astype(int)
    assert of_class[..., 1].max() == round(0.65 * 255)  # the lightest colour of "inferno"
    # What lowers a number is greener than red; in "inferno" that is only the lightest.
    assert ((of_class[..., 1] - of_class[..., 0]) <= 2).all()
    of_number = np.asarray(drawn_fitted(black, np.abs(peak), 64, signed=True)).astype(int)
    assert of_number[..., 1].max() == round(0.65 * 240)  # though nothing lowers it
