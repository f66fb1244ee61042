"""A run without training: of published weights, so that every command works on them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from striate.data.preprocessing import IMAGENET_MEAN, IMAGENET_STD, Preprocessing
from striate.errors import NetworkError, RunError, parameter
from striate.hub.fitting import classes_in
from striate.hub.found import Found, Wanted, wanted
from striate.hub.libraries import CATALOGUE
from striate.hub.names import parse
from striate.hub.resolve import Resolved, resolve
from striate.hub.weights import Published, classes_of, give, preprocessing_from
from striate.runs import layout as names
from striate.runs.claim import claim
from striate.runs.config import RunConfig
from striate.runs.costs import keep_costs
from striate.runs.origins import DataOrigin
from striate.runs.provenance import provenance, weights_origin
from striate.runs.run import Run
from striate.runs.samples import keep_samples
from striate.runs.starting_weights import find_weights
from striate.runs.weights import write_weights
from striate.support import settings
from striate.support.paths import resolved
from striate.support.signals import heard, uninterrupted
from striate.zoo.catalogue import classifier
from striate.zoo.create import canonical

#: Photographs that come with scikit-learn, and parts of them as (left, top, right, bottom) of 1:
#: what an exported file is proved on where a run has seen no images.
PHOTOGRAPHS = ("china.jpg", "flower.jpg")
PARTS = ((0, 0, 1, 1), (0, 0, 0.5, 1), (0.4, 0.2, 1, 0.9), (0.25, 0, 0.75, 0.6))


def create_run(
    name: str,
    out: str | Path,
    *,
    weights: str | Path | None = None,
    classes: int | None = None,
    seed: int = 0,
    variant: Mapping[str, Any] | None = None,
) -> Run:
    """Make a run in `out` of the network called `name`, as it is, without training it.

    Args:
        name: a network of the catalogue or of a library.
        out: the run's folder, which is made; it must be empty or not be there.
        weights: ``torchvision``, ``timm``, a file's path or a run's folder; None for random ones,
            or the network's own, where it comes with some.
        classes: how many the network tells apart; as many as the weights do if None. With another
            number all but the classifier is kept.
        seed: decides the weights that start anew.
        variant: the network's named variants.

    Raises:
        RunError: `out` is not empty, or cannot be written.
        StriateError: network, variant or weights are at fault.
    """
    sought, published = _wanted(name, variant or {}), None
    if weights is None and sought.library.trained:
        weights = sought.library.name
    # Before the weights, which may have to be downloaded.
    with heard(), claim(resolved(out, kind=RunError)) as held:
        folder = held.path
        with settings.seeded(seed):
            if weights is None:
                made = _make(sought, classes)
            else:
                found = find_weights(sought.spec, str(weights), **sought.variant)
                made = _make(sought, _classes(sought, found) if classes is None else classes)
                published = give(found, made.network, len(_numbered(made)))
        config = _config(sought, made, published, seed=seed)
        if published:
            config = replace(config, weights=weights_origin(published, str(weights)))
        keep_samples(folder, _parts())
        learnt = made.network.state_dict()
        write_weights(folder / names.WEIGHTS, learnt, identity=config.identity, epoch=0)
        keep_costs(Run(folder, config))
        # Last: what holds a run.toml is a run.
        with uninterrupted():
            config.write(folder / names.CONFIG)
            held.begun()
    return Run(folder, config)


def _wanted(name: str, variant: Mapping[str, Any]) -> Wanted:
    """The network called `name`, which has to be one that classifies, with its choices."""
    spec = parse(name)
    if spec.is_code or spec.library is CATALOGUE:
        options = canonical(name, variant)
        classifier(name)
        return wanted(name, options)
    if variant:
        raise NetworkError(
            parameter("variant"), f"is not for a library's network ({name})", "leave it out"
        )
    return wanted(name)


def _classes(sought: Wanted, found: Found) -> int | None:
    """How many classes there are in the weights that were found; None for as many as usual."""
    if sought.library is CATALOGUE:
        return classes_of(found, sought.name, **sought.variant)
    return classes_in(found.state, resolve(sought.spec).network)


def _make(sought: Wanted, classes: int | None) -> Resolved:
    return resolve(sought.spec, device="cpu", classes=classes, variant=sought.variant)


def _config(sought: Wanted, made: Resolved, published: Published | None, *, seed: int) -> RunConfig:
    trained = preprocessing_from(published, None) if published else None
    return RunConfig(
        network=sought.spec,
        classes=(published and published.classes) or _numbered(made),
        in_channels=made.input[0],
        preprocessing=trained or _usual(made.input),
        recipe=None,
        # No images of its own.
        data=DataOrigin(
            origin="",
            fingerprint="",
            val_fraction=0.2,
            train_images=0,
            val_images=0,
            test_images=0,
            held_out="",
        ),
        variant=dict(sought.variant),
        seed=seed,
        precision="float32",
        device="cpu",
        threads=1,
        provenance=provenance(workers=0),
    )


def _numbered(made: Resolved) -> tuple[str, ...]:
    """Numbers for names of classes, as many as the network has outputs."""
    with torch.inference_mode():
        outputs = made.network.eval()(torch.zeros(1, *made.input)).shape[1]
    return tuple(str(number) for number in range(outputs))


def _usual(size: tuple[int, ...]) -> Preprocessing:
    """Centre crop, ImageNet's mean and std: what most weights that do not say it expect."""
    channels, height, width = size
    side = max(height, width)
    return Preprocessing(
        resize=round(side * 256 / 224) if side > 64 else side,
        height=height,
        width=width,
        channels=channels,
        mean=IMAGENET_MEAN if channels == 3 else (0.5,),
        std=IMAGENET_STD if channels == 3 else (0.5,),
    )


def _parts() -> Iterator[Image.Image]:
    """Parts of photographs, so that an export of the run can be proved on real images."""
    # Beside scikit-learn's code, which takes seconds to import and is not needed for them.
    package = find_spec("sklearn")
    assert package is not None
    folder = Path(str(package.origin)).parent / "datasets" / "images"
    for photograph in PHOTOGRAPHS:
        with Image.open(folder / photograph) as opened:
            picture = opened.convert("RGB")
        for part in PARTS:
            sides = picture.size * 2
            box = tuple(round(share * side) for share, side in zip(part, sides, strict=True))
            yield picture.crop(box)  # type: ignore[arg-type]
