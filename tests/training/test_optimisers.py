"""From a recipe's optimiser to PyTorch's: the class and its constants."""

from __future__ import annotations

import pytest
import torch

from striate.recipes.load import load_recipe
from striate.recipes.recipe import Optimiser
from striate.training.optimisers import make_optimiser


@pytest.mark.parametrize(
    ("spec", "kind", "wanted"),
    [
        (Optimiser(momentum=0.8), "SGD", {"momentum": 0.8, "nesterov": False, "lr": 0.1}),
        (Optimiser(name="adam", betas=(0.8, 0.9)), "Adam", {"betas": (0.8, 0.9)}),
        (Optimiser(name="adamw", eps=1e-3), "AdamW", {"eps": 1e-3}),
        (Optimiser(name="rmsprop", alpha=0.7), "RMSprop", {"alpha": 0.7}),
        (Optimiser(name="adadelta", alpha=0.7), "Adadelta", {"rho": 0.7}),
    ],
)
def test_the_constants_arrive(spec: Optimiser, kind: str, wanted: dict) -> None:
    made = make_optimiser(torch.nn.Linear(2, 2), spec)
    assert type(made).__name__ == kind
    assert {key: made.defaults[key] for key in wanted} == wanted


def test_the_mnist_example_is_trained_as_in_the_example() -> None:
    recipe = load_recipe(
        "classic",
        network="mnist_example",
        family="mnist_example",
        normalised=False,
        grey=True,
        small=True,
    )
    made = make_optimiser(torch.nn.Linear(2, 2), recipe.optimiser)
    example = torch.optim.Adadelta([torch.nn.Parameter(torch.ones(1))], lr=1.0)
    assert {key: made.defaults[key] for key in ("lr", "rho", "eps", "weight_decay")} == {
        key: example.defaults[key] for key in ("lr", "rho", "eps", "weight_decay")
    }


@pytest.mark.parametrize("decay_norms", [True, False])
def test_norms_and_biases_decay_where_the_recipe_says_so(decay_norms: bool) -> None:
    """With gradients of zero a step of plain descent shrinks what decays and nothing else."""
    layers = [torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2), torch.nn.Linear(2, 2)]
    network = torch.nn.Sequential(*layers)
    for parameter in network.parameters():
        torch.nn.init.ones_(parameter)
        parameter.grad = torch.zeros_like(parameter)
    spec = Optimiser(rate=0.5, momentum=0.0, weight_decay=0.1, decay_norms=decay_norms)
    make_optimiser(network, spec).step()
    for name, parameter in network.named_parameters():
        decays = decay_norms or name in ("0.weight", "2.weight")
        wanted = torch.full_like(parameter, 1 - 0.5 * 0.1 if decays else 1.0)
        torch.testing.assert_close(parameter.detach(), wanted, msg=name)
