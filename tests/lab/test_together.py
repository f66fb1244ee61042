"""Networks that several processes train together: their steps are those worked out by hand."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from torch import nn

from striate.data.sources import Data
from striate.errors import DataError, StriateError
from striate.lab import together as team_module
from striate.lab.claims import stale_gradients
from striate.lab.experiment import QUICK
from striate.lab.learning import Learnt, images_of, taught
from striate.lab.processes import together
from striate.lab.together import PRELOAD, Task, Team, shares, teach_together
from striate.runs.weights import digest
from striate.support import settings

WORKERS, STEPS, RATE = 3, 5, 0.25
WAYS = ("in turns", "in drawn turns", "at once", "apart")
#: Three workers minimise (w - rank)² / 2, each its own, from w = 1.
SCRIPT = f"""
import json, sys
from functools import partial
import torch
import torch.distributed as dist
from torch import nn
from striate.lab.processes import together
from striate.lab.together import PRELOAD, Team, member_of

def train(folder, rank):
    met = f"file://{{folder}}/met"
    dist.init_process_group("gloo", init_method=met, rank=rank, world_size={WORKERS})
    found = {{}}
    for way in {WAYS}:
        layer = nn.Linear(1, 1, bias=False)
        nn.init.ones_(layer.weight)
        team = Team(workers={WORKERS}, way=way, apart=2)
        member = member_of(team, layer, rank, team.turns({STEPS}, 0))
        optimiser = torch.optim.SGD(layer.parameters(), lr={RATE})
        with member.joined():
            for _ in range({STEPS}):
                optimiser.zero_grad()
                torch.autograd.backward((layer.weight - rank).square().sum() / 2)
                optimiser.step()
        member.end()
        found[way] = float(layer.weight.detach()), member.ages
    dist.destroy_process_group()
    return found

if __name__ == "__main__":
    with together(partial(train, sys.argv[1]), {WORKERS}, PRELOAD) as told:
        found = dict(told)
    print(json.dumps([found[rank] for rank in range({WORKERS})]))
"""


def in_turns(turns: list[int]) -> tuple[float, list[list[int]]]:
    """What all come to by these turns, and how old each worker's gradients were."""
    path, had = [1.0], [0] * WORKERS
    ages: list[list[int]] = [[] for _ in range(WORKERS)]
    for turn, rank in enumerate(turns):
        gradient = path[had[rank]] - rank
        path.append(path[-1] - RATE * gradient)
        ages[rank].append(turn - had[rank])
        had[rank] = turn + 1
    return path[-1], ages


def at_once() -> tuple[float, list[list[int]]]:
    """The same of the mean of all gradients."""
    weight = 1.0
    for _ in range(STEPS):
        weight -= RATE * sum(weight - rank for rank in range(WORKERS)) / WORKERS
    return weight, [[0] * STEPS] * WORKERS


def apart() -> tuple[float, list[list[int]]]:
    """The same of workers that meet every other step."""
    weights = [1.0] * WORKERS
    for step in range(STEPS):
        weights = [each - RATE * (each - rank) for rank, each in enumerate(weights)]
        if step % 2 or step == STEPS - 1:  # and all at the end
            weights = [sum(weights) / WORKERS] * WORKERS
    return weights[0], [[0, 2, 0, 2, 0]] * WORKERS


def test_steps_are_those_worked_out_by_hand(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    command = [sys.executable, str(script), str(tmp_path)]
    found = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    drawn = Team(workers=WORKERS, way="in drawn turns").turns(STEPS, 0)
    assert sorted(drawn) == sorted(list(range(WORKERS)) * STEPS)
    wanted = {
        "in turns": in_turns(list(range(WORKERS)) * STEPS),
        "in drawn turns": in_turns(drawn),
        "at once": at_once(),
        "apart": apart(),
    }
    assert wanted["in turns"][1][0] == [0, 2, 2, 2, 2]  # the first worker has the first weights
    for way, (weight, ages) in wanted.items():
        for rank in range(WORKERS):
            assert found[rank][way][0] == pytest.approx(weight, rel=1e-6), (way, rank)
            assert found[rank][way][1] == ages[rank], (way, rank)


SEVERAL = replace(QUICK, epochs=6)


def task(rate: float) -> Task:
    """A quick one."""
    return Task(
        make=stale_gradients.network,
        change=partial(stale_gradients.by_sgd, rate=rate),
        conditions=SEVERAL,
        seed=0,
        size=16,
    )


def test_a_team_of_one_does_what_the_loop_does_alone() -> None:
    with settings.training(1, 0):
        alone = taught(
            stale_gradients.network,
            SEVERAL,
            seed=0,
            size=16,
            change=lambda recipe: replace(stale_gradients.by_sgd(recipe, 0.05), batch_size=4),
        )
    found = teach_together(Team(workers=1, batch=4), task(0.05))
    assert found.digest == digest(alone.learnt.network.state_dict())
    assert found.val == alone.reached()["val"]
    assert found.ages == ((0,) * 24,)
    two = teach_together(Team(workers=2, batch=4), task(0.05))
    assert two.digest != found.digest
    assert two == teach_together(Team(workers=2, batch=4), task(0.05))


def test_what_diverges_is_a_guess_and_nothing_waits_for_ever() -> None:
    found = teach_together(Team(workers=2, batch=2), task(1e30))
    assert (found.diverged, found.age) == (True, 0.0)
    assert found.train == found.val == 0.25  # of four classes


def fails(error: BaseException, own: int) -> int:
    """What one of two processes does wrong."""
    if own:
        raise error
    return own


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (DataError("a", "b", "c"), DataError, "^a: b; c$"),
        (ValueError("a bug"), RuntimeError, "ValueError: a bug"),
        (SystemExit(3), StriateError, "was killed from outside"),
    ],
)
def test_what_fails_in_one_process_is_told(
    error: BaseException, kind: type[Exception], said: str
) -> None:
    with pytest.raises(kind, match=said), together(partial(fails, error), 2, PRELOAD) as told:
        dict(told)


def test_shares_are_mixed() -> None:
    team = Team(workers=9)
    found = shares(3456, team, 0)
    assert sorted(np.concatenate(found).tolist()) == list(range(3456))
    # By class in order, of ten: every share has each class as often as chance has it.
    counts = np.array([np.bincount(own * 10 // 3456, minlength=10) for own in found])
    assert counts.min() > 20
    assert counts.std() > 3
    assert (shares(3456, Team(workers=1), 0)[0] == np.arange(3456)).all()


def test_workers_do_not_see_one_class_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    found = replace(SEVERAL, data="shapes:size=16,images=400,count=1", images=(300, 8))
    data = images_of(found)
    by_class = data.train.subset(np.argsort(data.train.labels, kind="stable"))  # as folders are
    monkeypatch.setattr(team_module, "images_of", lambda _: replace(data, train=by_class))
    seen = []

    def only_look(network: nn.Module, share: Data, _: object, *, seed: int, **__: object) -> Learnt:
        drawn = np.random.default_rng(seed).permutation(len(share.train))
        seen.append((seed, share.train.labels[drawn]))
        return Learnt(network=network, history=(), diverged=True)

    monkeypatch.setattr(team_module, "learn", only_look)
    for rank in range(5):
        team_module._trained(Team(workers=5, batch=4), replace(task(0.05), conditions=found), rank)
    seeds, orders = zip(*seen, strict=True)
    assert seeds[0] == 0  # the first goes through its share as it would alone
    alike = np.mean([a == b for i, a in enumerate(orders) for b in orders[:i]])
    assert alike < 0.4  # by chance, of four classes, 0.25; in one order for all 0.8


def test_all_see_as_many_images() -> None:
    assert Team(workers=9).seen(3456) == Team(workers=4).seen(3456) == 3456
    assert Team(workers=9).seen(3500) == 3456
