"""Heat maps of exported graphs are Grad-CAM: captum's, and autograd's."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from striate.deploy.cam.output import add_heat_map
from striate.deploy.cam.reference import heat_maps
from striate.engines.capture import GraphOptions, capture
from striate.engines.heat_maps import HEAT_MAP, OF_CLASS
from striate.engines.probabilities import Probabilities
from striate.errors import ExportError
from striate.hub.heads import LinearSVMHead, RBFSVMHead, SoftmaxHead
from striate.zoo.create import create

OPTIONS = GraphOptions(input_name="image", capture="trace")


def with_heat_map(network: nn.Module, images: Tensor) -> tuple[onnx.ModelProto, dict[str, Any]]:
    module = Probabilities(network).eval()
    model = capture(module, torch.zeros_like(images), {0: "batch"}, OPTIONS)
    told = json.loads(add_heat_map(model, OPTIONS.opset))
    onnx.checker.check_model(model, full_check=True)
    return model, told


def computed(
    model: onnx.ModelProto, images: Tensor, label: int | None = None
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Probabilities and heat maps."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    chosen = {} if label is None else {OF_CLASS: np.array([label])}
    answer, heat = session.run(None, {"image": images.numpy(), **chosen})
    return answer, heat


def network_of(name: str, **variant: Any) -> nn.Module:
    torch.manual_seed(7)
    network = create(name, **variant).eval().requires_grad_(requires_grad=False)
    generator = torch.Generator().manual_seed(1)
    for module in network.modules():  # as after training: nothing of it is 0 or 1
        if isinstance(module, nn.BatchNorm2d):
            module.weight.uniform_(0.5, 1.5, generator=generator)
            module.bias.uniform_(-0.2, 0.2, generator=generator)
    return network


def images_of(*size: int, count: int = 2) -> Tensor:
    return torch.randn(count, *size, generator=torch.Generator().manual_seed(3))


CLASSIC = [
    ("resnet18", "conv5_x", (3, 64, 64), "cam"),
    ("googlenet_bn", "inception_5b", (3, 64, 64), "cam"),
    pytest.param("alexnet", "pool5", (3, 227, 227), "grad-cam", marks=pytest.mark.exhaustive),
    pytest.param("vgg11", "conv5", (3, 224, 224), "grad-cam", marks=pytest.mark.exhaustive),
    ("alexnet_half", "pool5", (3, 224, 224), "grad-cam"),
    ("lenet", "pool2", (1, 32, 32), "grad-cam"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "layer", "size", "method"), CLASSIC)
def test_captum_gives_the_same(
    name: str, layer: str, size: tuple[int, int, int], method: str
) -> None:
    captum = pytest.importorskip("captum.attr")
    network, images = network_of(name), images_of(*size, count=1)
    model, told = with_heat_map(network, images_of(*size))
    assert told["method"] == method
    cam = captum.LayerGradCam(network.forward, network.get_submodule(layer))
    for label in (0, 4):
        right = cam.attribute(images.clone().requires_grad_(), target=label)[:, 0].detach().numpy()
        heat = computed(model, images, label)[1]
        assert heat.shape == right.shape
        assert np.abs(heat - right).max() <= 1e-4 * np.abs(right).max()


SMALL = [
    ("lenet", {}, (1, 32, 32), "grad-cam"),
    ("lenet5", {}, (1, 32, 32), "grad-cam"),
    ("mnist_example", {}, (1, 28, 28), "grad-cam"),
    ("resnet20", {}, (3, 32, 32), "cam"),
    ("nin_cifar", {}, (3, 32, 32), "cam"),
]


@pytest.mark.parametrize(("name", "variant", "size", "method"), SMALL)
def test_autograd_gives_the_same(
    name: str, variant: dict[str, Any], size: tuple[int, int, int], method: str
) -> None:
    network, images = network_of(name, **variant), images_of(*size, count=3)
    model, told = with_heat_map(network, images)
    assert told["method"] == method
    right = heat_maps(network, images, 2, tuple(told["grid"]))
    answer, heat = computed(model, images, 2)
    assert np.abs(heat - right).max() <= 1e-4 * np.abs(right).max()
    with torch.no_grad():
        probabilities = torch.softmax(network(images), 1).numpy()
    np.testing.assert_allclose(answer, probabilities, atol=1e-6)


class Headed(nn.Module):
    """Features of a small network, averaged, and a head that was fitted to them."""

    def __init__(self, head: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.ReLU(), nn.Conv2d(8, 12, 3))
        self.head = head

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.relu(self.layers(x)).mean((2, 3)))


def fitted(head: nn.Module) -> nn.Module:
    """A head with numbers of its own."""
    generator = torch.Generator().manual_seed(5)
    for name, tensor in head.state_dict().items():
        tensor.copy_(torch.rand(tensor.shape, generator=generator) + 0.2)
        if name.endswith("slope"):
            tensor.neg_()
    return head


@pytest.mark.parametrize(
    ("head", "method"),
    [
        (SoftmaxHead(12, 4), "cam"),
        (LinearSVMHead(12, 4), "grad-cam"),
        (RBFSVMHead(12, 4, 9), "grad-cam"),
    ],
)
def test_fitted_heads(head: nn.Module, method: str) -> None:
    torch.manual_seed(0)
    network = Headed(fitted(head)).eval().requires_grad_(requires_grad=False)
    images = images_of(3, 21, 27, count=3)
    model, told = with_heat_map(network, images)
    assert (told["method"], told["grid"]) == (method, [8, 11])
    for label in range(4):
        right = heat_maps(network, images, label, (8, 11))
        heat = computed(model, images, label)[1]
        assert np.abs(heat - right).max() <= 1e-4 * np.abs(right).max()


def test_cam_adds_up_to_the_score() -> None:
    network, images = network_of("resnet20"), images_of(3, 32, 32, count=4)
    model, _ = with_heat_map(network, images)
    with torch.no_grad():
        scores = (network(images) - network.get_submodule("fc").bias).numpy()
    for label in (0, 9):
        heat = computed(model, images, label)[1]
        np.testing.assert_allclose(heat.sum((1, 2)), scores[:, label], atol=1e-4)


def test_the_likeliest_class_of_each_image_is_the_default() -> None:
    network, images = network_of("lenet"), images_of(1, 32, 32, count=6)
    model, _ = with_heat_map(network, images)
    answer, heat = computed(model, images)
    for number, best in enumerate(answer.argmax(1)):
        one = computed(model, images[number : number + 1], int(best))[1]
        np.testing.assert_allclose(heat[number], one[0], atol=1e-6)
    assert [each.name for each in model.graph.output] == ["probabilities", HEAT_MAP]


class NoMap(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(48, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x.flatten(1))


class Sine(Headed):
    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.sin(torch.relu(self.layers(x)).mean((2, 3))))


@pytest.mark.parametrize(
    ("network", "size", "why"),
    [
        (NoMap(), (3, 4, 4), "no last feature map"),
        (Sine(SoftmaxHead(12, 4)), (3, 21, 21), "no way back through the operator Sin"),
    ],
)
def test_what_cannot_be_explained_is_said(
    network: nn.Module, size: tuple[int, int, int], why: str
) -> None:
    with pytest.raises(ExportError, match=why):
        with_heat_map(network.eval(), images_of(*size))
