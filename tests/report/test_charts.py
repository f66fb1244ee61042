from __future__ import annotations

import base64
import io
import math
import xml.etree.ElementTree as ET

import numpy as np
from PIL import Image

from striate.report.charts import BOTTOM, LEFT, RIGHT, TOP, Axes, Series, heat_map, line_chart
from striate.support.words import figure


def axes(count: int, **more: object) -> Axes:
    xs = range(1, count + 1)
    return Axes(label="x", x=xs, x_names=[f"epoch {x}" for x in xs], x_title="epoch", **more)  # type: ignore[arg-type]


def test_ends_of_the_data_lie_at_the_ends_of_the_axes() -> None:
    chart = line_chart([Series(name="a", style="val", values=[0.0, 5.0, 10.0])], axes(3))
    assert chart.hover["x"] == [LEFT, (LEFT + RIGHT) / 2, RIGHT]
    assert chart.hover["rows"][0]["y"] == [BOTTOM, (BOTTOM + TOP) / 2, TOP]
    assert chart.hover["rows"][0]["text"] == [figure(v) for v in (0.0, 5.0, 10.0)]
    ET.fromstring(chart.svg)


def test_gaps_and_numbers_that_are_not_finite_interrupt() -> None:
    values = [1.0, math.nan, None, math.inf, 2.0, 3.0]
    chart = line_chart([Series(name="a", style="val", values=values)], axes(6))
    row = chart.hover["rows"][0]
    assert [y is None for y in row["y"]] == [False, True, True, True, False, False]
    assert row["text"][1] == "–"
    tree = ET.fromstring(chart.svg)
    assert len(tree.findall(".//circle")) == 1, "the point that stands alone is dotted"


def test_one_epoch_and_no_value_at_all_can_be_drawn() -> None:
    ET.fromstring(line_chart([Series(name="a", style="val", values=[0.0])], axes(1, low=0.0)).svg)
    for log in (False, True):
        empty = line_chart([Series(name="a", style="val", values=[None])], axes(1, log=log))
        ET.fromstring(empty.svg)
        assert empty.hover["rows"] == []


def test_log_axes_end_at_powers_of_ten() -> None:
    chart = line_chart([Series(name="a", style="val", values=[0.02, 5.0])], axes(2, log=True))
    shown = [text.text for text in ET.fromstring(chart.svg).findall(".//text")]
    assert shown[:4] == ["0.01", "0.1", "1", "10"]


def test_names_are_escaped() -> None:
    given = axes(2, level=1.0, level_name="<b>")
    chart = line_chart([Series(name="</svg>", style="val", values=[1.0, 2.0])], given)
    assert "<b>" not in chart.svg
    assert "</svg>" not in chart.svg[:-6]


def test_heat_map_is_a_pixel_a_cell_coloured_by_the_logarithm() -> None:
    values = np.array([[1e-6, 1e-3, 1.0], [0.0, np.nan, 1.0]])
    chart = heat_map(values, ["1. a", "2. b"], ["start", "1", "2"], "sizes")
    source = next(e for e in ET.fromstring(chart.svg).iter("image")).attrib["href"]
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(source.split(",")[1]))))
    assert pixels.shape == (2, 3, 4)
    brightness = pixels[..., :3].sum(-1).astype(int)
    assert brightness[0, 0] < brightness[0, 1] < brightness[0, 2] == brightness[1, 2]
    assert pixels[1, :, 3].tolist() == [0, 0, 255], "what is not known is left empty"
    assert chart.hover["values"] == [
        ["10⁻⁶", "0.0010", "1.0"],
        ["0", None, "1.0"],
    ]
    assert [words for _, words in chart.legend] == [figure(1e-6, 2), figure(1.0, 2)]
