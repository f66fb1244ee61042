"""What listens during a recorded forward: every ATen operator, and the module that runs it."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from striate.anatomy.attributes import parts_of_split
from striate.anatomy.operators import Traits, bind, describe, traits_of
from striate.anatomy.shortcuts import shape_of_output

NOTHING: frozenset[str] = frozenset()


class Unrecordable(Exception):  # noqa: N818 - becomes a NetworkError that names the layer
    """The forward asks for a value where there are shapes alone."""


@dataclass(slots=True)
class Entry:
    """A node in the making: its name is given when the whole forward is known."""

    operator: str
    aten: str
    module: str
    call: int
    inputs: tuple[int, ...]
    shape: tuple[int, ...]
    bytes: int
    attributes: Mapping[str, Any]
    parameters: tuple[str, ...]


@dataclass(slots=True)
class Origin:
    """Where a tensor comes from: a node (-1: none) and, without a node, parameters."""

    node: int
    parameters: frozenset[str] = NOTHING
    noise: bool = False  # drawn at random, as the masks of dropout are


@dataclass(slots=True)
class Memory:
    """What was written into one piece of memory, by whichever of the tensors that share it."""

    writes: list[int] = field(default_factory=list)


UNKNOWN = Origin(-1)


class Tape(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Keeps an `Entry` for each operator that reads something of the network's inputs.

    Tensors are known by identity; all that were seen stay alive until the tape is thrown away, so
    that no identity is used twice. Meta tensors weigh nothing.
    """

    def __init__(self, modules: Mapping[str, nn.Module], parameters: Mapping[str, Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.entries: list[Entry] = []
        self.used: set[str] = set()
        self.failed: str | None = None  # the innermost module that raised
        self.paths = {id(module): path for path, module in modules.items()}
        self._origins: dict[int, Origin] = {}
        self._memories: dict[int, Memory] = {}
        self._alive: list[Any] = []
        self._stack: list[tuple[str, int]] = [("", 0)]
        self._calls: dict[str, int] = {}
        for name, value in parameters.items():
            self._remember(value, Origin(-1, frozenset((name,))))

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Keep PyTorch from loading its compiler, seconds of work, to say that it is not used."""
        return False

    # -- what the network is given, and what it gives ------------------------------------------

    def add_input(self, value: Tensor) -> Tensor:
        """Make `value` an input of the graph."""
        size = value.numel() * value.element_size()
        self._add(value, Entry("input", "", "", 0, (), tuple(value.shape), size, {}, ()))
        return value

    def find(self, output: Any) -> tuple[int, ...]:
        """Give the nodes of all tensors in what a network returned."""
        if isinstance(output, Tensor):
            node = self._node_of(output)
            return () if node < 0 else (node,)
        if isinstance(output, Mapping):
            output = list(output.values())
        if isinstance(output, list | tuple):
            return tuple(node for part in output for node in self.find(part))
        return ()

    # -- modules -------------------------------------------------------------------------------

    @contextmanager
    def following_modules(self) -> Iterator[None]:
        """Know which module runs, while the context lasts, in this thread alone."""
        thread, original = threading.get_ident(), nn.Module.__call__

        def call(module: nn.Module, *args: Any, **kwargs: Any) -> Any:
            path = self.paths.get(id(module))
            if path is None or threading.get_ident() != thread:
                return original(module, *args, **kwargs)
            number = self._calls.get(path, 0)
            self._calls[path] = number + 1
            self._stack.append((path, number))
            try:
                return original(module, *args, **kwargs)
            except Exception:
                self.failed = path if self.failed is None else self.failed
                raise
            finally:
                self._stack.pop()

        nn.Module.__call__ = call  # type: ignore[method-assign]
        try:
            yield
        finally:
            nn.Module.__call__ = original  # type: ignore[method-assign]

    # -- operators -----------------------------------------------------------------------------

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        """Run one operator on shapes, and keep it if it reads something of the inputs."""
        kwargs = kwargs or {}
        traits = traits_of(func)
        tensors = [value for value in (*args, *kwargs.values()) if isinstance(value, Tensor)]
        for value in args:
            if isinstance(value, list | tuple):
                tensors.extend(part for part in value if isinstance(part, Tensor))
        if traits.shape_alone:
            return self._run(func, traits, args, kwargs, tensors)
        nodes: list[int] = []
        parameters: set[str] = set()
        noise = False
        for value in tensors:
            node = self._node_of(value)
            if node >= 0:
                nodes.append(node)
            else:
                origin = self._origins.get(id(value), UNKNOWN)
                parameters |= origin.parameters
                noise |= origin.noise
        self.used |= parameters
        output = self._run(func, traits, args, kwargs, tensors)
        if not nodes and not (parameters and traits.costly):
            self._note_constant(traits, output, frozenset(parameters), tensors)
            return output
        if traits.name == "aten.copy_.default" and self._origin_is_node(args[1]):
            nodes = nodes[-1:]  # what was there is overwritten
        known = [self._origin_is_node(value) for value in tensors]
        operator, attributes = describe(traits, args, kwargs, output, known)
        if noise and operator == "multiply":
            operator = "dropout"
        inputs = tuple(dict.fromkeys(nodes))
        names = tuple(sorted(parameters))
        if traits.splits:
            for part, extra in parts_of_split(bind(traits, args, kwargs), output):
                kind = "slice" if "step" in extra else "select"
                self._record(part, kind, traits, inputs, extra, names)
        else:
            self._record(output, operator, traits, inputs, attributes, names)
        return output

    def _record(  # noqa: PLR0917 - the parts of an entry
        self,
        output: Any,
        operator: str,
        traits: Traits,
        inputs: tuple[int, ...],
        attributes: Mapping[str, Any],
        parameters: tuple[str, ...],
    ) -> None:
        """Keep an entry for the first tensor of `output`; the others are known by it too."""
        parts = (
            [output]
            if isinstance(output, Tensor)
            else [part for part in output if isinstance(part, Tensor)]
        )
        if not parts:
            return
        value, (path, number) = parts[0], self._stack[-1]
        size = 0 if traits.in_place or traits.view else value.numel() * value.element_size()
        index = self._add(
            value,
            Entry(
                operator,
                traits.name,
                path,
                number,
                inputs,
                tuple(value.shape),
                size,
                attributes,
                parameters,
            ),
        )
        if traits.in_place:
            self._memory(value).writes.append(index)
        for part in parts[1:]:
            self._remember(part, Origin(index))

    def _run(self, func: Any, traits: Traits, args: Any, kwargs: Any, tensors: list[Tensor]) -> Any:
        if traits.value_wanted and tensors and tensors[0].is_meta:
            raise Unrecordable(traits.value_wanted)
        if traits.base == "index" and any(
            value.dtype == torch.bool and value.is_meta for value in tensors[1:]
        ):
            raise Unrecordable("positions are chosen by value")
        if any(value.is_meta for value in tensors) and not all(value.is_meta for value in tensors):
            # A constant made on the CPU inside the forward. What is written into it has no values:
            # the constant keeps its own, and its origin says that it holds something of the input.
            if traits.in_place and not args[0].is_meta:
                return args[0]
            args, kwargs = _on_meta(args), {key: _on_meta(value) for key, value in kwargs.items()}
        elif tensors and tensors[0].is_meta and not kwargs:
            shortcut = shape_of_output(traits, args)
            if shortcut is not None:
                return shortcut
        return func(*args, **kwargs)

    # -- tensors -------------------------------------------------------------------------------

    def _add(self, value: Tensor, entry: Entry) -> int:
        self.entries.append(entry)
        index = len(self.entries) - 1
        self._remember(value, Origin(index))
        return index

    def _remember(self, value: Tensor, origin: Origin) -> None:
        self._origins[id(value)] = origin
        self._alive.append(value)

    def _memory(self, value: Tensor) -> Memory:
        storage = value.untyped_storage()
        memory = self._memories.get(storage._cdata)
        if memory is None:
            memory = self._memories[storage._cdata] = Memory()
            self._alive.append(storage)
        return memory

    def _origin_is_node(self, value: Tensor) -> bool:
        return self._origins.get(id(value), UNKNOWN).node >= 0

    def _node_of(self, value: Tensor) -> int:
        """Give the node that `value` comes from; parts written through other views join in one."""
        origin = self._origins.get(id(value), UNKNOWN)
        memory = self._memories.get(value.untyped_storage()._cdata)
        later = [index for index in memory.writes if index > origin.node] if memory else []
        if not later:
            return origin.node
        inputs = (origin.node, *later) if origin.node >= 0 else tuple(later)
        path, number = self._stack[-1]
        entry = Entry("assemble", "", path, number, inputs, tuple(value.shape), 0, {}, ())
        return self._add(value, entry)

    def _note_constant(
        self, traits: Traits, output: Any, parameters: frozenset[str], tensors: list[Tensor]
    ) -> None:
        noise = traits.random or any(
            self._origins.get(id(value), UNKNOWN).noise for value in tensors
        )
        if not parameters and not noise:
            return
        parts = output if isinstance(output, list | tuple) else (output,)
        for part in parts:
            if isinstance(part, Tensor):
                self._remember(part, Origin(-1, parameters, noise))


def _on_meta(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value if value.is_meta else torch.empty_like(value, device="meta")
    if isinstance(value, list | tuple):
        return type(value)(_on_meta(part) for part in value)
    if isinstance(value, torch.device):
        return torch.device("meta")
    return value
