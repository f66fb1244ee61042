"""From what a person writes to a network: a name, a prefix, a file of their own, a module.

What may be written is in `striate.hub.names`. A person's own file or module is a program, and runs
only where the caller says so: what a file names (a run's ``run.toml``) comes from anybody.

A program gives a `torch.nn.Module`: it names one, a class of that kind, or a function that returns
one. The folder of a file, or the working directory for a module, can be imported from meanwhile.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from striate.anatomy.graph.examples import record_examples, record_shapes
from striate.anatomy.graph.record import Graph
from striate.anatomy.graph.wrappers import unwrapped
from striate.errors import NetworkError, nearest
from striate.hub.input_shapes import Shape, Size, input_shapes
from striate.hub.names import ALLOWING, LONGEST, Source, Spec, parse, refuse_code
from striate.hub.user_code import load_file, load_module
from striate.support.aside import printing_aside
from striate.support.text import printable
from striate.zoo.catalogue import entries
from striate.zoo.create import NETWORKS, build
from striate.zoo.weightless import only_shapes, small_values, weightless

#: A name of timm's with the tag of weights: nothing that its own resolution would take for an
#: address, a repository or a path.
_TIMM_NAME = re.compile(r"\w+(\.\w+)?", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Resolved:
    """A network and what to show it.

    Attributes:
        name: for people: what they wrote, or the class where they gave a module.
        network: on the meta device, unless it could not be made there or another was asked for.
        inputs: the shape (channels, height, width) of each input; nearly always one.
        source: where it came from.
    """

    name: str
    network: nn.Module
    inputs: tuple[Shape, ...]
    source: Source

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
        classes: as for `create`; the network's own if None.
        in_channels: as for `create`; the network's own if None.
        variant: further keywords of the network's constructor. Those of other libraries, which may
            load files and call what they are given, count as code.
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
        raise NetworkError(
            f"network '{shown}'",
            f"stands in a file with options of {spec.source}'s ({printable(', '.join(options))}), "
            "which may run code",
            ALLOWING,
        )
    make = _maker(spec, shown, classes, in_channels, options)
    network = _make(shown, make, device, own=spec.is_code)
    return Resolved(
        name=shown,
        network=network,
        inputs=input_shapes(shown, network, size),
        source=spec.source,
    )


def _maker(
    spec: Spec, shown: str, classes: int | None, in_channels: int | None, options: dict[str, Any]
) -> Callable[[], Any]:
    """What makes the network that `spec` names."""
    if spec.source == "catalogue":
        _known_or_foreign(shown)
        return lambda: build(spec.name, classes=classes, in_channels=in_channels, variant=options)
    if spec.source == "torchvision":
        return _torchvision(spec.name, classes, in_channels, options)
    if spec.source == "timm":
        return _timm(spec.name, classes, in_channels, options)
    options |= {} if classes is None else {"classes": classes}
    options |= {} if in_channels is None else {"in_channels": in_channels}
    load = load_file if spec.source == "file" else load_module
    own = load(spec.place, spec.name)
    return lambda: own(**options)


def _make(shown: str, make: Callable[[], Any], device: str, *, own: bool) -> nn.Module:
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
            remedy = "mend its constructor" if own else "see the library's documentation"
            raise NetworkError(f"network '{shown}'", problem, remedy) from error
    if not isinstance(found, nn.Module):
        raise NetworkError(
            f"network '{shown}'",
            f"gives {type(found).__name__}, not a torch.nn.Module",
            "name a module, a class of modules, or a function that returns one",
        )
    network = unwrapped(found, shown)
    if ways and not own:
        only_shapes(network)
    return network


def _known_or_foreign(name: str) -> None:
    """Say which library has a network that the catalogue lacks; `create` words the rest."""
    if name in NETWORKS:
        return
    close = nearest(name, [entry.name for entry in entries()])
    near = "did you mean" in close  # timm takes seconds to load: only where nothing is near
    for library, names in (("torchvision", _torchvision_names), ("timm", _timm_names)):
        if (library == "torchvision" or not near) and name in names():
            raise NetworkError(
                f"network '{name}'", "not in the catalogue", f"{library}:{name} is {library}'s"
            )
    raise NetworkError(f"network '{name}'", "not in the catalogue", close)


def _line(error: BaseException) -> str:
    """The first line of an error's message: libraries write pages."""
    return (str(error).strip().splitlines() or ["no message"])[0]


def _torchvision_names() -> list[str]:
    from torchvision import models

    return list(models.list_models())


def _torchvision(
    name: str, classes: int | None, in_channels: int | None, options: dict[str, Any]
) -> Callable[[], Any]:
    """How to make torchvision's network called `name`."""
    from torchvision import models

    what = f"network 'torchvision:{printable(name)}'"
    if name not in (names := _torchvision_names()):
        raise NetworkError(what, "torchvision does not have it", nearest(name, names))
    for module, why in (
        (models.detection, "finds objects, and what it computes hangs on what it finds"),
        (models.video, "takes films, not images"),
    ):
        if name in models.list_models(module=module):
            raise NetworkError(what, why, "name a network for images")
    if in_channels is not None:
        raise NetworkError(
            f"in_channels {in_channels}", "torchvision's networks take colour images", ""
        )
    if classes is not None:
        options["num_classes"] = classes
    builder = inspect.signature(models.get_model_builder(name)).parameters
    if "weights_backbone" in builder:
        options["weights_backbone"] = None
    if name in {"googlenet", "inception_v3"}:
        options["init_weights"] = False  # minutes of SciPy's, and a warning
    return lambda: models.get_model(name, weights=None, **options)


def _timm_names() -> list[str]:
    try:
        import timm
    except ImportError:
        return []
    return list(timm.list_models())


def _timm(
    name: str, classes: int | None, in_channels: int | None, options: dict[str, Any]
) -> Callable[[], Any]:
    """How to make timm's network called `name`, a tag after a full stop allowed."""
    try:
        import timm
    except ImportError as error:
        raise NetworkError(
            f"network 'timm:{printable(name)}'", "timm is not installed", "pip install timm"
        ) from error
    if not _TIMM_NAME.fullmatch(name) or not timm.is_model(name):
        near = nearest(name, _timm_names())
        raise NetworkError(f"network 'timm:{printable(name)}'", "timm does not have it", near)
    options |= {} if classes is None else {"num_classes": classes}
    options |= {} if in_channels is None else {"in_chans": in_channels}
    return lambda: timm.create_model(name, pretrained=False, **options)
