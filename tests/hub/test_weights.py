"""Published weights: what goes with them, where they are looked for, whom they do not fit."""

import io
import os
import re
import urllib.error
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
import torchvision
from safetensors.torch import save_file

from striate.errors import NetworkError, WeightsError
from striate.hub.conversion import NAMESAKES, Counterpart, renamed
from striate.hub.libraries import LIBRARIES
from striate.hub.weights import Published, create_from, find, give
from striate.zoo.catalogue import entry
from striate.zoo.create import create
from striate.zoo.layers import Network
from striate.zoo.weightless import weightless

RESNET18 = "resnet18-f37072fd.pth"
#: Our network and the library that has one that equals it.
PAIRS = [(name, source) for source, each in LIBRARIES.items() for name in each.counterparts]


def create_with(name: str, source: str | Path, **options: Any) -> tuple[Network, Published]:
    """A network with weights, found and given to it as `striate.create` does."""
    own = {key: options.pop(key) for key in ("classes", "in_channels") if key in options}
    entry(name)
    return create_from(find(name, source, **options), name, **own, **options)


def counterpart(key: tuple[str, str]) -> Counterpart:
    name, source = key
    return LIBRARIES[source].counterparts[name]


@pytest.fixture(scope="module")
def resnet18(tmp_path_factory) -> Path:
    """The network of torchvision with random weights, in a file called as the published one."""
    torch.manual_seed(0)
    file = tmp_path_factory.mktemp("hub") / "checkpoints" / RESNET18
    file.parent.mkdir()
    torch.save(torchvision.models.resnet18(weights=None).state_dict(), file)
    return file


@pytest.fixture(scope="module")
def googlenet(tmp_path_factory) -> Path:
    torch.manual_seed(0)
    reference = torchvision.models.googlenet(weights=None, init_weights=False)
    file = tmp_path_factory.mktemp("own") / "googlenet.safetensors"
    save_file(reference.state_dict(), file)
    return file


@pytest.fixture
def offline(tmp_path, monkeypatch) -> Path:
    """An empty cache and no network; gives the folder where files would be put."""

    def refuse(*_args: object, **_options: object) -> None:
        raise urllib.error.URLError("Name or service not known")

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr("urllib.request.urlopen", refuse)
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda *_: None)
    return tmp_path / "checkpoints"


def test_torchvisions_weights_come_with_its_preprocessing_and_classes(
    resnet18, monkeypatch
) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(resnet18.parents[1]))
    network, published = create_with("resnet18", "torchvision")
    reference = torchvision.models.resnet18(weights=None)
    reference.load_state_dict(torch.load(resnet18, weights_only=True))
    images = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(network.eval()(images), reference.eval()(images))
    assert published.name == "torchvision resnet18 IMAGENET1K_V1"
    assert published.classes[:2] == ("tench", "goldfish")
    assert len(set(published.classes)) == 1000
    assert published.preprocessing == {
        "fit": "crop",
        "resize": 256,
        "height": 224,
        "width": 224,
        "channels": 3,
        "fill": 0,
        "interpolation": "bilinear",
        "mean": [0.485, 0.456, 0.406],
        "std": [0.229, 0.224, 0.225],
    }


def test_a_file_with_a_librarys_names_is_taken_for_its_weights(resnet18) -> None:
    network = create("resnet18", classes=5)
    published = give(find("resnet18", str(resnet18)), network, 5)
    assert "named as torchvision's resnet18" in published.note
    assert "the classifier (fc) starts anew, since the weights are for 1000 classes" in (
        published.note
    )
    assert published.classes is None
    assert published.preprocessing["resize"] == 256
    assert len(published.digest) == 64


def test_auxiliary_heads_are_left_out_where_the_network_has_none(googlenet) -> None:
    _, published = create_with("googlenet_bn", googlenet)
    assert "not used: aux1, aux2" in published.note
    # torchvision's network rescales its input itself.
    assert (published.preprocessing["mean"], published.preprocessing["std"]) == ([0.5] * 3,) * 2
    with_heads, published = create_with("googlenet_bn", googlenet, auxiliary=True)
    assert "not used" not in published.note
    state = renamed(
        torch.nn.Module.state_dict(with_heads),
        LIBRARIES["torchvision"].counterparts["googlenet_bn"].rules,
    )
    assert {name for name in state if name.startswith("aux")}


def test_auxiliary_heads_do_not_hide_which_network_a_file_is_of(googlenet) -> None:
    with pytest.raises(WeightsError, match=r"shapes are those of googlenet_bn$"):
        create_with("resnet18", googlenet)


def test_images_of_other_channels_are_named(resnet18) -> None:
    with pytest.raises(WeightsError, match=r"of 3 channels, not of 1: give such images, or start"):
        create_with("resnet18", resnet18, in_channels=1, classes=5)


def test_a_first_kernel_of_fewer_dimensions_is_of_another_network(tmp_path) -> None:
    state = create("resnet20").state_dict() | {"conv1.weight": torch.zeros(16)}
    save_file(state, tmp_path / "flat.safetensors")
    with pytest.raises(WeightsError, match=r"conv1\.weight \(16,\) for \(16, 3, 3, 3\)"):
        create_with("resnet20", tmp_path / "flat.safetensors")


def test_a_missing_file_names_the_nearest(resnet18, monkeypatch) -> None:
    monkeypatch.chdir(resnet18.parent)
    with pytest.raises(WeightsError, match=rf"did you mean {re.escape(str(resnet18))}\?"):
        find("resnet18", "resnet18-f37072fd.pt")


def test_as_many_classes_as_the_weights_have(tmp_path) -> None:
    save_file(create("resnet20", classes=7).state_dict(), tmp_path / "own.safetensors")
    network, published = create_with("resnet20", tmp_path / "own.safetensors")
    assert network.fc.out_features == 7
    assert (published.preprocessing, published.classes, published.note) == (None, None, "")


def test_a_file_of_another_network_names_the_one_that_it_fits(resnet18, tmp_path) -> None:
    with pytest.raises(WeightsError, match=r"another network: .*shapes are those of resnet18$"):
        give(find("resnet34", resnet18), create("resnet34"), 1000)
    save_file(create("resnet32").state_dict(), tmp_path / "own.safetensors")
    with pytest.raises(WeightsError) as caught:
        create_with("resnet20", tmp_path / "own.safetensors")
    assert re.search(
        r"72 unexpected \(stage1\.3\..*shapes are those of .*resnet32", str(caught.value)
    )


@pytest.mark.parametrize("name", NAMESAKES)
def test_weights_of_another_convention_name_the_variant_that_takes_them(name: str) -> None:
    other, convention = NAMESAKES[name]
    for source, library in LIBRARIES.items():
        if other in library.counterparts and name not in library.counterparts:
            with pytest.raises(WeightsError, match=f"{other} takes them") as caught:
                find(name, source)
            assert convention in str(caught.value)


def test_a_file_of_another_convention_is_told_by_its_names(tmp_path, monkeypatch) -> None:
    """resnet50 and its later form have the same shapes under our names."""
    with torch.device("meta"):
        names = torchvision.models.resnet50(weights=None).state_dict()
    state = {name: torch.zeros(1) for name in names}
    save_file(state, tmp_path / "resnet50.safetensors")
    with pytest.raises(WeightsError, match="resnet50_v1_5 takes them"):
        find("resnet50", tmp_path / "resnet50.safetensors")


def named_as_ours(name: str, file: Path) -> Path:
    """A person's own file for our network: its names, a classifier of a thousand rows."""
    with weightless():
        own = create(name).state_dict()
    torch.save({key: torch.zeros(1000, 1) if "fc" in key else torch.zeros(1) for key in own}, file)
    return file


@pytest.mark.parametrize("name", dict.fromkeys([*NAMESAKES, *(name for name, _ in PAIRS)]))
def test_a_file_with_our_names_is_no_librarys(name: str, tmp_path) -> None:
    file = named_as_ours(name, tmp_path / "own.pth")
    found = find(name, file)
    assert (found.name, found.heads) == (str(file), "")
    assert (found.preprocessing, found.classes, found.notes) == (None, None, ())


def test_a_persons_own_weights_load_where_a_library_has_a_namesake(tmp_path) -> None:
    torch.save(create("resnet50", classes=1000).state_dict(), tmp_path / "own.pth")
    _, published = create_with("resnet50", tmp_path / "own.pth")
    assert (published.preprocessing, published.classes, published.note) == (None, None, "")


def write_run(folder: Path, network: str, state: dict, variant: str = "") -> Path:
    """A run's folder, as far as its weights and network go."""
    folder.mkdir()
    content = f'network = "{network}"\n[variant]\n{variant}\n'
    (folder / "run.toml").write_text(content, encoding="utf-8")
    save_file(state, folder / "model.safetensors", metadata={"striate": "{}"})
    return folder / "model.safetensors"


def test_a_runs_weights_are_for_its_network_alone(tmp_path) -> None:
    """plain20 and resnet20 have the same names and shapes."""
    state = create("resnet20").state_dict()
    file = write_run(tmp_path / "run", "resnet20", state)
    create_with("resnet20", file)
    with pytest.raises(WeightsError, match=r"run with resnet20, another network than plain20;"):
        create_with("plain20", file)
    away = file.rename(tmp_path / "away.safetensors")
    create_with("plain20", away)  # nothing says what it was


def test_a_runs_weights_are_for_its_choices_alone(tmp_path) -> None:
    state = {"fc.weight": torch.zeros(1000, 1)}
    file = write_run(tmp_path / "run", "cspdarknet53", state, 'activation = "mish"')
    find("cspdarknet53", file, activation="mish")
    with pytest.raises(WeightsError, match=r"activation=mish, not activation=leaky; .* takes them"):
        find("cspdarknet53", file)
    usual = write_run(tmp_path / "usual", "resnet20", state, "checkpointing = true")
    find("resnet20", usual)  # the same weights in less memory


def test_a_source_without_the_network_names_another(offline) -> None:
    with pytest.raises(WeightsError, match="torchvision has none that equal it"):
        find("lenet", "torchvision")
    with pytest.raises(WeightsError, match=r"timm has none .*; torchvision has"):
        find("googlenet_bn", "timm")
    with pytest.raises(WeightsError, match=r"is no source.*did you mean 'torchvision'\?"):
        find("resnet18", "torchvison")
    with pytest.raises(NetworkError, match="not in the catalogue"):
        find("resnet19", "torchvision")


@pytest.mark.parametrize("key", PAIRS, ids="-".join)
def test_without_a_network_the_file_and_its_place_are_named(offline, key) -> None:
    name, source = key
    if source == "timm":
        pytest.importorskip("timm")
    with pytest.raises(WeightsError) as caught:
        find(name, source)
    text = str(caught.value)
    assert "cannot be fetched (Name or service not known)" in text
    assert f" at {offline}{os.sep}" in text
    assert "put https://" in text
    assert "or give its path as the weights" in text
    assert "\n" not in text
    stem = counterpart(key).name.partition(".")[0]
    assert source in text
    assert stem in text
    if source == "torchvision":
        assert ".pth" in text


# One for each set of rules: what shares them differs in numbers alone.
DISTINCT = list({counterpart(key).rules: key for key in reversed(PAIRS)}.values())


@pytest.mark.parametrize("key", DISTINCT, ids="-".join)
def test_every_counterpart_has_the_names_and_shapes_of_our_network(key) -> None:
    name, source = key
    if source == "timm":
        pytest.importorskip("timm")
    equal = counterpart(key)
    LIBRARIES[source].check(equal.name)
    with weightless():
        ours = create(name).state_dict()
        theirs = LIBRARIES[source].build(equal.name, options={}).state_dict()
    found = renamed(theirs, equal.rules)
    heads = re.compile(equal.heads or r"(?!)")
    assert [n for n in ours.keys() ^ found.keys() if not heads.match(n)] == []
    assert [n for n in ours.keys() & found.keys() if found[n].shape != ours[n].shape] == []


PAGE = b"<!DOCTYPE html><html><body>Welcome to the hotel</body></html>"


@pytest.mark.parametrize("kind", ["page", "half", "garbage", "empty"])
def test_what_is_no_weights_is_not_kept_from_a_download(
    tmp_path, monkeypatch, resnet18, kind: str
) -> None:
    whole = resnet18.read_bytes()
    body = {"page": PAGE, "half": whole[: len(whole) // 2], "garbage": b"x" * 999, "empty": b""}

    class Answer(io.BytesIO):
        headers: ClassVar[dict[str, str]] = {}

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr("urllib.request.urlopen", lambda *_, **__: Answer(body[kind]))
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda *_: None)
    for source in ("torchvision", "timm"):
        with pytest.raises(WeightsError, match=r"cannot be fetched \(") as caught:
            find("resnet18", source)
        assert "put https://" in str(caught.value)
    assert list((tmp_path / "checkpoints").iterdir()) == []


def test_a_damaged_file_in_the_cache_is_named_with_what_to_do(
    tmp_path, monkeypatch, resnet18
) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    kept = tmp_path / "checkpoints" / RESNET18
    kept.parent.mkdir()
    for content in (resnet18.read_bytes()[:-9999], PAGE, b""):
        kept.write_bytes(content)
        with pytest.raises(WeightsError, match=f"delete {re.escape(str(kept))} to have it fetched"):
            find("resnet18", "torchvision")
