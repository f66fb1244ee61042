from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from striate.errors import RunError
from striate.evaluation import ensembles
from striate.evaluation.ensembles import (
    About,
    ensemble_figures,
    read_ensemble_figures,
    write_ensemble_figures,
)

RNG = np.random.default_rng(0)
#: Members that agree on some images.
SHARES = RNG.dirichlet(np.ones(3) / 2, (40, 1)) + RNG.dirichlet(np.ones(3), (40, 4)) / 2
SHARES = (SHARES / SHARES.sum(2, keepdims=True)).astype(np.float32)
LABELS = RNG.integers(0, 3, 40)
ABOUT = [About(f"<b>{at}", "resnet20", at) for at in range(4)]


def test_figures_are_those_by_hand() -> None:
    found = ensemble_figures(SHARES, LABELS, ABOUT)
    for at, member in enumerate(found.members):
        assert (member.name, member.seed) == (f"<b>{at}", at)
        right = [SHARES[i, at].argmax() == LABELS[i] for i in range(40)]
        assert member.top1 == pytest.approx(np.mean(right))
        assert member.loss == pytest.approx(
            -np.mean([np.log(SHARES[i, at, LABELS[i]]) for i in range(40)])
        )
    for size in found.sizes:
        each = [
            np.mean(SHARES[:, list(subset)].astype(float).mean(1).argmax(1) == LABELS)
            for subset in combinations(range(4), size.members)
        ]
        assert size.subsets == len(each)
        assert size.mean == pytest.approx(np.mean(each))
        assert size.std == pytest.approx(np.std(each, ddof=1) if len(each) > 1 else 0)
    predicted = SHARES.argmax(2)
    same = [len(set(row)) == 1 for row in predicted.tolist()]
    assert found.agreed == pytest.approx(np.mean(same))
    assert found.pairs[0][0] == 0
    assert found.pairs[1][3] == pytest.approx(np.mean(predicted[:, 1] != predicted[:, 3]))
    together = SHARES.astype(float).mean(1).argmax(1) == LABELS
    assert found.agreed_top1 == pytest.approx(together[same].mean())
    assert found.disagreed_top1 == pytest.approx(together[~np.array(same)].mean())
    assert not {at for at in found.disputed if same[at]}


def test_of_very_many_subsets_some_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = ensemble_figures(SHARES, LABELS, ABOUT)
    monkeypatch.setattr(ensembles, "MOST_SUBSETS", 5)
    found = ensemble_figures(SHARES, LABELS, ABOUT)
    assert [(each.subsets, each.drawn) for each in found.sizes] == [
        (4, False), (5, True), (4, False), (1, False)
    ]  # fmt: skip
    assert abs(found.sizes[1].mean - whole.sizes[1].mean) < 0.15
    assert found == ensemble_figures(SHARES, LABELS, ABOUT)


def test_they_are_kept_and_read(tmp_path: Path) -> None:
    run = SimpleNamespace(path=tmp_path)
    assert read_ensemble_figures(run) is None  # type: ignore[arg-type]
    found = ensemble_figures(SHARES, LABELS, ABOUT)
    write_ensemble_figures(tmp_path, found)
    assert read_ensemble_figures(run) == found  # type: ignore[arg-type]
    write_ensemble_figures(tmp_path, replace(found, agreed=2.0))
    with pytest.raises(RunError, match="damaged"):
        read_ensemble_figures(run)  # type: ignore[arg-type]
