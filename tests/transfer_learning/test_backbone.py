"""What a person names becomes a network with weights, a pre-processing and no classifier."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from striate.data.preprocessing import Preprocessing
from striate.errors import NetworkError, RunError, StriateError, WeightsError
from striate.hub.resolve import resolve
from striate.hub.surgery import Headless
from striate.runs.config import RunConfig
from striate.runs.origins import DataOrigin
from striate.runs.run import Run
from striate.runs.weights import digest, write_weights
from striate.transfer_learning import backbone as module
from striate.transfer_learning.backbone import Backbone, behead, open_backbone
from striate.zoo.create import create

TIMM = "timm:mobilenetv3_small_050"


def weights_of(network: nn.Module, path: Path) -> Path:
    save_file({key: value.contiguous() for key, value in network.state_dict().items()}, path)
    return path


@pytest.fixture(scope="module")
def timm_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights for `TIMM`, random, without the counters of batches."""
    pytest.importorskip("timm")
    torch.manual_seed(3)
    state = resolve(TIMM, device="cpu").network.state_dict()
    kept = {key: value for key, value in state.items() if "num_batches" not in key}
    path = tmp_path_factory.mktemp("weights") / "timm.safetensors"
    save_file(kept, path)
    return path


def test_timm_with_a_file(timm_file: Path) -> None:
    found = open_backbone(TIMM, timm_file)
    assert found.preprocessing.to_dict() == {
        "fit": "crop",
        "resize": 256,
        "height": 224,
        "width": 224,
        "channels": 3,
        "fill": 0,
        "interpolation": "bicubic",
        "mean": [0.485, 0.456, 0.406],
        "std": [0.229, 0.224, 0.225],
    }
    assert found.network.classifier == "classifier"
    assert (found.spec, found.options, found.origin) == (TIMM, {}, str(timm_file))
    assert found.classes is not None
    assert len(found.classes) == 1000
    assert not found.network.training
    again = Headless(resolve(found.spec, device="cpu").network, found.network.classifier).eval()
    again.load_state_dict(found.network.state_dict())
    x = torch.randn(1, 3, 32, 32)
    with torch.inference_mode():
        assert torch.equal(again(x), found.network(x))
    assert digest(again.state_dict()) == found.weights_digest


def test_torchvision_with_a_file(tmp_path: Path) -> None:
    torch.manual_seed(0)
    file = weights_of(
        resolve("torchvision:squeezenet1_1", device="cpu", classes=7).network, tmp_path / "w"
    )
    found = open_backbone("torchvision:squeezenet1_1", str(file))
    assert found.network.classifier == "classifier.1"
    assert found.classes is None  # seven that nobody names
    assert found.preprocessing.interpolation == "bilinear"
    assert found.preprocessing.resize == 256


def test_a_training_script_s_file_is_understood(tmp_path: Path) -> None:
    network = resolve("torchvision:squeezenet1_1", device="cpu").network
    state = {f"module._orig_mod.{key}": value for key, value in network.state_dict().items()}
    torch.save({"state_dict": state, "best_acc1": torch.tensor(58.1)}, tmp_path / "w.pth")
    found = open_backbone("torchvision:squeezenet1_1", tmp_path / "w.pth")
    assert "without 'module._orig_mod.'" in found.note
    own = network.state_dict()
    for key, value in found.network.network.state_dict().items():
        assert torch.equal(value, own[key]), key
    whole = {key: value.to(torch.int8) for key, value in network.state_dict().items()}
    torch.save(whole, tmp_path / "int8.pth")
    with pytest.raises(WeightsError, match=r"whole numbers \(int8\)"):
        open_backbone("torchvision:squeezenet1_1", tmp_path / "int8.pth")


def test_ours_with_torchvisions_weights(tmp_path: Path) -> None:
    file = weights_of(resolve("torchvision:resnet18", device="cpu").network, tmp_path / "w")
    found = open_backbone("resnet18", file)
    assert (found.network.classifier, found.options) == ("fc", {"classes": 1000})
    assert found.preprocessing.mean == (0.485, 0.456, 0.406)
    assert found.classes is not None


def test_a_file_for_ours_is_checked_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = weights_of(resolve("torchvision:resnet18", device="cpu").network, tmp_path / "w")
    half = (0.5, 0.5, 0.5)
    monkeypatch.setattr(
        module, "contradicted", lambda _network, declared: replace(declared, mean=half, std=half)
    )
    found = open_backbone("resnet18", file)
    assert found.preprocessing.mean == half
    assert "contradict the normalisation that is declared for resnet18" in found.note


def test_weights_that_nobody_declared_anything_about(tmp_path: Path) -> None:
    file = weights_of(create("resnet20"), tmp_path / "w")
    with pytest.raises(
        WeightsError, match=r"the images .* are unknown; name the folder of the run"
    ):
        open_backbone("resnet20", file)


def test_another_network_s_weights_are_called_that_before_anything_else(tmp_path: Path) -> None:
    file = weights_of(create("resnet32"), tmp_path / "w")
    with pytest.raises(WeightsError, match=r"another network: .* shapes are those of .*resnet32"):
        open_backbone("resnet20", file)


def test_what_is_not_in_the_weights_is_the_same_each_time(tmp_path: Path) -> None:
    """An auxiliary head that a file lacks would give the features another digest every time."""
    theirs = resolve("torchvision:inception_v3", device="cpu").network.state_dict()
    state = {key: value for key, value in theirs.items() if not key.startswith("AuxLogits")}
    save_file(state, tmp_path / "w.safetensors")
    found = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        found.append(open_backbone("inception_v3", tmp_path / "w.safetensors"))
    assert "not in the weights and starting anew: aux" in found[0].note
    assert found[0].weights_digest == found[1].weights_digest


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run whose weights are random."""
    pixels = Preprocessing(resize=32, height=32, width=32, mean=(0.5,) * 3, std=(0.25,) * 3)
    origin = DataOrigin(
        origin="digits",
        fingerprint="ab" * 32,
        val_fraction=0.2,
        train_images=8,
        val_images=2,
        test_images=0,
        held_out="split",
    )
    config = RunConfig(
        network="googlenet_bn",
        classes=("a", "b", "c"),
        in_channels=3,
        variant={"auxiliary": True},
        preprocessing=pixels,
        recipe=None,
        data=origin,
        seed=0,
        precision="float32",
        device="cpu",
        threads=1,
    )
    config.write(tmp_path / "run.toml")
    network = create("googlenet_bn", classes=3, auxiliary=True)
    path = tmp_path / "model.safetensors"
    write_weights(path, network.state_dict(), identity=config.identity, epoch=1)
    return Run.open(tmp_path)


@pytest.mark.parametrize(
    ("spec", "weights", "kind", "message"),
    [
        ("resnet18", None, WeightsError, "give `weights`: torchvision.* or a file; or"),
        (
            "timm:resnet18",
            None,
            WeightsError,
            "has learned nothing.*give `weights`: timm or a file; or",
        ),
        ("timm:resnet18", "torchvision", WeightsError, "cannot take torchvision's weights"),
        ("resnet19", None, NetworkError, "not in the catalogue; did you mean"),
        ("mobilenetv3_small_100", None, NetworkError, "timm:mobilenetv3_small_100 is timm's"),
        ("torchvision:resnet19", "torchvision", NetworkError, "did you mean 'resnet18'"),
        ("torch.nn:Identity", "timm", NetworkError, "has neither weights nor"),
        ("no/such/run", None, RunError, "there is no such run"),
        (
            "torchvision:alexnet",
            "missing.pth",
            WeightsError,
            r"is no source .* and there is no file .*missing\.pth",
        ),
    ],
)
def test_what_cannot_be_opened(
    spec: str, weights: str | None, kind: type[StriateError], message: str
) -> None:
    if "timm" in spec:
        pytest.importorskip("timm")
    with pytest.raises(kind, match=message):
        open_backbone(spec, weights)


def test_weights_of_another_network(timm_file: Path) -> None:
    with pytest.raises(WeightsError, match=r"timm\.safetensors: are of another network: \d+ miss"):
        open_backbone("torchvision:squeezenet1_1", timm_file)


def test_a_run(run: Run) -> None:
    found = open_backbone(run.path)
    assert open_backbone(str(run.path)).weights_digest == found.weights_digest
    assert found.preprocessing == run.preprocessing
    assert found.classes == run.classes
    assert found.spec == run.config.network
    sizes = {key: found.options[key] for key in ("classes", "in_channels")}
    variant = {key: value for key, value in found.options.items() if key not in sizes}
    again = resolve(found.spec, device="cpu", variant=variant, **sizes).network
    Headless(again, found.network.classifier).load_state_dict(found.network.state_dict())
    with pytest.raises(WeightsError, match="a run has its own weights; leave it out"):
        open_backbone(run.path, "timm")


def test_the_digest_is_that_of_the_trunk(tmp_path: Path) -> None:
    network = resolve("torchvision:squeezenet1_1", device="cpu").network
    digests = []
    for bias in (0.0, 1.0):
        with torch.no_grad():
            network.get_submodule("classifier.1").bias.fill_(bias)  # type: ignore[operator, union-attr]
        file = weights_of(network, tmp_path / f"{bias}")
        digests.append(open_backbone("torchvision:squeezenet1_1", file).weights_digest)
    assert digests[0] == digests[1]


def test_a_network_without_a_classifier() -> None:
    trunk = nn.Sequential(nn.Conv2d(3, 8, 1), nn.Conv2d(8, 8, 3), nn.Flatten())
    with pytest.raises(NetworkError, match=r"layer '1'"):
        behead("trunk", trunk, (3, 8, 8))
    joined = nn.Sequential(nn.Conv2d(3, 8, 1), nn.Flatten())
    with pytest.raises(NetworkError, match=r"'0': is the last .* gives 8 values, not .* 512 out"):
        behead("joined", joined, (3, 8, 8))
    with pytest.raises(NetworkError, match="no convolution or linear layer"):
        behead("nothing", nn.Sequential(nn.Flatten()), (3, 8, 8))


def test_real_weights() -> None:
    folder = os.environ.get("STRIATE_TEST_WEIGHTS")
    if not folder:
        pytest.skip("STRIATE_TEST_WEIGHTS names no folder with efficientnet_lite0_timm.safetensors")
    pytest.importorskip("timm")
    file = Path(folder) / "efficientnet_lite0_timm.safetensors"
    found: Backbone = module.open_backbone("timm:efficientnet_lite0", file)
    with torch.inference_mode():
        assert found.network(torch.zeros(1, 3, 64, 64)).shape == (1, 1280)
    # The library declares ImageNet's mean and std; the weights know better.
    assert found.preprocessing.mean == found.preprocessing.std == (0.5, 0.5, 0.5)
    assert "fit mean 0.5, std 0.5, which are used" in found.note
