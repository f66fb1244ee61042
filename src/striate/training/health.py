"""Sizes of gradients and activations a layer: how vanishing and exploding show themselves."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn


def _weighted_layers(network: nn.Module) -> list[tuple[str, nn.Module]]:
    """The layers that hold weights of two and more dimensions, in the order of their definition."""
    return [
        (name, module)
        for name, module in network.named_modules()
        if any(p.ndim > 1 for p in module.parameters(recurse=False))
    ]


def _rms(tensor: Tensor) -> Tensor:
    """Root mean square, a scalar on the tensor's device."""
    return tensor.detach().float().square().mean().sqrt()


class Health:
    """Root mean squares of one step, taken while `watch` is open.

    They cost a pass over every activation, so the loop opens it on one step an epoch only.
    """

    def __init__(self, network: nn.Module) -> None:
        self.layers = _weighted_layers(network)
        self.activations: dict[str, Tensor] = {}

    @contextmanager
    def watch(self) -> Iterator[None]:
        """Note the size of every layer's output during the forward pass inside."""
        self.activations = {}

        def note(name: str) -> Any:
            def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
                if isinstance(output, Tensor):
                    self.activations[name] = _rms(output)

            return hook

        handles = [module.register_forward_hook(note(name)) for name, module in self.layers]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def measure(self) -> dict[str, dict[str, float]]:
        """After the backward pass: ``{layer: {"gradient", "activation", "weight"}}``."""
        found: dict[str, dict[str, float]] = {}
        for name, module in self.layers:
            weights = [p for p in module.parameters(recurse=False) if p.ndim > 1]
            gradients = [p.grad for p in weights if p.grad is not None]
            if not gradients or name not in self.activations:
                continue
            found[name] = {
                "gradient": float(max(_rms(gradient) for gradient in gradients)),
                "activation": float(self.activations[name]),
                "weight": float(max(_rms(weight) for weight in weights)),
            }
        return found


def first_problem(entry: Mapping[str, Any]) -> str:
    """Which figure of a line of ``metrics.jsonl`` is not finite; an empty string for none."""
    validation = entry.get("validation", {})
    if not all(math.isfinite(figure) for figure in validation.values()):
        return f"the validation loss is not finite ({validation['loss']})"
    for layer, sizes in entry["health"].items():
        for name, size in sizes.items():
            if not math.isfinite(size):
                return f"the {name} of '{layer}' is not finite ({size})"
    return ""


@torch.no_grad()
def first_not_finite(network: nn.Module, inputs: Tensor) -> str:
    """Where NaN or infinity first appears: a parameter, the input, or the output of a layer."""
    for name, parameter in network.named_parameters():
        if not torch.isfinite(parameter).all():
            return f"first seen in the weights of '{name}'"
    if not torch.isfinite(inputs).all():
        return "first seen in the input images"
    found: list[str] = []

    def note(name: str) -> Any:
        def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
            if isinstance(output, Tensor) and not found and not torch.isfinite(output).all():
                found.append(name)

        return hook

    leaves = [(n, m) for n, m in network.named_modules() if not list(m.children())]
    handles = [module.register_forward_hook(note(name)) for name, module in leaves]
    try:
        network(inputs)
    finally:
        for handle in handles:
            handle.remove()
    return f"first seen in the output of '{found[0]}'" if found else "first seen in the loss itself"
