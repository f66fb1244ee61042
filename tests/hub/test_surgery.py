"""Networks without their classifier, ours and others'."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torchvision import models

from striate.errors import NetworkError
from striate.hub.surgery import Headless, Tap, Transferred
from striate.zoo.create import create


def squeezenet() -> nn.Module:
    """torchvision's: dropout, 1×1 convolution, ReLU, pooling, flattening."""
    torch.manual_seed(0)
    return models.squeezenet1_1().eval()


def seen_by(network: nn.Module, path: str, x: Tensor) -> Tensor:
    """What the layer at `path` is given."""
    kept: list[Tensor] = []
    handle = network.get_submodule(path).register_forward_pre_hook(lambda _, x: kept.append(x[0]))
    with torch.inference_mode():
        network(x)
    handle.remove()
    return kept[0]


class Odd(nn.Module):
    """Ends in a softmax over what a linear layer makes of each position, channels last."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 5, 3)
        self.fc = nn.Linear(5, 4)

    def forward(self, x: Tensor) -> Tensor:
        positions = self.fc(self.conv(x).permute(0, 2, 3, 1))
        mean: Tensor = positions.mean((1, 2))
        return mean.log_softmax(1)


@pytest.mark.parametrize(
    ("name", "classifier", "size"),
    [("resnet20", "fc", 32), ("nin_cifar", "cccp6", 32), ("mnist_example", "fc2", 28)],
)
def test_ours_give_their_embedding(name: str, classifier: str, size: int) -> None:
    torch.manual_seed(0)
    network = create(name, in_channels=3).eval()
    x = torch.randn(2, 3, size, size)
    with torch.inference_mode():
        expected = network.embed(x)  # type: ignore[operator]
        headless = Headless(network, classifier).eval()
        torch.testing.assert_close(headless(x), expected)
    assert not [key for key in headless.state_dict() if f".{classifier}." in key]
    assert headless.outputs == 10


def test_a_network_of_ours_may_keep_its_classifier() -> None:
    headless = Headless(create("lenet5"), "").eval()
    assert headless(torch.zeros(1, 1, 32, 32)).shape == (1, 84)
    assert headless.outputs == 0


def test_theirs_give_what_their_classifier_sees() -> None:
    network, x = squeezenet(), torch.randn(2, 3, 48, 40)
    expected = seen_by(network, "classifier.1", x)
    assert expected.shape[2:] == (2, 2)
    headless = Headless(network, "classifier.1")
    with torch.inference_mode():
        torch.testing.assert_close(headless(x), expected.mean((2, 3)))
    assert headless.outputs == 1000


def test_whatever_follows_the_classifier_runs() -> None:
    network, x = Odd(), torch.randn(2, 3, 8, 8)
    expected = seen_by(network, "fc", x).mean((1, 2))
    torch.testing.assert_close(Headless(network, "fc")(x), expected)


def test_weights_keep_their_names_and_nothing_else_is_needed() -> None:
    network = squeezenet()
    names = [key for key in network.state_dict() if not key.startswith("classifier.1.")]
    one = Transferred(Headless(network, "classifier.1"), nn.Linear(512, 3)).eval()
    assert list(one.state_dict()) == [
        *(f"backbone.network.{name}" for name in names),
        "head.weight",
        "head.bias",
    ]
    again = Transferred(Headless(models.squeezenet1_1(), "classifier.1"), nn.Linear(512, 3)).eval()
    again.load_state_dict(one.state_dict())
    x = torch.randn(1, 3, 48, 48)
    assert torch.equal(again(x), one(x))
    assert again(x).shape == (1, 3)
    assert torch.equal(again.embed(x), one.backbone(x))


def test_gradients_reach_the_first_layer() -> None:
    network = Transferred(Headless(squeezenet(), "classifier.1"), nn.Linear(512, 3)).train()
    network(torch.randn(2, 3, 48, 48)).sum().backward()
    first = next(network.parameters())
    assert first.grad is not None
    assert first.grad.abs().sum() > 0


def test_it_exports_with_any_batch() -> None:
    network = Transferred(Headless(Odd(), "fc"), nn.Linear(5, 3)).eval()
    shapes = ({0: torch.export.Dim("batch")},)
    program = torch.export.export(network, (torch.zeros(2, 3, 8, 8),), dynamic_shapes=shapes)
    x = torch.randn(3, 3, 8, 8)
    torch.testing.assert_close(program.module()(x), network(x))
    tap = network.backbone.network.get_submodule("fc")
    assert isinstance(tap, Tap)
    assert tap.seen is None


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("classifier.7", "classifier 'classifier.7': the network has no such layer"),
        ("", "classifier '': the network has no such layer"),
        ("features.0", "layer 'features.0': classifies, but is a Conv2d"),
    ],
)
def test_a_layer_that_is_no_classifier(path: str, message: str) -> None:
    with pytest.raises(NetworkError, match=message):
        Headless(squeezenet(), path)


def test_a_classifier_that_is_not_reached() -> None:
    class Idle(Odd):
        def forward(self, x: Tensor) -> Tensor:
            return self.conv(x).mean((2, 3))  # type: ignore[no-any-return]

    with pytest.raises(NetworkError, match="was not reached"):
        Headless(Idle(), "fc")(torch.zeros(1, 3, 8, 8))
