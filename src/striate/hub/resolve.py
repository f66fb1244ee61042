"""From what a person writes to a network: a name, a prefix, a file of their own, a module.

What may be written is in `striate.hub.names`. A person's own file or module is a program, and runs
only where the caller says so: what a file names (a run's ``run.toml``) comes from anybody.

A program gives a `torch.nn.Module`: it names one, a class of that kind, or a function that returns
one. The folder of a file, or the working directory for a module, can be imported from meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from striate.anatomy.graph.examples import record_examples, record_shapes
from striate.anatomy.graph.record import Graph
from striate.anatomy.graph.wrappers import unwrapped
from striate.errors import NetworkError
from striate.hub.first_layer import COLOURS
from striate.hub.input_shapes import Shape, Size, input_shapes
from striate.hub.names import ALLOWING, LONGEST, Spec, parse, refuse_code
from striate.hub.user_code import SIZES, OwnNetwork, load_file, load_module
from striate.support.aside import printing_aside
from striate.support.text import printable
from striate.zoo.weightless import only_shapes, small_values, weightless


@dataclass(frozen=True, kw_only=True)
class Resolved:
    """A network and what to show it.

    Attributes:
        name: for people: what they wrote, or the class where they gave a module.
        network: on the meta device, unless it could not be made there or another was asked for.
        inputs: the shape (channels, height, width) of each input; nearly always one.
        source: where it came from, as `striate.hub.names.Spec` has it, or ``run``.
        files: of a person's own file: that, and what it imported from beside itself.
        sizes: what of ``classes`` and ``in_channels`` decides about a network like it.
    """

    name: str
    network: nn.Module
    inputs: tuple[Shape, ...]
    source: str
    files: tuple[Path, ...] = ()
    sizes: frozenset[str] = frozenset(SIZES)

    @property
    def input(self) -> Shape:
        """The shape of the first input: (channels, height, width)."""
        return self.inputs[0]

    def record(self, *, inputs: Any = None, training: bool = False) -> Graph:
        """One forward of it on meta tensors, as a graph.

        Args:
            inputs: examples of what to show it; its `inputs` if None.
            training: as the network is in training.

        Raises:
            NetworkError: its forward fails.
        """
        with printing_aside():  # a forward may print; standard output is the command's
            if inputs is None:
                return record_shapes(self.network, self.inputs, name=self.name, training=training)
            return record_examples(self.network, inputs, name=self.name, training=training)


def resolve(
    text: str,
    *,
    device: str = "meta",
    size: Size | None = None,
    classes: int | None = None,
    in_channels: int | None = None,
    variant: Mapping[str, Any] | None = None,
    allow_code: bool = False,
) -> Resolved:
    """Give the network that `text` names.

    Args:
        text: see `striate.hub.names`.
        device: ``meta`` for shapes alone; else where the weights go, freshly initialised.
        size: height and width of the image, or both as one number; the network's own if None.
        classes: as for `create`; the network's own if None. A person's own constructor gets it
            under one of the names of `striate.hub.user_code.SIZES`, if it takes it at all.
        in_channels: likewise.
        variant: further keywords of the network's constructor. Those of other libraries, which may
            load files and call what they are given, count as code, but for numbers that the library
            calls harmless.
        allow_code: the text comes from the person who runs this, not from a file: their own
            programs may run.

    Raises:
        NetworkError: nothing of that name, with the nearest; code that is not allowed; something
            that is no network; a network that needs arguments; a file that cannot be loaded; timm
            where it is not installed.
    """
    shown = printable(text[:LONGEST])
    if len(text) > LONGEST and not parse(text).is_code:
        raise NetworkError(f"network '{shown}…'", "there is no name as long as that", "")
    spec = parse(text) if allow_code else refuse_code(text, "a file")
    options = dict(variant or {})
    if options and not allow_code and spec.source != "catalogue":
        _refuse_options(shown, spec, options)
    own = _load(spec) if spec.is_code else None
    make = _maker(spec, own, classes, in_channels, options)
    network = _make(shown, make, device, is_code=spec.is_code)
    shapes = input_shapes(shown, network, size)
    found = Resolved(name=shown, network=network, inputs=shapes, source=spec.source)
    if own is None:
        return found
    sizes = frozenset(size for size in SIZES if own.keyword(size))
    return replace(found, files=tuple(sorted(own.files)), sizes=sizes)


def _load(spec: Spec) -> OwnNetwork:
    """What makes a person's own network."""
    return (load_file if spec.source == "file" else load_module)(spec.place, spec.name)


def _maker(
    spec: Spec,
    own: OwnNetwork | None,
    classes: int | None,
    in_channels: int | None,
    options: dict[str, Any],
) -> Callable[[], Any]:
    """What makes the network that `spec` names, a person's `own` or a library's."""
    if own is None:
        library = spec.library
        library.check(spec.name)
        return lambda: library.build(
            spec.name, classes=classes, in_channels=in_channels, options=options
        )
    if classes is not None and in_channels is None and own.needs("in_channels"):
        in_channels = COLOURS
    for size, value in (("classes", classes), ("in_channels", in_channels)):
        if value is not None and (keyword := own.keyword(size)):
            options.setdefault(keyword, value)
    return lambda: own(**options)


def _refuse_options(shown: str, spec: Spec, options: Mapping[str, Any]) -> None:
    """Raise for what a file names beside a library's network, if the library could run it."""
    harmless = spec.library.harmless
    code = [
        key
        for key, value in options.items()
        if key not in harmless or not isinstance(value, (bool, int, float))
    ]
    if code:
        raise NetworkError(
            f"network '{shown}'",
            f"stands in a file with options of {spec.source}'s ({printable(', '.join(code))}), "
            "which may run code",
            ALLOWING,
        )


def _make(shown: str, make: Callable[[], Any], device: str, *, is_code: bool) -> nn.Module:
    """Call `make` on `device`; for ``meta``, with as few values as its constructor lets us.

    First without any; then with those of small tensors, which it may compute with; in earnest where
    that is not enough. What a constructor prints steps aside: standard output is the command's own.
    """
    found: Any = None
    ways = (weightless, small_values) if device == "meta" else ()
    for way in ways:
        try:
            with way(), printing_aside():
                found = make()
        except NetworkError:
            raise
        except Exception:  # it is tried again, and fails at last for good reasons only
            continue
        break
    if found is None:
        try:
            where = torch.device("cpu" if device == "meta" else device)
            with where, printing_aside():
                found = make()
        except NetworkError:
            raise
        except Exception as error:
            problem = f"cannot be made ({type(error).__name__}: {_line(error)})"
            remedy = "mend its constructor" if is_code else "see the library's documentation"
            raise NetworkError(f"network '{shown}'", problem, remedy) from error
    if not isinstance(found, nn.Module):
        raise NetworkError(
            f"network '{shown}'",
            f"gives {type(found).__name__}, not a torch.nn.Module",
            "name a module, a class of modules, or a function that returns one",
        )
    network = unwrapped(found, shown)
    if ways and not is_code:
        only_shapes(network)
    return network


def _line(error: BaseException) -> str:
    """The first line of an error's message: libraries write pages."""
    return (str(error).strip().splitlines() or ["no message"])[0]
