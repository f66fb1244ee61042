"""CAM and Grad-CAM are captum's, and what they claim to be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from striate.data.preprocessing import Preprocessing
from striate.hub.heads import Head, LinearSVMHead, RBFSVMHead, SoftmaxHead
from striate.hub.surgery import Headless, Transferred
from striate.inference.explaining.gradients import GradientMaps, Scores
from striate.zoo.create import create

CPU = torch.device("cpu")


def fit(*size: int) -> Preprocessing:
    channels, height, width = size
    return Preprocessing(
        resize=height,
        height=height,
        width=width,
        channels=channels,
        mean=(0.45,) * channels,
        std=(0.2,) * channels,
    )


def noise(count: int, channels: int, height: int, width: int) -> NDArray[np.uint8]:
    generator = np.random.default_rng(count)
    return generator.integers(0, 256, (count, height, width, channels), dtype=np.uint8)


def network_of(name: str, **variant: Any) -> nn.Module:
    torch.manual_seed(7)
    return create(name, **variant).eval()


@pytest.mark.parametrize(
    ("name", "layer", "size", "method"),
    [
        ("lenet", "pool2", (1, 32, 32), "grad-cam"),
        ("resnet20", "stage3.2", (3, 32, 32), "cam"),
        ("mnist_example", "pool", (1, 28, 28), "grad-cam"),
        pytest.param(
            "googlenet_bn", "inception_5b", (3, 96, 96), "cam", marks=pytest.mark.exhaustive
        ),
        pytest.param("alexnet", "pool5", (3, 227, 227), "grad-cam", marks=pytest.mark.exhaustive),
    ],
)
def test_captum_gives_the_same(
    name: str, layer: str, size: tuple[int, int, int], method: str
) -> None:
    captum = pytest.importorskip("captum.attr")
    network, preprocessing = network_of(name), fit(*size)
    maps = GradientMaps(network, preprocessing, CPU)
    assert maps.method == method
    pixels, labels = noise(3, *size), [4, 0, 7]
    inputs = preprocessing.normalise(torch.from_numpy(pixels)).requires_grad_()
    cam = captum.LayerGradCam(network, network.get_submodule(layer))
    right = cam.attribute(inputs, target=torch.tensor(labels))[:, 0].detach().numpy()
    heat = maps.of(pixels, labels)
    assert heat.shape == right.shape == (3, *maps.grid)
    assert heat.dtype == np.float32
    assert np.abs(heat - right).max() <= 1e-5 * np.abs(right).max()
    # Nothing of the network has changed, and nothing but its shadow was listened to.
    assert all(each.grad is None for each in network.parameters())
    assert not any(each._forward_hooks for each in network.modules())


def test_the_numbers_of_cam_add_up_to_the_score_less_its_bias() -> None:
    network = network_of("resnet20", classes=3)
    preprocessing = fit(3, 32, 32)
    pixels = noise(2, 3, 32, 32)
    with torch.no_grad():
        scores = network(preprocessing.normalise(torch.from_numpy(pixels)))
        wanted = scores - network.get_submodule("fc").bias
    maps = GradientMaps(network, preprocessing, CPU)
    for label in range(3):
        heat = maps.of(pixels, [label, label])
        np.testing.assert_allclose(heat.sum((1, 2)), wanted[:, label].numpy(), rtol=1e-4)


def test_a_temperature_makes_maps_as_much_smaller_as_scores() -> None:
    network, preprocessing, pixels = network_of("lenet"), fit(1, 32, 32), noise(1, 1, 32, 32)
    plain = GradientMaps(network, preprocessing, CPU).of(pixels, [2])
    hot = GradientMaps(network, preprocessing, CPU, temperature=4.0).of(pixels, [2])
    np.testing.assert_allclose(4 * hot, plain, rtol=1e-5)


class ChannelsLast(nn.Module):
    """A map whose channels are its last axis, made in place."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.fc = nn.Conv2d(3, 5, 3), nn.Linear(5, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(torch.relu_(self.conv(x).permute(0, 2, 3, 1)).mean((1, 2)))


def test_channels_may_be_the_last_axis() -> None:
    torch.manual_seed(0)
    network, preprocessing = ChannelsLast().eval(), fit(3, 9, 7)
    pixels = noise(2, 3, 9, 7)
    with torch.no_grad():
        inputs = preprocessing.normalise(torch.from_numpy(pixels))
        right = (torch.relu(network.conv(inputs)) * network.fc.weight[1, :, None, None]).sum(1) / 35
    heat = GradientMaps(network, preprocessing, CPU).of(pixels, [1, 1])
    np.testing.assert_allclose(heat, right.numpy(), rtol=1e-4, atol=1e-7)


def fitted(head: Head) -> Head:
    """A head as after fitting: nothing in it is 0 or 1."""
    generator = torch.Generator().manual_seed(5)
    for name, value in (*head.named_buffers(), *head.named_parameters()):
        if "width" not in name:
            value.data.uniform_(0.2, 0.9, generator=generator)
    with torch.no_grad():
        head.linear.weight.sub_(0.5)
    return head


@pytest.mark.parametrize(
    ("head", "method"),
    [
        (SoftmaxHead(64, 3), "cam"),
        (LinearSVMHead(64, 3), "cam"),
        (RBFSVMHead(64, 3, vectors=6), "grad-cam"),
    ],
)
def test_heads_are_explained_by_what_they_decide_by(head: Head, method: str) -> None:
    """By the chain rule in NumPy, from the decision values' gradient at the features."""
    head = fitted(head)
    network = Transferred(Headless(network_of("resnet20"), "fc"), head).eval()
    preprocessing, pixels = fit(3, 32, 32), noise(2, 3, 32, 32)
    maps = GradientMaps(network, preprocessing, CPU)
    assert maps.method == method
    heat = maps.of(pixels, [2, 2])
    inputs = preprocessing.normalise(torch.from_numpy(pixels))
    with torch.no_grad():
        seen = network.backbone.network.features(inputs).double().numpy()
    features = seen.mean((2, 3))
    centre, spread = (each.double().numpy() for each in head.standardise.buffers())
    weight = head.linear.weight.detach().double().numpy()[2]
    if isinstance(head, RBFSVMHead):
        support, gamma = head.support.double().numpy(), float(head.gamma)
        apart = ((features - centre) / spread)[:, None] - support[None]
        kernel = np.exp(-gamma * (apart**2).sum(2))
        weight = np.einsum("nv,nvd,v->nd", kernel, -2 * gamma * apart, weight - weight.mean())
    gradient = np.broadcast_to(weight / spread, features.shape)
    right = (gradient[:, :, None, None] * seen).sum(1) / 64
    assert np.abs(heat - right).max() <= 1e-4 * np.abs(right).max()
    with torch.no_grad():
        logits, scores = network(inputs), Scores(network)(inputs)
    assert torch.equal(logits, scores) == isinstance(head, SoftmaxHead)
