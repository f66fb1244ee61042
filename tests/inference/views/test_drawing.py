from __future__ import annotations

import numpy as np

from striate.data.preprocessing import Preprocessing
from striate.inference.views.drawing import COLOURS, drawn
from striate.inference.views.views import Views

FIT = Preprocessing(resize=256, height=224, width=224, mean=(0,) * 3, std=(1,) * 3)


def test_frames_lie_where_the_views_are() -> None:
    image = np.full((256, 384, 3), 200, np.uint8)
    picture = np.asarray(drawn(image, Views("center"), FIT, 384))
    assert picture.shape == (256, 384, 3)
    colour = [int(COLOURS[0][at : at + 2], 16) for at in (1, 3, 5)]
    assert picture[16, 80].tolist() == picture[239, 303].tolist() == colour  # (384 - 224) / 2
    assert picture[128, 192].tolist() == [200] * 3
    assert picture[128, 10].tolist() == [110] * 3  # which no view sees


def test_every_scale_has_a_picture() -> None:
    image = np.zeros((60, 90, 1), np.uint8)
    assert drawn(image, Views("144"), FIT, 90).size == (4 * 94 - 4, 60)
