"""A network's own choices are held against its constructor, from a command line and from Python."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import striate
from striate.errors import NetworkError
from striate.zoo.create import NETWORKS, canonical, choices, create
from striate.zoo.variants import RANGES, read
from striate.zoo.weightless import weightless


def test_every_default_is_a_value_that_is_taken() -> None:
    for name in NETWORKS:
        for key, default in choices(name).items():
            taken = canonical(name, {key: default})
            assert taken == ({} if default is None else {key: default}), (name, key)


def test_every_choice_that_is_a_number_has_its_range() -> None:
    for name, build in NETWORKS.items():
        for key, each in inspect.signature(build).parameters.items():
            if each.annotation == "float":
                assert key in RANGES, (name, key)


@pytest.mark.parametrize("word", ["no", "No", "FALSE", "off", "false"])
def test_words_for_no(word: str) -> None:
    assert read([f"auxiliary={word}", "attention = None"]) == {
        "auxiliary": False,
        "attention": None,
    }
    with weightless():
        network = create("googlenet", **read([f"auxiliary={word}"]))
    assert network.aux1 is None


@pytest.mark.parametrize("word", ["yes", "TRUE", "on"])
def test_words_for_yes(word: str) -> None:
    with weightless():
        assert create("googlenet_bn", **read([f"auxiliary={word}"])).aux1 is not None


def test_numbers() -> None:
    assert read(["dropout=0.4"]) == {"dropout": 0.4}
    assert canonical("googlenet", read(["dropout=0"])) == {"dropout": 0.0}
    assert create("googlenet_bn", dropout=0.25, classes=2).dropout.p == 0.25


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("auxiliary", "is not name=value"),
        ("=1", "is not name=value"),
        ("a=", "is not name=value"),
        ("\x1b[2J", r"\\x1b\[2J'`: is not name=value"),
    ],
)
def test_text_that_is_no_choice(text: str, message: str) -> None:
    with pytest.raises(NetworkError, match=message):
        read([text])
    with pytest.raises(NetworkError, match="twice"):
        read(["a=1", "a=2"])


@pytest.mark.parametrize(
    ("name", "variant", "message"),
    [
        ("googlenet", {"auxiliary": "no"}, r"takes yes or no here; give auxiliary=true or false"),
        ("googlenet", {"auxiliary": "maybe"}, "yes or no"),
        ("googlenet", {"auxiliary": 1}, "yes or no"),
        ("googlenet", {"auxiliary": None}, "yes or no"),
        ("resnet20", {"checkpointing": "x"}, "yes or no"),
        ("googlenet", {"dropout": 7}, "a number from 0 to below 1"),
        ("googlenet", {"dropout": 1.0}, "a number from 0 to below 1"),
        ("googlenet", {"dropout": -0.1}, "a number from 0"),
        ("googlenet", {"dropout": float("nan")}, "a number from 0"),
        ("googlenet", {"dropout": True}, "a number from 0"),
        ("googlenet", {"dropout": "0.4x"}, "dropout=0.4x: googlenet takes a number"),
        ("googlenet", {"dropout": [0.1]}, "a number from 0"),
        ("resnet18", {"attention": "none"}, "one of se, cbam, none here"),
        ("resnet18", {"attention": "sé"}, "did you mean 'se'"),
        ("resnet18", {"attention": False}, "one of se, cbam, none here"),
        ("resnet18", {"shortcut": None}, "one of A, B, C here"),
        ("resnet18", {"shortcut": "a"}, "did you mean 'A'"),
        ("resnet18", {"num_classes": 5}, "the number of classes is called classes"),
        ("resnet18", {"pretrained": True}, "asked for with weights: torchvision, timm or a file"),
        ("resnet18", {"in_chans": 1}, "called in_channels"),
        ("googlenet", {"aux_logits": True}, "auxiliary"),
        ("lenet", {"drop_rate": 0.1}, "lenet does not have it"),
    ],
)
def test_what_a_constructor_does_not_take_is_one_line(
    name: str, variant: dict[str, Any], message: str, tmp_path: Path
) -> None:
    for make in (
        lambda: create(name, **variant),
        lambda: striate.create_run(name, tmp_path / "run", variant=variant),
    ):
        with pytest.raises(NetworkError, match=message) as caught:
            make()
        assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_what_is_none_is_not_kept_in_a_run(tmp_path: Path) -> None:
    variant = read(["attention=none", "shortcut=A"])
    run = striate.create_run("resnet18", tmp_path / "run", classes=2, variant=variant)
    assert striate.open_run(run.path).config.variant == {"shortcut": "A"}


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("timm:resnet18", "import it from timm"),
        ("torchvision:resnet18", "import it from torchvision"),
        ("mine.py:Net", r"import it from mine\.py"),
    ],
)
def test_the_networks_of_others_are_made_by_others(spec: str, message: str) -> None:
    with pytest.raises(NetworkError, match=message):
        striate.create(spec)


def test_types_of_values_do_not_change_the_network() -> None:
    torch.manual_seed(0)
    plain = create("resnet20")
    torch.manual_seed(0)
    said = create("resnet20", checkpointing=False, shortcut="A", attention=None)
    assert isinstance(said, nn.Module)
    for key, value in plain.state_dict().items():
        assert torch.equal(value, said.state_dict()[key])
