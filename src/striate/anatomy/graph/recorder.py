"""What listens during a recorded forward: every ATen operator, and the module that runs it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

from torch import Tensor, nn

from striate.anatomy.graph.arguments import parts_of_split
from striate.anatomy.graph.operators import Traits, bind, describe, traits_of
from striate.anatomy.graph.shapes import Shapes, tensors_of

NOTHING: frozenset[str] = frozenset()


@dataclass(slots=True)
class Entry:
    """A node in the making: its name is given when the whole forward is known."""

    operator: str
    aten: str
    key: str
    module: str
    call: int
    operands: tuple[int, ...]
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


class Recorder(Shapes):  # type: ignore[no-untyped-call]
    """Keeps an `Entry` for each operator that reads something of the network's inputs.

    Tensors are known by identity; all that were seen stay alive until the recorder is thrown away,
    so that no identity is used twice. Meta tensors weigh nothing.

    `network` is a shadow: listeners are hung on its modules and stay there.
    """

    def __init__(self, network: nn.Module, *, values: bool = False) -> None:
        super().__init__(values=values)
        self.entries: list[Entry] = []
        self.used: set[str] = set()
        self.returned: dict[tuple[str, int], tuple[int, ...]] = {}  # by module and call
        self.paths: dict[int, str] = {}
        self._origins: dict[int, Origin] = {}
        self._memories: dict[int, Memory] = {}
        self._alive: list[Any] = []
        self._stack: list[tuple[str, int]] = [("", 0)]
        self._calls: dict[str, int] = {}
        for path, module in network.named_modules():
            self._listen(path, module)
        for name, value in network.named_parameters():
            self._remember(value, Origin(-1, frozenset((name,))))

    # -- what the network is given, and what it gives ------------------------------------------

    def add_input(self, value: Tensor) -> Tensor:
        """Make `value` an input of the graph."""
        size = value.numel() * value.element_size()
        self._add(value, Entry("input", "", "input", "", 0, (), tuple(value.shape), size, {}, ()))
        return value

    def find(self, output: Any) -> tuple[int, ...]:
        """Give the nodes of all tensors in what a network returned."""
        found = ((self._node_of(value), value) for value in tensors_in(output))
        return tuple(node for node, _ in found if node >= 0)

    # -- modules -------------------------------------------------------------------------------

    def _listen(self, path: str, module: nn.Module) -> None:
        """Know when the module runs, and what it returns."""
        self.paths[id(module)] = path

        def begins(_: nn.Module, args: Any) -> None:
            number = self._calls.get(path, 0)
            self._calls[path] = number + 1
            self._stack.append((path, number))

        def ends(_: nn.Module, args: Any, output: Any) -> None:
            origins = (self._origins.get(id(value), UNKNOWN) for value in tensors_in(output))
            self.returned[self._stack.pop()] = tuple(each.node for each in origins)

        module.register_forward_pre_hook(begins, prepend=True)
        module.register_forward_hook(ends, always_call=True)

    # -- operators -----------------------------------------------------------------------------

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        """Run one operator on shapes, and keep it if it reads something of the inputs."""
        kwargs = kwargs or {}
        traits = traits_of(func)
        tensors = tensors_of(args, kwargs)
        if traits.shape_alone:
            return self.run(func, traits, args, kwargs, tensors)
        operands: list[int] = []
        parameters: set[str] = set()
        noise = False
        for value in tensors:
            node = self._node_of(value)
            operands.append(node)
            if node < 0:
                origin = self._origins.get(id(value), UNKNOWN)
                parameters |= origin.parameters
                noise |= origin.noise
        self.used |= parameters
        output = self.run(func, traits, args, kwargs, tensors)
        if max(operands, default=-1) < 0 and not (parameters and traits.costly):
            self._note_constant(traits, output, frozenset(parameters), tensors)
            return output
        if traits.name == "aten.copy_.default" and operands[1] >= 0:
            operands[0] = -1  # what was there is overwritten
        operator, attributes = describe(traits, args, kwargs, output, [o >= 0 for o in operands])
        if noise and operator == "multiply":
            operator = "dropout"
        names = tuple(sorted(parameters))
        if traits.splits:
            for part, extra in parts_of_split(bind(traits, args, kwargs), output):
                kind = "slice" if "step" in extra else "select"
                self._record(part, kind, kind, traits, operands, extra, names)
        else:
            self._record(output, operator, traits.key, traits, operands, attributes, names)
        return output

    def _record(  # noqa: PLR0917 - the parts of an entry
        self,
        output: Any,
        operator: str,
        key: str,
        traits: Traits,
        operands: Sequence[int],
        attributes: Mapping[str, Any],
        parameters: tuple[str, ...],
    ) -> None:
        """Keep an entry for the first tensor of `output`; the others are known by it too."""
        parts = tensors_in(output)
        if not parts:
            return
        value, (path, number) = parts[0], self._stack[-1]
        size = 0 if traits.in_place or traits.view else value.numel() * value.element_size()
        index = self._add(
            value,
            Entry(
                operator,
                traits.name,
                key,
                path,
                number,
                tuple(operands),
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

    def _node_of(self, value: Tensor) -> int:
        """Give the node that `value` comes from; parts written through other views join in one.

        Of an operator that gives several tensors the node is that of the first: the others get
        nodes of their own where they have another shape.
        """
        origin = self._origins.get(id(value), UNKNOWN)
        if origin.node >= 0 and self.entries[origin.node].shape != tuple(value.shape):
            origin = Origin(self._join("part", (origin.node,), value))
        memory = self._memories.get(value.untyped_storage()._cdata)
        later = [index for index in memory.writes if index > origin.node] if memory else []
        if not later:
            return origin.node
        inputs = (origin.node, *later) if origin.node >= 0 else tuple(later)
        return self._join("assemble", inputs, value)

    def _join(self, operator: str, inputs: tuple[int, ...], value: Tensor) -> int:
        """Add a node that no operator stands for."""
        path, number = self._stack[-1]
        shape = tuple(value.shape)
        entry = Entry(operator, "", operator, path, number, inputs, shape, 0, {}, ())
        return self._add(value, entry)

    def _note_constant(
        self, traits: Traits, output: Any, parameters: frozenset[str], tensors: list[Tensor]
    ) -> None:
        noise = traits.random or any(
            self._origins.get(id(value), UNKNOWN).noise for value in tensors
        )
        if not parameters and not noise:
            return
        for part in tensors_in(output):
            self._remember(part, Origin(-1, parameters, noise))


def tensors_in(value: Any) -> list[Tensor]:
    """All tensors in what a module takes or gives, however they are wrapped."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, Mapping):
        value = list(value.values())
    elif is_dataclass(value) and not isinstance(value, type):
        value = [getattr(value, each.name) for each in fields(value)]
    if isinstance(value, list | tuple):
        return [each for part in value for each in tensors_in(part)]
    return []
