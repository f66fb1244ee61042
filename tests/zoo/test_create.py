"""From a name to a network: errors, variants, seeds; the catalogue without torch."""

import subprocess
import sys

import pytest
import torch

from striate.errors import NetworkError
from striate.zoo import catalogue
from striate.zoo.create import CONSTRUCTORS, create


def test_the_catalogue_lists_what_can_be_created() -> None:
    assert [entry.name for entry in catalogue.entries()] == list(CONSTRUCTORS)


def test_the_catalogue_does_not_import_torch() -> None:
    code = (
        "import sys; from striate.zoo.catalogue import entries; entries(); "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("look_up", [create, catalogue.entry])
def test_an_unknown_name_is_told_the_nearest(look_up) -> None:
    with pytest.raises(NetworkError, match=r"'resnet81'.*did you mean 'resnet18'\?"):
        look_up("resnet81")


def test_an_unknown_variant_is_told_the_nearest() -> None:
    with pytest.raises(NetworkError, match=r"'auxilary'.*did you mean 'auxiliary'\?"):
        create("googlenet", auxilary=False)
    with pytest.raises(NetworkError, match="no variants"):
        create("lenet", dropout=0.1)


@pytest.mark.parametrize("sizes", [{"classes": 0}, {"in_channels": -1}, {"classes": 2.5}])
def test_sizes_below_one_are_refused(sizes: dict) -> None:
    with pytest.raises(NetworkError, match="whole number"):
        create("lenet", **sizes)


def test_an_unknown_shortcut_is_refused() -> None:
    with pytest.raises(NetworkError, match="A, B, C"):
        create("resnet20", shortcut="D")


@pytest.mark.parametrize(
    "name", ["lenet", "lenet5", "googlenet", "googlenet_bn", "resnet18", "resnet20"]
)
def test_the_start_follows_the_seed_and_sets_every_weight(name: str) -> None:
    starts = []
    for _ in range(2):
        torch.manual_seed(7)
        starts.append(create(name).state_dict())
    torch.manual_seed(8)
    other = create(name).state_dict()
    for key, value in starts[0].items():
        assert torch.equal(value, starts[1][key]), key
        assert torch.isfinite(value.float()).all(), key
        assert float(value.float().abs().max()) < 1000, key
    assert not all(torch.equal(value, starts[0][key]) for key, value in other.items())


@pytest.mark.parametrize("name", ["alexnet", "alexnet_owt", "alexnet_half", "vgg11", "vgg11_bn"])
def test_every_weight_of_the_large_networks_is_set(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On meta nothing is computed: count which parameters an initialiser was called for."""
    touched: set[int] = set()

    def note(tensor: torch.Tensor, *_args: object, **_options: object) -> torch.Tensor:
        touched.add(id(tensor))
        return tensor

    for rule in ("kaiming_normal_", "xavier_uniform_", "normal_", "zeros_", "ones_"):
        monkeypatch.setattr(torch.nn.init, rule, note)
    with torch.device("meta"):
        network = create(name)
    assert [key for key, value in network.named_parameters() if id(value) not in touched] == []


def test_alexnet_starts_as_the_paper_says() -> None:
    with torch.device("meta"):
        network = create("alexnet")
    network.to_empty(device="cpu")
    network._initialise()
    ones = {key for key, value in network.named_parameters() if "bias" in key and value.all()}
    assert ones == {f"{layer}.bias" for layer in ("conv2", "conv4", "conv5", "fc6", "fc7")}
    assert abs(float(network.conv3.weight.detach().std()) - 0.01) < 1e-4
