"""Formulas of what counts do not explain; each is what PyTorch computes."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from striate.anatomy.explain import explain, explain_all
from striate.anatomy.graph.record import record
from striate.errors import NetworkError
from striate.zoo.create import create

sys.path.insert(0, str(Path(__file__).parent))
from dependence import Lambda

IMAGE = (1, 4, 5, 5)


def described(layer: nn.Module, *, training: bool = False) -> str:
    """All that is said of a layer."""
    graph = record(nn.Sequential(layer), torch.empty(IMAGE), training=training)
    found = explain(graph, "0").definition
    assert found is not None
    return "\n".join((found.formula, *found.notes))


def test_batch_normalisation() -> None:
    said = described(nn.BatchNorm2d(4, eps=1e-3, momentum=0.25))
    assert "y = γ·(x − μ) / √(σ² + ε) + β" in said
    assert "ε = 0.001" in said
    assert "move by 0.25 of the way" in said
    assert "2·4 numbers that are stored and not learnt" in said
    layer, x = nn.BatchNorm2d(4, eps=1e-3, momentum=0.25), torch.randn(6, 4, 5, 5)
    mean, variance = x.mean((0, 2, 3)), x.var((0, 2, 3), unbiased=False)
    shape = (1, 4, 1, 1)
    by_formula = (x - mean.view(shape)) / (variance.view(shape) + 1e-3).sqrt()
    torch.testing.assert_close(layer(x), by_formula)
    torch.testing.assert_close(layer.running_mean, 0.25 * mean)
    assert "γ" not in described(nn.BatchNorm2d(4, affine=False))


def test_normalisations_that_have_no_memory() -> None:
    assert "the positions of one channel of one image" in described(nn.InstanceNorm2d(4))
    assert "(2 groups)" in described(nn.GroupNorm(2, 4))
    assert "at prediction as in training" in described(nn.LayerNorm(5))


def test_dropout_gives_back_what_it_is_given() -> None:
    network = nn.Sequential(nn.Conv2d(4, 4, 1), nn.Dropout(0.3))
    found = explain(record(network, torch.empty(IMAGE)), "1")
    assert found.operator == "computes nothing at prediction"
    assert found.inputs == (("0", (4, 5, 5)),)
    assert found.definition is not None
    assert found.definition.formula == "y = 0 with probability p, else x / (1 − 0.3)"
    said = found.to_json()["definition"]["notes"][0]
    assert said.startswith("in training: each value is dropped with probability p = 0.3")
    trained = explain(record(network, torch.empty(IMAGE), training=True), "1")
    assert trained.definition == found.definition
    assert trained.operator == "dropout"


def local_response(x: Tensor, size: int, alpha: float, beta: float, k: float) -> Tensor:
    """The formula, channel by channel."""
    made = torch.empty_like(x)
    for c in range(x.shape[1]):
        near = x[:, max(0, c - size // 2) : c + size // 2 + 1]
        made[:, c] = x[:, c] / (k + alpha * near.square().sum(1)) ** beta
    return made


def test_local_response_normalisation() -> None:
    graph = record(create("alexnet"), torch.empty(1, 3, 227, 227))
    found = explain(graph, "norm1").definition
    assert found is not None
    assert found.formula == "b_c = a_c / (k + α·Σ a_j²)^β, j the 5 channels around c"
    assert found.notes[0].startswith("k = 2, α = 0.0001, β = 0.75")
    x = torch.randn(2, 8, 3, 3)
    ours = create("alexnet").norm1
    torch.testing.assert_close(ours(x), local_response(x, 5, 1e-4, 0.75, 2.0))
    theirs = nn.LocalResponseNorm(5, alpha=1e-2, beta=0.5, k=1.5)
    assert "k + α/5·Σ a_j²" in described(theirs)
    torch.testing.assert_close(theirs(x), local_response(x, 5, 1e-2 / 5, 0.5, 1.5))


def test_softmax() -> None:
    said = described(nn.Softmax(1))
    assert said.startswith("y_i = exp(x_i) / Σ_j exp(x_j), j all 4 values of its axis")
    assert "ln(exp(x_i)" in described(nn.LogSoftmax(1))


@pytest.mark.parametrize(
    "layer",
    [nn.ReLU(), nn.Sigmoid(), nn.Tanh(), nn.SiLU(), nn.Mish(), nn.Hardswish(), nn.Hardsigmoid()],
    ids=lambda layer: type(layer).__name__,
)
def test_activations_are_what_their_formulas_say(layer: nn.Module) -> None:
    formula = described(layer).removeprefix("y = ")
    for mark, plain in (("·", "*"), ("−", "-"), ("tanh(ln(", "math.tanh(math.log(")):
        formula = formula.replace(mark, plain)
    for at in (-4.0, -0.5, 0.25, 3.5):
        value = eval(formula, {"x": at, "exp": math.exp, "math": math})
        assert value == pytest.approx(layer(torch.tensor(at)).item(), rel=1e-5)


def test_attention() -> None:
    network = Lambda(lambda _, x: nn.functional.scaled_dot_product_attention(x, x, x))
    found = explain(record(network, torch.empty(IMAGE)), "attention").definition
    assert found is not None
    assert found.formula.startswith("y = softmax(Q·Kᵀ / √d)·V")


def test_a_layer_that_training_alone_runs_is_told_so() -> None:
    graph = record(create("googlenet"), torch.empty(1, 3, 224, 224, device="meta"))
    with pytest.raises(NetworkError, match="training mode may run it"):
        explain(graph, "aux1")


def test_all_layers_in_turn() -> None:
    graph = record(create("lenet"), torch.empty(1, 1, 32, 32))
    every = explain_all(graph)
    assert [each.layer for each in every] == [
        node.name for node in graph.nodes[1:] if node.operator != "view"
    ]
    whole = explain(graph, "conv2")
    short = next(each for each in every if each.layer == "conv2")
    assert (short.lines, short.forward, short.jump) == (whole.lines, whole.forward, whole.jump)
    assert short.backward == ((), ())
