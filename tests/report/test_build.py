"""The page as a file: whole, self-contained, escaped, and the same for the same run."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from striate.recipes.recipe import Recipe
from striate.report.build import render
from striate.report.inputs import ReportInputs
from striate.runs.origins import Provenance

Make = Callable[..., ReportInputs]


class Page(HTMLParser):
    """What a browser would see: elements, attributes, text, and the raw text of scripts."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.raw: dict[str, list[str]] = {"script": [], "style": []}
        self._inside = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag in self.raw:
            self._inside = tag
            self.raw[tag].append("")

    def handle_endtag(self, tag: str) -> None:
        if tag == self._inside:
            self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.raw[self._inside][-1] += data
        else:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def test_the_page_names_its_figures(make_inputs: Make) -> None:
    inputs = make_inputs()
    text = Page(render(inputs)).text
    right = round(inputs.evaluation.top1 * 60)
    assert f"{100 * right / 60:.1f} %" in text
    assert f"{right} of 60 images were classified correctly" in text
    assert "majority baseline" in text
    assert "always predicting" in text
    assert "those of epoch 3, chosen because they did best on these very images" in text
    assert "resnet20 on animals" in text
    for heading in (
        "Learning",
        "Confusion",
        "Most confident mistakes",
        "Classes",
        "Calibration",
        "Gradients",
    ):
        assert heading in text


def test_every_section_is_among_the_links_at_the_top(make_inputs: Make) -> None:
    page = render(make_inputs())
    top = page[page.index("<nav") : page.index("</nav>")]
    links = re.findall(r'<a href="#([a-z]+)">', top)
    assert links == re.findall(r'<section id="([a-z]+)"', page)
    assert "thresholds" in links


def test_images_that_chose_nothing_are_called_so(make_inputs: Make) -> None:
    inputs = make_inputs(part="test", held_out="val")
    text = Page(render(inputs)).text
    assert "These images were used neither for training nor for that choice" in text
    assert "these very images" not in text
    assert "on 60 test images" in text


def test_nothing_is_asked_of_the_network(make_inputs: Make, hostile: tuple[str, ...]) -> None:
    for tag, attributes in Page(render(make_inputs(hostile))).tags:
        for key in ("src", "href", "srcset", "data", "action", "poster"):
            address = attributes.get(key)
            assert not address or address.startswith(("data:", "#")), (tag, address)
    assert "@import" not in render(make_inputs())
    assert "url(" not in render(make_inputs())


def test_the_policy_allows_our_own_script_and_style_alone(make_inputs: Make) -> None:
    page = Page(render(make_inputs()))
    policy = next(a["content"] for t, a in page.tags if t == "meta" and "http-equiv" in a)
    assert policy is not None
    for kind, text in (("style", page.raw["style"][0]), ("script", page.raw["script"][-1])):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    for tag, attributes in page.tags:
        assert "style" not in attributes, f"<{tag}> has a style that the policy forbids"
        assert not [key for key in attributes if key.startswith("on")]


def test_names_are_text_wherever_they_stand(make_inputs: Make, hostile: tuple[str, ...]) -> None:
    inputs = make_inputs(
        hostile,
        data_origin="/photos/<img src=x onerror=alert(1)>",
        provenance=Provenance(command="striate train '<script>alert(2)</script>'"),
        skipped=[("<i>bad</i>.jpg", "is <b>cut</b> short")],
        metrics=[{"epoch": 0, "health": {"</svg><b>": {"gradient": 0.1, "activation": 1.0}}}],
    )
    page = Page(render(inputs))
    plain = Page(render(make_inputs([f"c{i}" for i in range(4)], metrics=inputs.metrics)))
    rare = ("script", "i", "img", "b")
    counts = [[tag for tag, _ in p.tags].count(tag) for p in (page, plain) for tag in rare[:1]]
    assert counts[0] == counts[1] == 3
    assert not [a for t, a in page.tags if t == "img" and a.get("src") == "x"]
    for name in hostile:
        assert " ".join(name.split()) in page.text
    assert "<i>bad</i>.jpg: is <b>cut</b> short" in page.text
    cells = json.loads(page.raw["script"][1])
    assert cells["classes"] == list(hostile)
    assert json.loads(page.raw["script"][0])["gradient-time"]["rows"] == ["1. </svg><b>"]


def test_the_same_run_gives_the_same_bytes(make_inputs: Make) -> None:
    assert render(make_inputs()) == render(make_inputs())


def test_times_stand_in_the_last_section_alone(make_inputs: Make) -> None:
    inputs = make_inputs()
    later = replace(
        inputs,
        timing=[{"epoch": 1, "seconds": 61.0, "images_per_second": 48.5}],
        provenance=Provenance(
            started="2031-01-01",
            command="striate train elsewhere",
            workers=7,
            versions={"torch": "9.9"},
        ),
    )
    section = re.compile(r'<section id="environment">.*?</section>', re.DOTALL)
    one, other = render(inputs), render(later)
    assert one != other
    assert section.sub("", one) == section.sub("", other)
    text = Page(other).text
    for shown in ("48.5 images/s", "2031-01-01", "torch 9.9", "striate train elsewhere"):
        assert shown in text


@pytest.mark.parametrize("count", [2, 10, 1000])
def test_any_number_of_classes_fits(make_inputs: Make, count: int) -> None:
    inputs = make_inputs([f"class {i}" for i in range(count)], images=max(300, count))
    html = render(inputs)
    page = Page(html)
    assert len(html) < 7_000_000
    rows = html.split('id="per-class"')[1].split("</table>")[0].count("<tr>")
    assert rows == count + 1
    cells = [a for t, a in page.tags if t == "button" and "cell" in (a.get("class") or "").split()]
    assert 0 < len(cells) <= 900
    known = json.loads(page.raw["script"][1])["cells"]
    for tag, attributes in page.tags:
        if "data-cell" in attributes:
            assert attributes["data-cell"] in known, tag


def test_a_class_without_images_has_no_figures(make_inputs: Make) -> None:
    inputs = make_inputs(("cat", "dog", "owl", "yeti"), images=3)
    assert "–" in render(inputs)
    assert "class has no validation image" in render(inputs) or "classes have no" in render(inputs)


def test_without_mistakes_health_or_epochs_the_page_still_stands(make_inputs: Make) -> None:
    from striate.evaluation.metrics import measure

    labels = np.array([0, 1, 2] * 4)
    shares = np.eye(3, dtype=np.float32)[labels]
    base = make_inputs(images=12)
    images = replace(base.images, labels=labels)  # type: ignore[type-var]
    evaluation = measure(shares, labels, ("cat", "dog", "owl"))
    inputs = replace(
        base, images=images, evaluation=evaluation, probabilities=shares, metrics=[], check=None
    )
    text = Page(render(inputs)).text
    assert "100.0 %" in text
    assert "every image was classified correctly" in text
    assert "Gradients" not in text


def test_a_run_writes_its_report(tmp_path: Path) -> None:
    import torch

    from striate.data.images import ImageSet
    from striate.data.preprocessing import Preprocessing
    from striate.data.sources import Data
    from striate.evaluation.metrics import measure
    from striate.report.build import write_report
    from striate.runs.config import RunConfig
    from striate.runs.layout import CONFIG, METRICS, WEIGHTS
    from striate.runs.origins import DataOrigin
    from striate.runs.run import Run
    from striate.runs.weights import write_weights

    labels = np.array([0, 1, 1, 0])
    images = ImageSet(
        classes=("no", "yes"),
        labels=labels,
        names=[f"val[{i}]" for i in range(4)],
        digests=["x"] * 4,
        sizes=np.full((4, 2), 28, np.int32),
        grey=np.ones(4, bool),
        pixels=np.zeros((4, 28, 28, 1), np.uint8),
    )
    data = Data(
        origin="digits",
        classes=images.classes,
        train=images,
        val=images,
        test=None,
        fingerprint="f",
    )
    origin: dict[str, Any] = {"train_images": 4, "val_images": 4, "test_images": 0}
    config = RunConfig(
        network="lenet",
        classes=images.classes,
        in_channels=1,
        preprocessing=Preprocessing(
            resize=32, height=32, width=32, channels=1, mean=(0.5,), std=(0.5,)
        ),
        recipe=Recipe(name="modern"),
        data=DataOrigin(
            origin="digits", fingerprint="f", val_fraction=0.2, held_out="split", **origin
        ),
        seed=0,
        precision="float32",
        device="cpu",
        threads=1,
    )
    config.write(tmp_path / CONFIG)
    line = {
        "epoch": 1,
        "step": 1,
        "health": {},
        "train": {"loss": 1.0, "main": 1.0, "auxiliary": [], "top1": 0.5},
        "validation": {"loss": 1.0, "top1": 0.5, "top5": 1.0},
    }
    (tmp_path / METRICS).write_text(json.dumps(line))
    write_weights(tmp_path / WEIGHTS, {"w": torch.zeros(2)}, identity=config.identity, epoch=7)
    shares = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.7, 0.3]], np.float32)
    path = write_report(Run.open(tmp_path), data, measure(shares, labels, images.classes), shares)
    assert path == tmp_path / "report.html"
    text = Page(path.read_text(encoding="utf-8")).text
    assert "lenet on digits" in text
    assert "those of epoch 7" in text
    assert "75.0 %" in text
