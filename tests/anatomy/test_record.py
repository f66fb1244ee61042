"""What a recorded forward keeps: names, parameters, writes in place, modes, errors."""

from __future__ import annotations

import threading

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from striate.anatomy.graph.record import Graph, Node, record
from striate.errors import NetworkError
from striate.zoo.create import create

IMAGE = (1, 3, 8, 8)


class Lambda(nn.Module):
    def __init__(self, function, **parts: nn.Module) -> None:
        super().__init__()
        self.function = function
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, *x: Tensor) -> Tensor:
        return self.function(self, *x)


def recorded(function, *shapes: tuple[int, ...], **parts: nn.Module) -> Graph:
    return record(Lambda(function, **parts), *(torch.empty(s) for s in shapes or (IMAGE,)))


def named(graph: Graph, name: str) -> Node:
    (found,) = [node for node in graph.nodes if node.name == name]
    return found


def test_operators_are_nodes_with_their_modules_and_attributes() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, (3, 5), 2, (1, 0), bias=False), nn.ReLU(inplace=True))
    graph = record(network, torch.empty(IMAGE), name="small")
    image, conv, relu = graph.nodes
    assert (graph.network, graph.inputs, graph.outputs) == ("small", ((3, 8, 8),), (2,))
    assert (image.operator, image.shape, image.bytes) == ("input", IMAGE, 4 * 3 * 64)
    assert (conv.name, conv.operator, conv.kind, conv.inputs) == (
        "0",
        "convolution",
        "Conv2d",
        (0,),
    )
    assert conv.aten == "aten.convolution.default"
    assert conv.shape == (1, 4, 4, 2)
    assert conv.bytes == 4 * 4 * 4 * 2
    assert conv.attributes["kernel"] == (3, 5)
    assert conv.attributes["stride"] == (2, 2)
    assert conv.attributes["padding"] == (1, 0)
    assert conv.parameters == ("0.weight",)
    assert (relu.name, relu.operator, relu.bytes, relu.inputs) == ("1", "relu", 0, (1,))
    assert graph.modules == {"": "Sequential", "0": "Conv2d", "1": "ReLU"}
    assert graph.parameters == {"0.weight": 180}
    assert graph.used == {"0.weight"}


def test_names_are_unique_and_say_which_call() -> None:
    def forward(self: Lambda, x: Tensor) -> Tensor:
        x = self.relu(self.conv(x))
        return self.relu(self.conv(x)) + x + 1

    graph = recorded(forward, conv=nn.Conv2d(3, 3, 3, padding=1), relu=nn.ReLU())
    names = [node.name for node in graph.nodes]
    assert names == ["input", "conv", "relu", "conv#2", "relu#2", "add", "add#2"]
    assert [named(graph, name).call for name in ("conv", "conv#2")] == [0, 1]
    assert named(graph, "conv").module == named(graph, "conv#2").module == "conv"


def test_functional_layers_know_their_parameters() -> None:
    network = Lambda(lambda self, x: F.linear(x.flatten(1), self.weight.t().contiguous()))
    network.weight = nn.Parameter(torch.empty(192, 5))
    graph = record(network, torch.empty(IMAGE))
    assert graph.nodes[-1].operator == "linear"
    assert graph.nodes[-1].parameters == ("weight",)


def test_writes_into_parts_of_a_tensor_join_where_it_is_read() -> None:
    def forward(self: Lambda, x: Tensor) -> Tensor:
        out = torch.zeros(1, 6, 8, 8)
        out[:, :3] = x
        out[:, 3:] = torch.relu(x)
        return self.conv(out)

    graph = recorded(forward, conv=nn.Conv2d(6, 2, 1))
    (index,) = named(graph, "conv").inputs
    whole = graph.nodes[index]
    assert (whole.operator, whole.shape) == ("assemble", (1, 6, 8, 8))
    read = [graph.nodes[index].operator for index in whole.inputs]
    assert read == ["assemble", "copy"]  # the first half, then the second
    assert graph.nodes[whole.inputs[1]].inputs == (named(graph, "relu").index,)


def test_a_view_sees_what_is_written_into_its_base_later() -> None:
    def forward(self: Lambda, x: Tensor) -> Tensor:
        x = x + 1
        part = x[:, :1]
        x.mul_(2)
        return part

    graph = recorded(forward)
    assert "multiply" in {
        graph.nodes[index].operator for index in graph.nodes[graph.outputs[0]].inputs
    }


def test_splits_are_slices_and_their_order_is_kept() -> None:
    def forward(self: Lambda, x: Tensor) -> Tensor:
        first, second = x.split((1, 2), 1)
        return torch.cat((second, first), 1)

    graph = recorded(forward)
    slices = [node.attributes for node in graph.nodes if node.operator == "slice"]
    assert [(a["dim"], a["start"], a["end"]) for a in slices] == [(1, 0, 1), (1, 1, 3)]
    assert graph.nodes[-1].inputs == (2, 1)


def test_several_inputs_and_outputs() -> None:
    graph = recorded(lambda self, a, b: {"sum": a + b, "all": [a * 2]}, IMAGE, IMAGE)
    assert graph.inputs == ((3, 8, 8), (3, 8, 8))
    assert [graph.nodes[index].operator for index in graph.outputs] == ["add", "multiply"]


def test_training_mode_shows_auxiliary_heads_and_dropout() -> None:
    network = create("googlenet").eval()
    network.fc.train()
    image = torch.empty(1, 3, 64, 64, device="meta")
    prediction, training = record(network, image), record(network, image, training=True)
    assert len(prediction.outputs) == 1
    assert len(training.outputs) == 3
    assert {name.split(".")[0] for name in set(training.parameters) - prediction.used} == {
        "aux1",
        "aux2",
    }
    assert any(node.operator == "dropout" for node in training.nodes)
    assert all(node.operator != "dropout" for node in prediction.nodes)
    assert network.fc.training
    assert not network.training


def test_a_real_network_is_left_as_it_was() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    before = {key: value.clone() for key, value in network.state_dict().items()}
    call = nn.Module.__call__
    record(network, torch.randn(IMAGE), training=True)
    assert nn.Module.__call__ is call
    assert network.training
    assert all(parameter.device.type == "cpu" for parameter in network.parameters())
    for key, value in network.state_dict().items():
        assert torch.equal(value, before[key]), key


def test_other_threads_are_not_recorded() -> None:
    other = nn.Linear(2, 2)

    def forward(self: Lambda, x: Tensor) -> Tensor:
        thread = threading.Thread(target=other, args=(torch.ones(1, 2),))
        thread.start()
        thread.join()
        return x + 1

    assert [node.name for node in recorded(forward).nodes] == ["input", "add"]


def test_constants_of_the_forward_need_no_device() -> None:
    def forward(self: Lambda, x: Tensor) -> Tensor:
        scale = torch.tensor([1.0, 2.0, 3.0]).view(1, 3, 1, 1)
        return x * scale + int(torch.tensor(3).item())

    assert [node.operator for node in recorded(forward).nodes] == ["input", "multiply", "add"]


def test_random_masks_are_dropout() -> None:
    def forward(self: Lambda, x: Tensor) -> Tensor:
        return x * torch.empty(1, 3, 1, 1).bernoulli_(0.5)

    assert recorded(forward).nodes[-1].operator == "dropout"


def choose(self: Lambda, x: Tensor) -> Tensor:
    return self.inner(x)


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (lambda self, x: x if x.mean() > 0 else -x, "a tensor is turned into a number"),
        (lambda self, x: x * x.max().item(), "a tensor is turned into a number"),
        (lambda self, x: x[x > 0], "positions are chosen by value"),
        (lambda self, x: torch.as_tensor(x.numpy()), "values, not on shapes"),
    ],
)
def test_what_depends_on_values_names_the_layer(function, reason: str) -> None:
    with pytest.raises(NetworkError, match="layer 'inner'") as caught:
        recorded(choose, inner=Lambda(function))
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_wrong_size_names_the_layer_that_fails() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(100, 2))
    with pytest.raises(NetworkError, match=r"layer '2' \(Linear\): fails on input of shape") as e:
        record(network, torch.empty(IMAGE), name="small")
    assert str(e.value).startswith("small, ")
    with pytest.raises(NetworkError, match="layer '0'"):
        record(network, torch.empty(1, 1, 8, 8))
    with pytest.raises(NetworkError, match="layer '0'"):
        record(network, torch.empty(1, 3, 2, 2))


def test_a_networks_own_error_about_its_input_goes_through() -> None:
    with pytest.raises(NetworkError, match="takes"):
        record(create("lenet5"), torch.empty(1, 1, 28, 28))


def test_lazy_layers_must_have_run_once() -> None:
    with pytest.raises(NetworkError, match="has no shape before the first batch"):
        record(nn.Sequential(nn.LazyLinear(3)), torch.empty(1, 4))


def test_interruptions_are_no_errors_of_the_network() -> None:
    def forward(self: Lambda, x: Tensor) -> Tensor:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        recorded(forward)
    assert nn.Module.__call__.__qualname__.startswith("Module.")
