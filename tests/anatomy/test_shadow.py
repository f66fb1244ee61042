"""Recording touches nothing: a copy runs, and whoever uses the network notices nothing."""

from __future__ import annotations

import copy
import functools
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from striate.anatomy.graph.record import record
from striate.anatomy.graph.shadow import shadow, shared, to_meta
from striate.errors import NetworkError

sys.path.insert(0, str(Path(__file__).parent))
from dependence import Lambda

IMAGE = (1, 3, 8, 8)


def small() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.Dropout(), nn.Flatten()
    )


def state(network: nn.Module) -> dict[str, Any]:
    """All that a module holds, values included."""
    held: dict[str, Any] = {}
    for path, module in network.named_modules():
        held[path] = {
            key: dict(value) if isinstance(value, dict) else copy.copy(value)
            for key, value in vars(module).items()
            if key not in {"_parameters", "_buffers"}
        }
    for key, value in (*network.named_parameters(), *network.named_buffers()):
        held[f"{key} itself"] = id(value), value.device.type, value.requires_grad
        held[f"{key} holds"] = value.detach().clone().numpy().tobytes()
    return held


@pytest.mark.parametrize("training", [False, True])
def test_a_live_network_is_left_as_it_was(training: bool) -> None:
    network = small()
    before, call = state(network), nn.Module.__call__
    record(network, torch.randn(IMAGE), training=training)
    assert state(network) == before
    assert nn.Module.__call__ is call


def test_it_is_left_as_it_was_after_an_error() -> None:
    def fail(self: Lambda, x: Tensor) -> Tensor:
        self.layer(x)
        self.seen.append(x)
        self.last = x
        raise ValueError("in the middle")

    network = Lambda(fail, layer=small(), seen=[])
    before = state(network)
    with pytest.raises(NetworkError, match="in the middle"):
        record(network, torch.randn(IMAGE))
    assert state(network) == before
    assert network.seen == []
    assert not hasattr(network, "last")


def test_what_a_forward_keeps_is_kept_by_the_copy() -> None:
    """Counters, caches and lists of outputs; a second forward of the copy finds none of them."""

    def forward(self: Lambda, x: Tensor) -> Tensor:
        self.count += 1
        self.step.add_(1)
        self.outputs.append(x)
        self.cache.setdefault("x", x)
        assert self.count == 1
        return x + self.cache["x"]

    network = Lambda(forward, count=0, outputs=[], cache={}, step=torch.zeros(1))
    assert record(network, torch.randn(IMAGE)).saved is not None
    assert (network.count, network.outputs, network.cache) == (0, [], {})
    assert network.step.item() == 0


def test_the_process_draws_as_if_nothing_had_been_recorded() -> None:
    generator = torch.Generator().manual_seed(5)

    def forward(self: Lambda, x: Tensor) -> Tensor:
        noise = torch.rand(3, 1, 1) + torch.randn(3, 1, 1, generator=generator)
        noise = noise * torch.empty(3, 1, 1).bernoulli_(0.5) + torch.randperm(3).view(3, 1, 1)
        return nn.functional.dropout(x * noise, training=True)

    before = torch.get_rng_state(), generator.get_state()
    record(Lambda(forward), torch.empty(IMAGE))
    assert torch.equal(torch.get_rng_state(), before[0])
    assert torch.equal(generator.get_state(), before[1])


def test_threads_that_use_networks_meanwhile_get_what_they_always_get() -> None:
    """Another network, and the very one that is recorded, in training mode and on real images."""
    same = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten())
    encoder = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True).eval()
    image, tokens = torch.randn(2, 3, 8, 8), torch.randn(2, 5, 8)
    with torch.no_grad():
        wanted = same(image), encoder(tokens)
    stop, wrong = threading.Event(), []

    def use() -> None:
        while not stop.is_set():
            with torch.no_grad():
                found = same(image), encoder(tokens)
            fast = torch.backends.mha.get_fastpath_enabled()
            equal = all(map(torch.equal, found, wanted))
            if not equal or not fast or not same.training or same[0].weight.is_meta:
                wrong.append(found)
                return

    threads = [threading.Thread(target=use) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        graphs = [record(same, torch.empty(IMAGE)) for _ in range(40)]
        graphs += [record(encoder, torch.empty(1, 5, 8)) for _ in range(10)]
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert not wrong
    assert len({tuple(node.name for node in graph.nodes) for graph in graphs}) == 2


def test_several_threads_record_one_network() -> None:
    network = small()
    found: list[int] = []

    def work() -> None:
        found.extend(len(record(network, torch.empty(IMAGE)).nodes) for _ in range(10))

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 30
    assert len(set(found)) == 1
    assert network.training


def test_what_leads_to_modules_leads_to_their_copies() -> None:
    """Lists, bound methods and partial functions, which no `ModuleList` knows of."""

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.norm = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)
            self.steps = [self.conv, self.norm]
            self.method = self.conv.forward
            self.part = functools.partial(self.conv, input=None)
            self.lock = threading.Lock()
            self.conv.register_forward_hook(self.after)

        def after(self, *_: object) -> None:
            self.last = "seen"

        def forward(self, x: Tensor) -> Tensor:
            for step in self.steps:
                x = step(x)
            return self.method(x)

    network = Network()
    copied = shadow(network, to_meta, training=False)
    assert copied.steps == [copied.conv, copied.norm]
    assert copied.method.__self__ is copied.conv
    assert copied.part.func is copied.conv
    assert copied.lock is network.lock  # what cannot be copied is shared
    graph = record(network, torch.empty(IMAGE))
    assert [(node.operator, node.module) for node in graph.nodes[1:]] == [
        ("convolution", "conv"), ("batch norm", "norm"), ("convolution", ""),
    ]  # fmt: skip
    assert not hasattr(network, "last")


def test_shared_weights_stay_shared_and_tied_modules_one() -> None:
    network = nn.Module()
    network.a = network.b = nn.Linear(3, 3)
    network.c = nn.Linear(3, 3)
    network.c.weight = network.a.weight
    copied = shadow(network, to_meta, training=False)
    assert copied.a is copied.b
    assert copied.c.weight is copied.a.weight


def test_a_copy_with_the_weights_themselves_leaves_buffers_alone() -> None:
    network = nn.BatchNorm2d(3)
    copied = shadow(network, shared, training=True)
    assert copied.weight is network.weight
    copied(torch.randn(4, 3, 2, 2))
    assert network.num_batches_tracked == 0
    assert torch.equal(network.running_mean, torch.zeros(3))


def test_recurrent_layers_use_the_copied_weights() -> None:
    graph = record(nn.LSTM(3, 4), torch.empty(2, 1, 3))
    assert graph.used == set(graph.parameters)


def test_wrappers_are_left_out() -> None:
    inner = small()
    network = nn.Sequential(nn.DataParallel(inner), nn.Linear(4 * 36, 2))
    names = [node.name for node in record(network, torch.empty(IMAGE)).nodes]
    assert names == ["input", "0.0", "0.1", "0.2", "0.4.view", "1"]
    assert [node.name for node in record(nn.DataParallel(inner), torch.empty(IMAGE)).nodes][:2] == [
        "input", "0",
    ]  # fmt: skip


@pytest.mark.slow
def test_compiled_modules_are_looked_through() -> None:
    network = small()
    network[0].compile()  # in place
    wrapped = torch.compile(network)
    graph = record(wrapped, torch.empty(IMAGE))
    assert graph.network == "Sequential"
    assert graph.nodes[1].name == "0"
    assert network[0]._compiled_call_impl is not None


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.torch.jit:")
def test_torchscript_is_refused_by_name() -> None:
    inner = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
    for script in (torch.jit.script(inner), torch.jit.trace(inner, torch.zeros(IMAGE))):
        for network in (script, nn.Sequential(script)):
            with pytest.raises(NetworkError, match="TorchScript") as caught:
                record(network, torch.empty(IMAGE))
            assert "\n" not in str(caught.value)
