"""A network that is to be trained, before it is made: the catalogue's, a library's, one's own.

What is found out about it here needs no images: its name in a run, the input that it takes, whether
it answers with as many numbers as there are classes. What it is made of is not looked at.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import nn

from striate.anatomy.graph.wrappers import unwrapped
from striate.errors import NetworkError, parameter
from striate.hub.first_layer import COLOURS
from striate.hub.input_shapes import input_shapes
from striate.hub.libraries import CATALOGUE
from striate.hub.names import GIVEN, LONGEST, Spec, parse
from striate.hub.outputs import check_number, check_outputs
from striate.hub.resolve import Resolved, resolve
from striate.support.text import printable
from striate.zoo.catalogue import classifier, entries
from striate.zoo.create import canonical

#: What a network is made for as long as nobody knows how many classes there are.
_SOME = 2

#: What else people call options that are given in another way here.
_ELSEWHERE = {
    **dict.fromkeys(
        ("classes", "num_classes", "n_classes", "nb_classes", "num_labels"),
        "it has as many classes as the images",
    ),
    **dict.fromkeys(
        ("in_channels", "in_chans", "num_channels"), "it has as many channels as the images"
    ),
    **dict.fromkeys(
        ("pretrained", "weights", "checkpoint_path", "pretrained_weights"),
        f"trained weights are asked for with {parameter('weights')}, or better, by "
        "`striate transfer`",
    ),
}


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A network that is to be trained.

    Attributes:
        name: what a run calls it: ``lenet``, ``timm:resnet18``, ``net.py:Net``, ``given:Net``.
        text: what `striate.hub.resolve.resolve` makes it from; empty of a module that was given.
        input: the (channels, height, width) that it takes where nobody says otherwise.
        variant: options of its constructor, as a run keeps them.
        file: of a person's own; None for what another thing makes.
        files: that, and what it imported from beside itself.
        given: the module that Python was given; None for what can be made.
        sizes: what of ``classes`` and ``in_channels`` it can be made for.
    """

    name: str
    text: str
    input: tuple[int, int, int]
    variant: Mapping[str, Any] = field(default_factory=dict)
    file: Path | None = None
    files: tuple[Path, ...] = ()
    given: nn.Module | None = None
    sizes: frozenset[str] = frozenset()

    @property
    def is_ours(self) -> bool:
        """Whether it is of the catalogue."""
        spec = parse(self.name)
        return not spec.is_code and spec.library is CATALOGUE

    @property
    def is_code(self) -> bool:
        """Whether a person's own program makes it, or has given it."""
        return parse(self.name).is_code

    def in_channels(self, *, grey: bool) -> int:
        """Channels of the images that it is made for, which are all `grey`, or are not."""
        own = self.input[0]
        if "in_channels" not in self.sizes:
            return own
        return 1 if own == 1 and grey else COLOURS

    def shapes(self) -> nn.Module:
        """The network without values, for a few classes; a module that was given as it is."""
        if self.given is not None:
            return self.given
        found = resolve(self.text, classes=_SOME, variant=self.variant, allow_code=True)
        return found.network

    def make(self, *, classes: int, in_channels: int) -> nn.Module:
        """The network with its first weights, on the CPU; a copy of a module that was given.

        Raises:
            NetworkError: it cannot be made, or answers with another number of values.
        """
        if self.given is not None:
            made = copied(self.given, self.name)
        else:
            made = resolve(
                self.text,
                device="cpu",
                classes=classes,
                in_channels=in_channels,
                variant=self.variant,
                allow_code=True,
            ).network
        if not self.is_ours:
            check_number(self.name, made, (in_channels, *self.input[1:]), classes)
        return made


def subject(
    net: str | Path | nn.Module,
    variant: Mapping[str, Any] | None = None,
    size: int | None = None,
) -> Subject:
    """The network that `net` names or is, made with `variant`, to be trained from its start.

    Args:
        net: a name, FILE.py:CLASS, or a module.
        variant: options of its constructor.
        size: side of the images in pixels; what it says itself if None.

    Raises:
        NetworkError: there is none of that name, with the nearest; it cannot be made; it does not
            map images of that size to logits; or it is one that comes with its weights.
    """
    if isinstance(net, nn.Module):
        return _given(net, variant or {}, size)
    if not isinstance(net, (str, Path)):
        raise NetworkError(
            f"net {printable(str(net))[:60]}",
            "is no network",
            "give a name, FILE.py:CLASS, or an instance of torch.nn.Module, as in net=Net()",
        )
    text, options = str(net), dict(variant or {})
    spec = parse(text)
    if spec.is_code:
        return _own(text, spec, options, size)
    if spec.library is CATALOGUE:
        CATALOGUE.check(text)
        options = canonical(text, options)
        known = classifier(text)
        return Subject(
            name=text,
            text=text,
            input=known.input,
            variant=options,
            sizes=frozenset(("classes", "in_channels")),
        )
    return _of_library(text, spec, options, size)


def name_of(net: str | Path | nn.Module) -> str:
    """What a run calls the network that `net` names or is; nothing is loaded.

    Examples:
        >>> name_of("nets/mine.py:Net"), name_of("timm:resnet18")
        ('mine.py:Net', 'timm:resnet18')
    """
    if isinstance(net, nn.Module):
        return f"{GIVEN}:{type(unwrapped(net, 'net')).__name__}"
    spec = parse(str(net))
    return f"{Path(spec.place).name}:{spec.name}" if spec.source == "file" else str(net)


def stem_of(net: str | Path | nn.Module) -> str:
    """What the folder of a run of `net` is called after: letters, digits and the like.

    Examples:
        >>> stem_of("torchvision:convnext_tiny"), stem_of("nets/mine.py:Net")
        ('convnext_tiny', 'Net')
    """
    name = name_of(net).rpartition(":")[2] or "net"
    return "".join(each if each.isalnum() or each in "_.-" else "-" for each in name)[:100]


def recipe_names(name: str) -> tuple[str, str]:
    """The catalogue's network, and its family, by whose paper the one called `name` is trained.

    Of a library's that equals one of the catalogue it is that one; of all others it is the name
    itself, and no family.

    Examples:
        >>> recipe_names("torchvision:resnet50"), recipe_names("mine.py:Net")
        (('resnet50_v1_5', 'resnet_v1_5'), ('mine.py:Net', ''))
    """
    spec = parse(name)
    if spec.is_code:
        return name, ""
    own = {each.name.partition(".")[0]: ours for ours, each in spec.library.counterparts.items()}
    equal = own.get(spec.name, name)
    family = next((each.family for each in entries() if each.name == equal), "")
    return (equal if family else name), family


def copied(network: nn.Module, name: str) -> nn.Module:
    """A copy of a module that a person gave, which stays as it is.

    Raises:
        NetworkError: it cannot be copied.
    """
    try:
        return copy.deepcopy(network)
    except Exception as error:
        raise NetworkError(
            f"network '{printable(name)}'",
            f"cannot be copied ({type(error).__name__}: {printable(str(error))[:200]})",
            "give a module that copy.deepcopy takes",
        ) from error


def _given(net: nn.Module, variant: Mapping[str, Any], size: int | None) -> Subject:
    if variant:
        raise NetworkError(
            parameter("variant"), "is for networks that are made here", "make the module with it"
        )
    network, name = unwrapped(net, type(net).__name__), name_of(net)
    shape = _shape(name, input_shapes(name, network))
    copied(network, name)
    check_outputs(name, network, _at(shape, size))
    return Subject(name=name, text="", input=shape, given=network)


def _own(text: str, spec: Spec, variant: dict[str, Any], size: int | None) -> Subject:
    if spec.source == GIVEN:
        raise NetworkError(
            f"network '{printable(text)}'", "is what a run calls a module", "give the module"
        )
    found, shape = _looked_at(text, variant, size)
    return Subject(
        name=name_of(text),
        text=text,
        input=shape,
        variant=variant,
        file=Path(spec.place).expanduser().resolve() if found.files else None,
        files=found.files,
        sizes=found.sizes,
    )


def _of_library(text: str, spec: Spec, variant: dict[str, Any], size: int | None) -> Subject:
    shown = printable(text[:LONGEST])
    library = spec.library
    if library.trained:
        raise NetworkError(
            f"network '{shown}'",
            "comes with its weights, and is not trained from the start",
            f"`striate transfer DATA --backbone {shown} --freeze none` trains it from its weights",
        )
    library.check(spec.name)
    _check_variant(shown, variant)
    options = {**library.for_training(spec.name), **variant}
    _, shape = _looked_at(text, options, size)
    return Subject(
        name=text,
        text=text,
        input=shape,
        variant=options,
        sizes=frozenset(("classes",)),
    )


def _looked_at(
    text: str, variant: Mapping[str, Any], size: int | None
) -> tuple[Resolved, tuple[int, int, int]]:
    """The network that `text` names, for a few classes, without values; and what it takes."""
    found = resolve(text, classes=_SOME, variant=variant, allow_code=True)
    shape = _shape(text, found.inputs)
    check_outputs(text, found.network, _at(shape, size))
    return found, shape


def _at(shape: tuple[int, int, int], size: int | None) -> tuple[int, int, int]:
    return shape if size is None else (shape[0], size, size)


def _check_variant(shown: str, variant: Mapping[str, Any]) -> None:
    for key in variant:
        if key in _ELSEWHERE:
            raise NetworkError(
                parameter("variant", f"{printable(key)}=…"),
                f"is no option of {shown} here",
                _ELSEWHERE[key],
            )


def _shape(name: str, inputs: tuple[tuple[int, ...], ...]) -> tuple[int, int, int]:
    """The one image that a network takes."""
    what = f"network '{printable(name)}'"
    if len(inputs) != 1 or len(inputs[0]) != 3:
        raise NetworkError(
            what, f"takes {len(inputs)} inputs, not one image", "give one that takes (N, C, H, W)"
        )
    channels, height, width = inputs[0]
    if not channels:
        raise NetworkError(
            what,
            "has lazy layers, which have no shapes before their first batch",
            "run it on a batch in its constructor, or write their sizes",
        )
    if channels not in (1, COLOURS):
        raise NetworkError(
            what, f"takes images of {channels} channels", "pictures have 3 channels, or 1 if grey"
        )
    return channels, height, width
