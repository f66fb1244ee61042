"""The page of a comparison."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from striate.data.images import ImageSet
from striate.evaluation.comparing.compare import pairs
from striate.evaluation.comparing.comparison import Compared, RunComparison
from striate.evaluation.comparing.differing import Setting
from striate.evaluation.metrics import wilson
from striate.report import comparison


@pytest.fixture
def found(hostile: tuple[str, ...]) -> RunComparison:
    """Nine runs with names that break what does not escape them, on 200 images."""
    rng = np.random.default_rng(0)
    count, runs = 200, 9
    labels = rng.integers(0, len(hostile), count)
    wrong = rng.random((runs, count)) < np.linspace(0.02, 0.4, runs)[:, None]
    predicted = np.where(wrong, (labels + 1) % len(hostile), labels)
    right = predicted == labels
    names = [f"{hostile[place % len(hostile)]} {place}" for place in range(runs)]
    images = ImageSet(
        classes=hostile,
        labels=labels,
        names=[f"{hostile[0]}/{place}.png" for place in range(count)],
        digests=[f"{place:032x}" for place in range(count)],
        sizes=np.full((count, 2), 8, np.int32),
        grey=np.zeros(count, np.bool_),
        pixels=rng.integers(0, 256, (count, 8, 8, 3)).astype(np.uint8),
    )
    return RunComparison(
        compared=tuple(
            Compared(
                name=name,
                path=Path("/runs") / str(place),
                network="lenet" if place else "",
                top1=float(own.mean()),
                interval=wilson(int(own.sum()), count),
                curve=tuple((e, 0.5, float("nan") if e == 2 else 1.0) for e in range(place)),
            )
            for place, (name, own) in enumerate(zip(names, right, strict=True))
        ),
        pairs=pairs(right),
        classes=hostile,
        names=images.names,
        digests=images.digests,
        labels=labels,
        predicted=predicted,
        confidence=rng.random((runs, count)).astype(np.float32),
        settings=(Setting(key="seed", values=("0", None, *["<i>1</i>"] * 7)),),
        images=images,
    )


def test_the_page_shows_all_and_obeys_no_name(found: RunComparison) -> None:
    page = comparison.render(found)
    assert page == comparison.render(found)
    assert '<b>"rosé' not in page
    assert "evil.example')</script>" not in page
    assert "<i>1</i>" not in page
    assert page.count('class="pair"') == 36
    unclear = sum(pair.adjusted >= 0.05 for pair in found.pairs)
    assert 0 < unclear < 36
    assert page.count(">not clear</span>") == unclear
    assert page.count('<tr><th scope="row">seed</th><td>0</td><td>–</td>') == 1
    charts = json.loads(re.search(r'id="charts-data">(.*?)</script>', page, re.S)[1])  # type: ignore[index]
    assert charts.keys() == {"accuracy", "loss"}
    assert len(charts["accuracy"]["rows"]) == len(comparison.STYLES) == 8
    kinds = {tuple(column) for column in found.right[:, found.differing].T.tolist()}
    assert page.count('<h3 class="sub">Right in') == len(kinds)
    assert page.count("data:image/png") <= comparison.LEAST_OF_A_KIND * len(kinds)


def test_runs_that_agree_have_no_pictures(found: RunComparison) -> None:
    same = np.repeat(found.labels[None], 9, axis=0)
    page = comparison.render(replace(found, predicted=same, pairs=pairs(same == found.labels)))
    assert "There is none that some get right and others wrong." in page
    assert "<figure>\n      <img" not in page
