"""``view``: what a run's page and any network's page hold, before a browser opens it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import striate
from striate.errors import NetworkError
from striate.hub.resolve import Resolved
from striate.runs.calibration import keep_calibration


def known(page: Path) -> dict[str, Any]:
    """What the page knows of its first network."""
    text = page.read_text("utf-8")
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert found
    networks: list[dict[str, Any]] = json.loads(found[1])["networks"]
    return networks[0]


@pytest.fixture(scope="module")
def transferred(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A run whose network has a variant, and one transferred from it with a head of its own."""
    folder = tmp_path_factory.mktemp("runs")
    first = striate.create_run(
        "resnet20", folder / "first", classes=3, variant={"attention": "se"}, seed=1
    ).path
    data = folder / "data"
    rng = np.random.default_rng(0)
    for number, name in enumerate(("a", "b")):
        (data / name).mkdir(parents=True)
        for each in range(8):
            pixels = rng.integers(0, 120 + 60 * number, (40, 36, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(data / name / f"{each}.png")
    second = striate.transfer(
        data, backbone=first, head="svm-rbf", out=folder / "second", export=False, engine="torch"
    ).run
    return Path(first), Path(second)


@pytest.mark.slow
def test_every_command_shows_the_network_that_a_transferred_run_has(
    transferred: tuple[Path, Path],
) -> None:
    _, run = transferred
    network = striate.open_run(run).network()
    count = sum(value.numel() for value in network.parameters())
    assert striate.table(run).totals.parameters == count
    assert any("attention" in row.name for row in striate.table(run).rows)
    explained = striate.explain(run, "head")
    assert "RBFSVMHead" in explained.kind
    member = striate.compare([run]).members[0]
    assert member.table.totals.parameters == count
    assert any(part.name.startswith("head") for part in member.stages)


@pytest.mark.slow
def test_a_transferred_run_s_page_shows_what_it_sees_and_answers(
    transferred: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, run = transferred
    picture = run.parent / "data" / "b" / "3.png"
    page = known(striate.view(run, tmp_path / "page.html", image=picture))
    assert page["thumbs"], "feature maps of the backbone"
    assert page["picture"]["name"] == "3.png"
    predicted = striate.predict(run, picture)[0]
    assert [each["name"] for each in page["answers"]] == list(predicted.classes)
    shares = [each["share"] for each in page["answers"]]
    np.testing.assert_allclose(shares, predicted.probabilities, atol=1e-5)
    assert any(op["n"].startswith("head.") for op in page["ops"])
    keep_calibration(striate.open_run(run), 3.0, 20, elsewhere=False)
    calibrated = striate.predict(run, picture)[0].probabilities
    page = known(striate.view(run, tmp_path / "page.html", image=picture))
    striate.calibrate(run, off=True)
    np.testing.assert_allclose([e["share"] for e in page["answers"]], calibrated, atol=1e-5)
    assert calibrated[0] < predicted.probabilities[0]
    monkeypatch.chdir(tmp_path)
    assert striate.view(run).name == "resnet20-of-second.html"


@pytest.mark.slow
def test_a_run_looks_at_one_of_its_own_images(
    transferred: tuple[Path, Path], tmp_path: Path
) -> None:
    first, run = transferred
    page = known(striate.view(run, tmp_path / "page.html"))
    assert page["picture"]["name"] == "one of the run's own images"
    assert len(page["answers"]) == 2
    (run / "samples.safetensors").rename(run / "elsewhere")
    try:
        assert (
            "drawn for this page"
            in known(striate.view(run, tmp_path / "b.html"))["picture"]["name"]
        )
    finally:
        (run / "elsewhere").rename(run / "samples.safetensors")
    assert len(known(striate.view(first, tmp_path / "c.html"))["answers"]) == 3


class Line(nn.Sequential):
    input_size = (1, 800)

    def __init__(self) -> None:
        super().__init__(nn.Conv1d(1, 8, 80, stride=4), nn.ReLU(), nn.Conv1d(8, 16, 3))


class Volume(nn.Sequential):
    input_size = (1, 8, 32, 32)

    def __init__(self) -> None:
        super().__init__(nn.Conv3d(1, 4, 3), nn.ReLU())


class Vector(nn.Sequential):
    input_size = (20,)

    def __init__(self) -> None:
        super().__init__(nn.Linear(20, 5), nn.ReLU(), nn.Linear(5, 2))


@pytest.mark.parametrize(
    ("network", "space", "size"),
    [(Line(), "line", [1, 800]), (Volume(), "volume", [32, 32]), (Vector(), "none", [1, 20])],
)
def test_what_takes_no_picture_is_shown_none(
    tmp_path: Path, network: nn.Module, space: str, size: list[int]
) -> None:
    path = striate.view(network, tmp_path / "page.html")
    page = known(path)
    assert (page["picture"], page["space"], page["thumbs"]) == (None, space, {})
    if space != "none":
        assert page["size"] == size
    text = path.read_text("utf-8")
    assert "takes no single picture" in text
    assert "hills under a low sun" not in text.partition("<script>")[0]
    with pytest.raises(NetworkError, match=r"takes no picture; leave it out"):
        striate.view(network, tmp_path / "b.html", image=tmp_path / "x.png")


def test_a_line_is_counted_in_samples(tmp_path: Path) -> None:
    text = striate.view(Line(), tmp_path / "page.html").read_text("utf-8")
    assert "of 800 samples" in text
    last = known(tmp_path / "page.html")["ops"][-1]
    assert last["z"] == [1, 88]  # 80 + 2·4 samples


@pytest.mark.parametrize("size", [40_000, (20, 20_000)])
def test_a_page_has_a_largest_size(tmp_path: Path, size: Any) -> None:
    with pytest.raises(NetworkError, match=r"up to 16,384 pixels a side; give a smaller one"):
        striate.view("resnet18", tmp_path / "page.html", size=size)
    assert list(tmp_path.iterdir()) == []


def test_a_large_size_costs_a_small_picture(tmp_path: Path) -> None:
    path = striate.view("resnet18", tmp_path / "page.html", size=(16_000, 8_000))
    picture = known(path)["picture"]
    assert (picture["width"], picture["height"]) == (8_000, 16_000)
    assert path.stat().st_size < 2_000_000


def test_a_network_is_not_run_where_it_would_take_all_memory(tmp_path: Path) -> None:
    with pytest.raises(
        NetworkError, match=r"feature maps of Sequential would take .*GB; give a sm"
    ):
        striate.view(nn.Sequential(nn.Conv2d(3, 64, 3)), tmp_path / "page.html", size=9_000)


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("folder.html", "is a folder; name a file in it"),
        ("absent/page.html", "cannot be written there"),
        ("loop/page.html", "loop"),
        ("x" * 300 + ".html", "too long"),
        ("net.py", "is no name for a page; give net.html"),
    ],
)
def test_an_output_that_cannot_be_is_known_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: str, message: str
) -> None:
    (tmp_path / "folder.html").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    monkeypatch.setattr(Resolved, "record", lambda *_, **__: pytest.fail("it worked"))
    with pytest.raises(NetworkError, match=message):
        striate.view("lenet", tmp_path / output)


def test_untrained_networks_give_no_answer(tmp_path: Path) -> None:
    assert known(striate.view("lenet", tmp_path / "page.html"))["answers"] is None
    torch.manual_seed(0)
    page = known(striate.view(nn.Sequential(nn.Conv2d(3, 4, 3)), tmp_path / "b.html", size=40))
    assert page["answers"] is None
    assert page["thumbs"]
