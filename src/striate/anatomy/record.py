"""One forward on meta tensors, kept as a graph: the start of everything in this room.

No weight is allocated and no number computed: the network's operators run on tensors that have
shapes alone, and each ATen operator that reads something of the input becomes a `Node`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedBuffer, UninitializedParameter

from striate.anatomy.operators import PLUMBING
from striate.anatomy.tape import Entry, Tape, Unrecordable
from striate.errors import NetworkError, StriateError

Modules = Mapping[str, nn.Module]


@dataclass(frozen=True, kw_only=True)
class Node:
    """One operator of a forward, with the tensor that it gives."""

    index: int
    operator: str  # readable: "convolution", "linear", "max pool", "batch norm", "add", …
    aten: str  # "aten.convolution.default"; "" for an input
    module: str  # path of the innermost module called, "" = the network itself
    call: int  # which call of that module, 0 first
    kind: str  # class of that module
    name: str  # unique in the graph: "layer1.0.conv1", "layer1.0.add", "relu#2"
    inputs: tuple[int, ...]  # nodes that it reads; none but those that descend from the inputs
    shape: tuple[int, ...]  # of its output, batch axis first
    bytes: int  # that its output allocates: 0 for views and operators in place
    attributes: Mapping[str, Any]  # kernel, stride, padding, dilation, groups, dim, scale, …
    parameters: tuple[str, ...]  # names of the parameters that it reads

    @property
    def output(self) -> tuple[int, ...]:
        """Its output's shape without the batch axis; whole where others were folded into that."""
        return self.shape[1:] if self.shape[:1] == (1,) else self.shape


@dataclass(frozen=True, kw_only=True)
class Graph:
    """All operators of one forward with a batch of one, in order of execution."""

    network: str  # name for people
    inputs: tuple[tuple[int, ...], ...]  # shapes without the batch axis
    nodes: tuple[Node, ...]  # the first are the inputs
    outputs: tuple[int, ...]
    modules: Mapping[str, str]  # path -> class of every module, called or not
    parameters: Mapping[str, int]  # name -> number of values, shared ones once
    used: frozenset[str]  # parameters that the forward read


def record(network: nn.Module, *inputs: Tensor, name: str = "", training: bool = False) -> Graph:
    """Run `network` once on meta copies of `inputs`, and keep what it did.

    The network may live anywhere; nothing of it is copied but shapes, and nothing of it changes.
    Each input has its batch axis first, (1, C, H, W) for images. `training` records the network in
    training mode, auxiliary heads and dropout included; otherwise in evaluation mode.

    Raises
    ------
    NetworkError: where the forward fails or depends on values, naming the layer; a network's own
        error about its input goes through as it is.
    """
    network = getattr(network, "_orig_mod", network)  # what torch.compile wrapped
    title = name or type(network).__name__
    modules = dict(network.named_modules())
    parameters = dict(network.named_parameters())
    given = {**parameters, **dict(network.named_buffers())}
    stored = _meta_tensors(given, title)
    moved = any(value is not stored[key] for key, value in given.items())
    tape = Tape(modules, {key: stored[key] for key in parameters})
    arguments = [tape.add_input(torch.empty_like(value, device="meta")) for value in inputs]
    try:
        with _mode(modules, training), torch.no_grad(), tape.following_modules(), tape:
            if moved:
                output = torch.func.functional_call(network, stored, tuple(arguments))
            else:
                output = network(*arguments)
        outputs = tape.find(output)
    except StriateError:
        raise
    except Exception as error:
        raise _explain(error, tape, title, modules, inputs) from error
    return _finish(tape, parameters, modules, title, inputs, outputs)


def _meta_tensors(given: Mapping[str, Tensor], title: str) -> dict[str, Tensor]:
    """Give every parameter and buffer as a meta tensor: itself where it is one already."""
    found: dict[str, Tensor] = {}
    for key, value in given.items():
        if isinstance(value, UninitializedParameter | UninitializedBuffer):
            raise NetworkError(
                f"{title}, '{key}'",
                "has no shape before the first batch",
                "run the network once on an image, then look at it",
            )
        if value.is_meta:
            found[key] = value
        elif isinstance(value, nn.Parameter):
            moved = torch.empty_like(value, device="meta", requires_grad=False)
            found[key] = nn.Parameter(moved, requires_grad=False)
        else:
            found[key] = torch.empty_like(value, device="meta")
    return found


@contextmanager
def _mode(modules: Modules, training: bool) -> Iterator[None]:
    """Put all modules in one mode, and each back in its own afterwards."""
    before = [(module, module.training) for module in modules.values()]
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # it would hide attention's layers in one call
    try:
        for module, _ in before:
            module.training = training
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
        for module, mode in before:
            module.training = mode


def _explain(
    error: Exception, tape: Tape, title: str, modules: Modules, inputs: tuple[Tensor, ...]
) -> NetworkError:
    kind = type(modules[tape.failed or ""]).__name__
    where = f"{title}, layer '{tape.failed}' ({kind})" if tape.failed else title
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    reason = lines[0].rstrip(".") if lines else type(error).__name__
    if isinstance(error, Unrecordable) or re.search(r"\bmeta\b", reason, re.IGNORECASE):
        return NetworkError(
            where,
            f"its forward depends on values, not on shapes alone: {reason}",
            "the layers after it cannot be known without running it on an image",
        )
    shapes = " and ".join(str(tuple(value.shape)) for value in inputs)
    return NetworkError(
        where, f"fails on input of shape {shapes}: {reason}", "give the size that the network takes"
    )


def _finish(  # noqa: PLR0917 - all that the forward left
    tape: Tape,
    parameters: Mapping[str, Tensor],
    modules: Modules,
    title: str,
    inputs: tuple[Tensor, ...],
    outputs: tuple[int, ...],
) -> Graph:
    kinds = {path: type(module).__name__ for path, module in modules.items()}
    names = _name(tape.entries, {path for path, module in modules.items() if not module._modules})
    nodes = tuple(
        Node(
            index=index,
            operator=entry.operator,
            aten=entry.aten,
            module=entry.module,
            call=entry.call,
            kind=kinds[entry.module],
            name=names[index],
            inputs=entry.inputs,
            shape=entry.shape,
            bytes=entry.bytes,
            attributes=_with_absent(entry, modules[entry.module]),
            parameters=entry.parameters,
        )
        for index, entry in enumerate(tape.entries)
    )
    return Graph(
        network=title,
        inputs=tuple(tuple(value.shape[1:]) for value in inputs),
        nodes=nodes,
        outputs=outputs,
        modules=kinds,
        parameters={key: value.numel() for key, value in parameters.items()},
        used=frozenset(tape.used),
    )


def _with_absent(entry: Entry, module: nn.Module) -> Mapping[str, Any]:
    """Add what a module says of itself: kernels that a dense convolution holds as zeros."""
    absent = getattr(module, "absent_kernels", 0)
    if entry.operator != "convolution" or not absent:
        return entry.attributes
    return {**entry.attributes, "absent_kernels": absent}


def _name(entries: list[Entry], leaves: set[str]) -> list[str]:
    """Name each node by its module, with the operator where a module runs several."""
    counts: dict[tuple[str, int], int] = {}
    for entry in entries:
        if entry.operator not in PLUMBING:
            key = entry.module, entry.call
            counts[key] = counts.get(key, 0) + 1
    names: list[str] = []
    taken: dict[str, int] = {}
    for entry in entries:
        alone = counts.get((entry.module, entry.call)) == 1 and entry.operator not in PLUMBING
        if entry.module and alone and entry.module in leaves:
            base = entry.module
        else:
            base = ".".join(filter(None, (entry.module, entry.operator.replace(" ", "_"))))
        taken[base] = taken.get(base, 0) + 1
        names.append(base if taken[base] == 1 else f"{base}#{taken[base]}")
    return names
