"""From a run's decisions and weights to its network, without first weights that nobody needs."""

from types import SimpleNamespace

import pytest
import torch

from striate.runs.networks import make_network, network_with


def decided(network: str, in_channels: int = 3) -> SimpleNamespace:
    """The part of a run's decisions that its network depends on."""
    return SimpleNamespace(
        network=network,
        outputs=("a", "b", "c"),
        in_channels=in_channels,
        variant={},
        transfer=None,
        seed=0,
    )


@pytest.mark.parametrize(
    ("network", "channels"), [("lenet5", 1), ("resnet20", 3), ("hrnet_w18", 3), ("googlenet", 3)]
)
def test_a_network_is_given_its_weights_alone(network: str, channels: int) -> None:
    config = decided(network, channels)
    made = make_network(config)
    weights = made.state_dict()
    network_with(config, weights)  # what is loaded once does not count
    before = torch.get_rng_state()
    given = network_with(config, weights)
    if network != "lenet5":  # its constructor computes with a tensor, and is called in earnest
        assert torch.equal(torch.get_rng_state(), before), "first weights were drawn"
    assert list(given.state_dict()) == list(weights)
    pairs = zip(
        [*made.named_parameters(), *made.named_buffers()],
        [*given.named_parameters(), *given.named_buffers()],
        strict=True,
    )
    for (name, value), (other_name, other) in pairs:
        assert name == other_name
        assert torch.equal(value, other), name
        assert value.requires_grad == other.requires_grad, name
        assert value.data_ptr() != other.data_ptr(), name


def test_weights_that_do_not_fit_are_refused() -> None:
    weights = make_network(decided("resnet20")).state_dict()
    with pytest.raises(RuntimeError, match="fc"):
        network_with(decided("resnet32"), {**weights, "fc.weight": torch.zeros(2, 64)})
