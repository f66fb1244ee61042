"""A further library is a class and a line: it goes through every command that takes a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import striate
from striate.errors import NetworkError, WeightsError
from striate.hub.conversion import Counterpart
from striate.hub.libraries import CATALOGUE, LIBRARIES
from striate.hub.library import Library
from striate.hub.names import parse
from striate.hub.resolve import resolve
from striate.transfer_learning.backbone import open_backbone
from striate.zoo.create import CONSTRUCTORS, create
from striate.zoo.published import Figure


class Toys(Library):
    """What a library must answer, and what it may."""

    name: ClassVar[str] = "toys"
    package: ClassVar[str] = "striate"
    counterparts: Mapping[str, Counterpart] = {
        "resnet20": Counterpart(name="twenty", rules=((r"^body\.", ""),))
    }

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def names(self) -> Sequence[str]:
        return ["twenty", "tiny"]

    def build(
        self,
        name: str,
        *,
        classes: int | None = None,
        in_channels: int | None = None,
        options: Mapping[str, Any],
    ) -> nn.Module:
        classes, channels = classes or 10, in_channels or 3
        if name == "twenty":
            return nn.Sequential(create("resnet20", classes, channels))
        width = options.get("width", 4)
        return nn.Sequential(
            nn.Conv2d(channels, width, 3),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(width, classes),
        )

    def input_shape(self, network: nn.Module) -> tuple[int, ...] | None:
        return (3, 24, 24) if isinstance(network, nn.Sequential) else None

    def fetch(self, name: str) -> tuple[Path, str]:
        return self.folder / f"{name}.safetensors", f"toys {name} first"

    def preprocessing(self, name: str) -> dict[str, Any]:
        return {
            "fit": "crop", "resize": 28, "height": 24, "width": 24, "channels": 3, "fill": 0,
            "interpolation": "bilinear", "mean": [0.5] * 3, "std": [0.25] * 3,
        }  # fmt: skip

    def classes(self, name: str) -> tuple[str, ...]:
        return tuple("abcdefghij")

    def figures(self, name: str) -> tuple[Figure, ...]:
        return (
            Figure(
                data="toys", top1=0.125, top5=None, crops="1 crop", source="x", confidence="read"
            ),
        )


@pytest.fixture
def toys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Toys:
    library = Toys(tmp_path)
    monkeypatch.setitem(LIBRARIES, "toys", library)
    torch.manual_seed(0)
    twenty = {f"body.{key}": value for key, value in create("resnet20").state_dict().items()}
    save_file(twenty, tmp_path / "twenty.safetensors")
    save_file(library.build("tiny", options={}).state_dict(), tmp_path / "tiny.safetensors")
    return library


@pytest.mark.usefixtures("toys")
def test_its_networks_are_looked_at_by_their_prefix(tmp_path: Path) -> None:
    assert parse("toys:tiny").source == "toys"
    found = striate.table("toys:tiny")
    assert (found.input, found.totals.parameters) == ((3, 24, 24), 4 * 28 + 50)
    assert striate.compare(["toys:tiny"]).members[0].error == 0.125
    assert striate.view("toys:tiny", tmp_path / "page.html").exists()
    assert resolve("toys:tiny", classes=3, variant={"width": 8}, allow_code=True).network
    with pytest.raises(NetworkError, match=r"toys does not have it; did you mean 'tiny'"):
        striate.table("toys:tinny")
    with pytest.raises(NetworkError, match=r"not in the catalogue; toys:tiny is toys's"):
        striate.table("tiny")


def test_a_network_of_ours_takes_its_weights(toys: Toys, tmp_path: Path) -> None:
    network = striate.create("resnet20", weights="toys")
    state = toys.weights("twenty").state
    assert all(
        torch.equal(value, state[f"body.{key}"]) for key, value in network.state_dict().items()
    )
    run = striate.create_run("resnet20", tmp_path / "run", weights="toys")
    assert run.classes == tuple("abcdefghij")
    assert run.preprocessing.input_size == (3, 24, 24)
    assert run.config.weights.source == "toys"  # found again by its name
    # A file that is named as the library names them is known as its weights.
    run = striate.create_run("resnet20", tmp_path / "file", weights=tmp_path / "twenty.safetensors")
    assert "named as toys's twenty, hence its pre-processing" in run.config.weights.note
    with pytest.raises(WeightsError, match=r"toys has none that equal it; did you mean"):
        striate.create("resnet32", weights="toys")


def test_its_networks_and_weights_are_backbones(toys: Toys, tmp_path: Path) -> None:
    found = open_backbone("toys:tiny", "toys")
    assert (found.origin, found.classes) == ("toys tiny first", tuple("abcdefghij"))
    assert (found.network.classifier, found.options) == ("4", {})
    assert found.preprocessing.to_dict() == toys.preprocessing("tiny")
    state = toys.weights("tiny").state
    assert torch.equal(found.network.network.get_submodule("0").weight, state["0.weight"])
    assert open_backbone("toys:tiny", tmp_path / "tiny.safetensors").network is not None
    ours = open_backbone("resnet20", "toys")
    assert (ours.origin, ours.options) == ("toys twenty first", {"classes": 10})
    with pytest.raises(WeightsError, match="cannot take torchvision's weights; give toys's, or"):
        open_backbone("toys:tiny", "torchvision")
    with pytest.raises(WeightsError, match=r"`weights`: toys or a file; or name a run's folder"):
        open_backbone("toys:tiny")


def test_a_library_that_answers_what_it_must_and_no_more() -> None:
    class Least(Library):
        name: ClassVar[str] = "least"
        package: ClassVar[str] = "no_such_package"

        def names(self) -> Sequence[str]:
            return ["one"]

        def build(self, name: str, **_options: Any) -> nn.Module:  # type: ignore[override]
            return nn.Linear(2, 2)

    least = Least()
    with pytest.raises(NetworkError, match="least is not installed; pip install no_such_package"):
        least.check("one")
    with pytest.raises(WeightsError, match="weights least: least is not installed"):
        least.weights("one")
    with pytest.raises(WeightsError, match="it has none for one; give a file"):
        least.fetch("one")
    assert (least.preprocessing("one"), least.classes("one"), least.figures("one")) == (
        None,
        None,
        (),
    )
    assert least.input_shape(nn.Linear(2, 2)) is None


def test_libraries_are_called_as_they_call_themselves() -> None:
    assert list(LIBRARIES) == ["torchvision", "timm", "pretrained"]
    assert set(CATALOGUE.names()) == set(CONSTRUCTORS)
    with pytest.raises(ValueError, match="no library"):
        _ = parse("mine.py:Net").library


def test_counterparts_are_of_the_catalogue() -> None:
    for library in LIBRARIES.values():
        assert set(library.counterparts) <= set(CATALOGUE.names())
