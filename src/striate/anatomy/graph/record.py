"""One forward on meta tensors, kept as a graph: the start of everything in this room.

No weight is allocated and no number computed: a copy of the network runs on tensors that have
shapes alone, and each ATen operator that reads something of the input becomes a `Node`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from striate.anatomy.costs.backward import saved_bytes
from striate.anatomy.graph.failures import explain_failure, failed_at
from striate.anatomy.graph.operators import PLUMBING
from striate.anatomy.graph.recorder import Entry, Recorder, tensors_in
from striate.anatomy.graph.shadow import shadow, to_meta
from striate.anatomy.graph.shapes import Functions
from striate.errors import StriateError


@dataclass(frozen=True, kw_only=True)
class Node:
    """One operator of a forward, with the tensor that it gives."""

    index: int
    operator: str  # readable: "convolution", "linear", "max pool", "batch norm", "add", …
    aten: str  # "aten.convolution.default"; "" for an input
    key: str  # what rules know it by: "convolution", "relu" also in place, "input", …
    module: str  # path of the innermost module called, "" = the network itself
    call: int  # which call of that module, 0 first
    kind: str  # class of that module
    name: str  # unique in the graph: "layer1.0.conv1", "layer1.0.add", "relu#2"
    operands: tuple[int, ...]  # the node of each tensor that it reads; -1: not of the inputs
    shape: tuple[int, ...]  # of its output, batch axis first
    bytes: int  # that its output allocates: 0 for views and operators in place
    attributes: Mapping[str, Any]  # kernel, stride, padding, dilation, groups, dim, scale, …
    parameters: tuple[str, ...]  # names of the parameters that it reads

    @cached_property
    def inputs(self) -> tuple[int, ...]:
        """Nodes that it reads, each once; none but those that descend from the inputs."""
        return tuple(dict.fromkeys(index for index in self.operands if index >= 0))

    @property
    def output(self) -> tuple[int, ...]:
        """Its output's shape without the batch axis; whole where others were folded into that."""
        return self.shape[1:] if self.shape[:1] == (1,) else self.shape


@dataclass(frozen=True, kw_only=True)
class Graph:
    """All operators of one forward with a batch of one, in order of execution."""

    network: str  # name for people
    inputs: tuple[tuple[int, ...], ...]  # shapes without the batch axis
    dtypes: tuple[torch.dtype, ...]  # of the inputs
    nodes: tuple[Node, ...]  # the first are the inputs
    outputs: tuple[int, ...]
    modules: Mapping[str, str]  # path -> class of every module, called or not
    parameters: Mapping[str, int]  # name -> number of values, shared ones once
    used: frozenset[str]  # parameters that the forward read
    saved: int | None  # bytes kept for the backward pass; None where it has none
    training: bool = False
    #: Path -> for each call of that module, the nodes that it returned (-1: not of the inputs).
    returned: Mapping[str, tuple[tuple[int, ...], ...]] = field(default_factory=dict)
    #: Path -> settings of a module that no operator shows: dropout's rate, for one.
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


#: Modules whose operators do not tell what they are, with the attributes that do.
SETTINGS = {
    "Dropout": ("p",),
    "Dropout1d": ("p",),
    "Dropout2d": ("p",),
    "Dropout3d": ("p",),
    "AlphaDropout": ("p",),
    "LocalResponseNorm": ("size", "alpha", "beta", "k"),
    "BatchNorm1d": ("momentum",),
    "BatchNorm2d": ("momentum",),
    "BatchNorm3d": ("momentum",),
}


def record(
    network: nn.Module,
    *inputs: Any,
    name: str = "",
    training: bool = False,
    named: Mapping[str, Any] | None = None,
) -> Graph:
    """Run a copy of `network` on meta copies of the inputs, and keep what it did.

    The network may live anywhere and be used meanwhile; nothing of it is copied but shapes, and
    nothing of it changes.

    Args:
        network: any module.
        *inputs: what its forward takes: tensors with the batch axis first, (1, C, H, W) for images;
            also lists and dictionaries of them, and plain values.
        name: for people; the class if absent.
        training: record it in training mode, auxiliary heads and dropout included.
        named: what the forward takes by name.

    Raises:
        NetworkError: the forward fails or depends on values, naming the layer; a network's own
            error about its input goes through as it is.
    """
    title = name or type(network).__name__
    copied = shadow(network, to_meta, training=training, title=title)
    title = name or type(copied).__name__
    recorder = Recorder(copied)
    given = tensors_in([inputs, named or {}])
    args = _on_meta(inputs, recorder)
    kwargs = _on_meta(dict(named or {}), recorder)
    try:
        with torch.no_grad(), Functions(), recorder:
            output = copied(*args, **kwargs)
        outputs = recorder.find(output)
    except StriateError:
        raise
    except Exception as error:
        path = failed_at(error, recorder.paths)
        kind = type(copied.get_submodule(path)).__name__
        raise explain_failure(error, title, path, kind, given) from error
    # Another copy: the first may have kept tensors, counters or caches of its own.
    again = shadow(network, to_meta, training=training, title=title)
    saved = saved_bytes(again, _on_meta(inputs), _on_meta(dict(named or {})))
    return _finish(recorder, copied, title, given, outputs, saved)


def _on_meta(value: Any, recorder: Recorder | None = None) -> Any:
    """Replace every tensor by a meta tensor, which is made an input of the recorder."""
    if isinstance(value, Tensor):
        moved = torch.empty_like(value, device="meta", requires_grad=False)
        return moved if recorder is None else recorder.add_input(moved)
    if isinstance(value, Mapping):
        return {key: _on_meta(each, recorder) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_on_meta(each, recorder) for each in value)
    return value


def _finish(  # noqa: PLR0917 - all that the forward left
    recorder: Recorder,
    network: nn.Module,
    title: str,
    inputs: list[Tensor],
    outputs: tuple[int, ...],
    saved: int | None,
) -> Graph:
    modules = dict(network.named_modules())
    kinds = {path: type(module).__name__ for path, module in modules.items()}
    names = _name(
        recorder.entries, {path for path, module in modules.items() if not module._modules}
    )
    nodes = tuple(
        Node(
            index=index,
            operator=entry.operator,
            aten=entry.aten,
            key=entry.key,
            module=entry.module,
            call=entry.call,
            kind=kinds[entry.module],
            name=names[index],
            operands=entry.operands,
            shape=entry.shape,
            bytes=entry.bytes,
            attributes=_with_absent(entry, modules[entry.module]),
            parameters=entry.parameters,
        )
        for index, entry in enumerate(recorder.entries)
    )
    returned: dict[str, list[tuple[int, ...]]] = {}
    for (path, _), found in sorted(recorder.returned.items()):
        returned.setdefault(path, []).append(found)
    return Graph(
        network=title,
        inputs=tuple(tuple(value.shape[1:]) for value in inputs),
        dtypes=tuple(value.dtype for value in inputs),
        nodes=nodes,
        outputs=outputs,
        modules=kinds,
        parameters={key: value.numel() for key, value in network.named_parameters()},
        used=frozenset(recorder.used),
        saved=saved,
        training=network.training,
        returned={path: tuple(calls) for path, calls in returned.items()},
        settings={
            path: {key: getattr(module, key, None) for key in SETTINGS[kinds[path]]}
            for path, module in modules.items()
            if kinds[path] in SETTINGS
        },
    )


def _with_absent(entry: Entry, module: nn.Module) -> Mapping[str, Any]:
    """Add settings of a module: kernels that a dense convolution holds as zeros."""
    absent = getattr(module, "absent_kernels", 0)
    if entry.key != "convolution" or not absent:
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
