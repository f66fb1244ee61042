"""Published errors: plausible, of known networks, and chosen so that they compare."""

from __future__ import annotations

import pytest

from striate.zoo.catalogue import entries
from striate.zoo.published import IMAGENET, Figure, comparable, published


def test_every_name_is_a_network_s() -> None:
    known = {entry.name for entry in entries()}
    assert set(published()) <= known


@pytest.mark.parametrize("name", [name for name, found in published().items() if found])
def test_figures_are_plausible(name: str) -> None:
    found = published()[name]
    for one in found:
        assert one.confidence in {"read", "recalled"}
        assert one.top1 is not None or one.top5 is not None
        assert one.top1 is None or 0.001 < one.top1 < 0.45
        assert one.top5 is None or 0.02 < one.top5 < 0.21
        assert one.top1 is None or one.top5 is None or one.top5 < one.top1
    # More crops never hurt where one paper measured one network on the same images.
    papers = [one for one in found if one.source.startswith("paper") and one.data == IMAGENET]
    shortcut = [one for one in papers if "shortcut" not in one.crops]
    singles = [one.top5 for one in shortcut if one.single and one.top5]
    others = [one.top5 for one in shortcut if not one.single and one.top5]
    assert not singles or all(each <= max(singles) for each in others)


def test_figures_that_everybody_knows() -> None:
    assert published()["vgg16"][-1].top1 == pytest.approx(1 - 0.71592)
    assert (published()["resnet152"][0].top1, published()["resnet152"][0].top5) == (0.23, 0.067)
    assert published()["resnet20"][0].top1 == 0.0875


def of(*names: str) -> dict[str, tuple[Figure, ...]]:
    return {name: published()[name] for name in names}


def test_the_measure_that_most_networks_share_is_chosen() -> None:
    data, measure, found = comparable(of("googlenet", "vgg16", "resnet50"))
    assert (data, measure) == (IMAGENET, "top1")
    # GoogLeNet's paper gives top-5 alone: another training's single crop stands in.
    assert "Caffe" in found["googlenet"].source
    assert found["vgg16"].single
    assert comparable(of("plain34", "vgg11_lrn"), "top5")[2].keys() == {"plain34", "vgg11_lrn"}
    assert comparable(of("resnet20", "resnet110", "resnet50"))[0] == "CIFAR-10 test"
    assert comparable(of("lenet", "alexnet_half")) == ("", "top1", {})
