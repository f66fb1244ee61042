"""From what a person writes to a network: a name, a prefix, a file of their own, a module.

===========================  ==========================================================
``resnet50``                 the catalogue's
``torchvision:resnet50``     torchvision's, without its weights
``timm:efficientnet_lite0``  timm's, without its weights
``path/net.py:Class``        a person's own file; its folder can be imported from meanwhile
``package.module:name``      a person's own module; the working directory can be imported from
===========================  ==========================================================

The last two name a `torch.nn.Module`, a class of that kind, or a function that returns one.
"""

from __future__ import annotations

import contextlib
import inspect
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from striate.errors import NetworkError, nearest
from striate.zoo.catalogue import entries
from striate.zoo.create import NETWORKS, create
from striate.zoo.own import load_file, load_module

Source = Literal["catalogue", "torchvision", "timm", "file", "module", "run"]
Shape = tuple[int, ...]

#: What a person's network takes if it does not say so: (channels, height, width).
USUAL = (3, 224, 224)
PREFIXES = ("torchvision", "timm")

# What fills a tensor. On the meta device there is nothing to fill, and PyTorch takes its time over
# it: a ResNet-152 is made in less than half the time without.
_FILLING = {
    nn.init.uniform_,
    nn.init.normal_,
    nn.init.constant_,
    nn.init.kaiming_uniform_,
    *(
        getattr(torch.Tensor, name)
        for name in ("uniform_", "normal_", "fill_", "zero_", "mul_", "add_", "erfinv_", "clamp_")
    ),
}


@dataclass(frozen=True, kw_only=True)
class Resolved:
    """A network and what to show it.

    Attributes
    ----------
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


class _Unfilled(TorchFunctionMode):
    """Leaves meta tensors as they are where they would be filled with first weights."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        if func in _FILLING:
            target = args[0] if args else (kwargs or {}).get("tensor")
            if isinstance(target, torch.Tensor) and target.is_meta:
                return target
        return func(*args, **(kwargs or {}))


@contextlib.contextmanager
def weightless() -> Iterator[None]:
    """Modules made in this block have shapes and no weights: no memory, hardly any time."""
    with torch.device("meta"), _Unfilled():
        yield


def resolve(
    spec: str,
    *,
    device: str = "meta",
    size: int | tuple[int, int] | None = None,
    classes: int | None = None,
    in_channels: int | None = None,
    **variant: Any,
) -> Resolved:
    """Give the network that `spec` names.

    Parameters
    ----------
    spec: see the head of this module.
    device: ``meta`` for shapes alone; else where the weights go, freshly initialised.
    size: height and width of the image, or both as one number; the network's own if None.
    classes, in_channels: as for `create`; the network's own if None.
    variant: further keywords of the network's constructor.

    Raises
    ------
    NetworkError: nothing of that name, with the nearest; something that is no network; a network
        that needs arguments; a file that cannot be loaded; timm where it is not installed.
    """
    options = dict(variant)
    head, _, tail = spec.rpartition(":")
    if not head:
        if spec.endswith(".py"):
            load_file(spec, "")  # says which classes it holds
        source: Source = "catalogue"
        _known_or_foreign(spec)
        make: Callable[[], Any] = lambda: create(  # noqa: E731
            spec, classes=classes, in_channels=in_channels, **options
        )
    elif head == "torchvision":
        source, make = "torchvision", _torchvision(tail, classes, in_channels, options)
    elif head == "timm":
        source, make = "timm", _timm(tail, classes, in_channels, options)
    else:
        options |= {} if classes is None else {"classes": classes}
        options |= {} if in_channels is None else {"in_channels": in_channels}
        if head.endswith(".py"):
            source, own = "file", load_file(head, tail)
        else:
            source, own = "module", load_module(head, tail)
        make = lambda: own(**options)  # noqa: E731
    network = _make(spec, make, device, own=source in {"file", "module"})
    return Resolved(
        name=spec, network=network, inputs=input_shapes(spec, network, source, size), source=source
    )


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


def _make(spec: str, make: Callable[[], Any], device: str, *, own: bool) -> nn.Module:
    """Call `make` on `device`, or really where it reads the values of a tensor that has none.

    What a constructor prints steps aside: standard output is the command's own.
    """
    found: Any = None
    if device == "meta":
        try:
            with weightless(), contextlib.redirect_stdout(sys.stderr):
                found = make()
        except NetworkError:
            raise
        except Exception:  # it is tried again below, and fails there for good reasons only
            found = None
    if found is None:
        try:
            where = torch.device("cpu" if device == "meta" else device)
            with where, contextlib.redirect_stdout(sys.stderr):
                found = make()
        except NetworkError:
            raise
        except Exception as error:
            problem = f"cannot be made ({type(error).__name__}: {_line(error)})"
            remedy = "mend its constructor" if own else "see the library's documentation"
            raise NetworkError(f"network '{spec}'", problem, remedy) from error
    if not isinstance(found, nn.Module):
        raise NetworkError(
            f"network '{spec}'",
            f"gives {type(found).__name__}, not a torch.nn.Module",
            "name a module, a class of modules, or a function that returns one",
        )
    return found


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

    if name not in (names := _torchvision_names()):
        raise NetworkError(
            f"network 'torchvision:{name}'", "torchvision does not have it", nearest(name, names)
        )
    for module, why in (
        (models.detection, "finds objects, and what it computes hangs on what it finds"),
        (models.video, "takes films, not images"),
    ):
        if name in models.list_models(module=module):
            raise NetworkError(f"network 'torchvision:{name}'", why, "name a network for images")
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
            f"network 'timm:{name}'", "timm is not installed", "pip install timm"
        ) from error
    if not timm.is_model(name):
        raise NetworkError(
            f"network 'timm:{name}'", "timm does not have it", nearest(name, _timm_names())
        )
    options |= {} if classes is None else {"num_classes": classes}
    options |= {} if in_channels is None else {"in_chans": in_channels}
    return lambda: timm.create_model(name, pretrained=False, **options)


def input_shapes(
    spec: str,
    network: nn.Module,
    source: Source,
    size: int | tuple[int, int] | None = None,
) -> tuple[Shape, ...]:
    """The shape of each of the network's inputs, (channels, height, width).

    A network's own `input_size` first (one shape, or a tuple of them where it has several inputs),
    timm's `default_cfg`, torchvision's 224 pixels (299 for Inception v3); else 224 pixels for each
    positional argument that `forward` demands, with the channels of the first convolution.
    """
    shapes = _stated(spec, network, source) or _guessed(spec, network, source)
    if size is None:
        return shapes
    height, width = (size, size) if isinstance(size, int) else size
    if min(height, width) < 1:
        raise NetworkError(f"size {height}×{width}", "must be at least 1×1 pixels", "")
    return tuple((*shape[:-2], height, width) if len(shape) > 2 else shape for shape in shapes)


def _stated(spec: str, network: nn.Module, source: Source) -> tuple[Shape, ...]:
    if source == "timm":
        return (tuple(network.default_cfg["input_size"]),)  # type: ignore[index]
    stated: Any = getattr(network, "input_size", None)
    if stated is None or source == "torchvision":
        return ()
    shapes = (stated,) if _is_shape(stated) else stated
    if isinstance(shapes, (tuple, list)) and shapes and all(map(_is_shape, shapes)):
        return tuple(tuple(shape) for shape in shapes)
    raise NetworkError(
        f"network '{spec}'",
        f"its input_size is {stated!r}",
        "make it (channels, height, width), or a tuple of such where it has several inputs",
    )


def _is_shape(value: object) -> bool:
    return (
        isinstance(value, (tuple, list, torch.Size))
        and len(value) > 0
        and all(isinstance(each, int) and each > 0 for each in value)
    )


def _guessed(spec: str, network: nn.Module, source: Source) -> tuple[Shape, ...]:
    channels, height, width = USUAL
    if source == "torchvision" and "inception_v3" in spec:
        height = width = 299
    first = next((each for each in network.modules() if isinstance(each, nn.Conv2d)), None)
    if first is not None:
        channels = first.in_channels
    wanted = [
        each
        for each in inspect.signature(network.forward).parameters.values()
        if each.default is each.empty
        and each.kind in {each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD}
    ]
    return ((channels, height, width),) * max(len(wanted), 1)
