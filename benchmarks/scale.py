"""What a cluster of N machines gives for predictions in bulk: a simulation, not a measurement.

    python benchmarks/scale.py --rate 60 [--images 1e6 1e9] [--machines 1 10 100 1000]
        [--shard-size N] [--shards-per-machine 20] [--price 0.40] …

The rate of one machine is what ``benchmarks/bulk.py`` measures on it. What is simulated is how
``striate predict --engine ray`` gives out shards: each machine that is free takes the next one; a
machine that fails loses the shard that it was at, is away for a while, and starts anew; nobody does
a shard twice to get ahead of a slow machine. Speeds differ from machine to machine (lognormal), a
share of them is slower by far, and failures come at random. The tables of docs/scale.md are made by
this; the same seed gives the same table.
"""

from __future__ import annotations

import argparse
import heapq
import math
import random
from dataclasses import dataclass, replace

POWERS = (1024, 4096, 16384, 65536)


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """A job and the machines that do it.

    `rate` is images a second of a machine; `start` the seconds until its first image, also after a
    failure, with `away` before that; `spread` the std of the logarithm of machines' speeds; a share
    `slow` of them has 1 / `slower` of its speed; a machine fails every `mtbf` hours of work on
    average. `each_write` is seconds a shard for its file.
    """

    machines: int
    images: int
    shard_size: int
    rate: float
    start: float = 60.0
    away: float = 300.0
    spread: float = 0.1
    slow: float = 0.02
    slower: float = 3.0
    mtbf: float = 500.0
    each_write: float = 0.5


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a job went: seconds on the clock, seconds of work that was lost, and failures."""

    seconds: float
    lost: float
    failures: int


def simulate(cluster: Cluster, seed: int = 0) -> Outcome:
    """Give out all shards of a job, one by one, to whichever machine is free first."""
    chance = random.Random(seed)
    rates = []
    for _ in range(cluster.machines):
        rate = cluster.rate * math.exp(chance.gauss(0.0, cluster.spread))
        rates.append(rate / cluster.slower if chance.random() < cluster.slow else rate)
    fails = [_next_failure(cluster, chance) for _ in rates]  # seconds of work until then
    free = [(cluster.start, machine) for machine in range(cluster.machines)]
    heapq.heapify(free)
    waiting = [cluster.shard_size] * (cluster.images // cluster.shard_size)
    waiting += [rest] if (rest := cluster.images % cluster.shard_size) else []
    end = lost = 0.0
    failures = 0
    while waiting:
        now, machine = heapq.heappop(free)
        size = waiting.pop()
        work = size / rates[machine] + cluster.each_write
        if work < fails[machine]:
            fails[machine] -= work
            end = max(end, now + work)
            heapq.heappush(free, (now + work, machine))
            continue
        failures += 1
        lost += fails[machine]
        waiting.append(size)
        back = now + fails[machine] + cluster.away + cluster.start
        fails[machine] = _next_failure(cluster, chance)
        heapq.heappush(free, (back, machine))
    return Outcome(seconds=end, lost=lost, failures=failures)


def _next_failure(cluster: Cluster, chance: random.Random) -> float:
    return (
        chance.expovariate(1 / (3600 * cluster.mtbf)) if math.isfinite(cluster.mtbf) else math.inf
    )


def shard_size(images: int, machines: int, each: int) -> int:
    """The largest usual size that gives every machine at least `each` shards, or the smallest."""
    fitting = [size for size in POWERS if images / size >= each * machines]
    return max(fitting, default=POWERS[0])


def row(cluster: Cluster, price: float, seeds: int) -> str:
    """A line of the table: medians over several seeds."""
    found = sorted((simulate(cluster, seed) for seed in range(seeds)), key=lambda o: o.seconds)
    middle = found[len(found) // 2]
    ideal = cluster.images / (cluster.rate * cluster.machines)
    hours = middle.seconds / 3600
    return (
        f"| {cluster.images:,} | {cluster.machines:,} | {cluster.shard_size:,} "
        f"| {duration(middle.seconds)} | {100 * ideal / middle.seconds:.0f} % "
        f"| {cluster.images / middle.seconds:,.0f} | {middle.failures:,} "
        f"| {100 * middle.lost / (middle.seconds * cluster.machines):.2f} % "
        f"| {hours * cluster.machines * price:,.2f} |"
    )


HEAD = """\
| images | machines | a shard | time | of ideal | images a second | failures | work lost | cost |
|---|---|---|---|---|---|---|---|---|"""


def duration(seconds: float) -> str:
    """``3.4 h``, or minutes or days."""
    for unit, length in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.0f} s"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rate", type=float, required=True, help="images a second of a machine")
    parser.add_argument("--images", type=float, nargs="+", default=[1e6, 1e8, 1e9])
    parser.add_argument("--machines", type=int, nargs="+", default=[1, 10, 100, 1000])
    parser.add_argument("--shard-size", type=int, help="by default, see --shards-per-machine")
    parser.add_argument("--shards-per-machine", type=int, default=20)
    parser.add_argument("--price", type=float, default=0.1, help="of a machine's hour")
    parser.add_argument("--seeds", type=int, default=5)
    for name in ("start", "away", "spread", "slow", "slower", "mtbf", "each_write"):
        default = getattr(Cluster, name)
        parser.add_argument(f"--{name.replace('_', '-')}", type=float, default=default)
    given = parser.parse_args()
    base = Cluster(
        machines=1, images=1, shard_size=1, rate=given.rate, start=given.start, away=given.away,
        spread=given.spread, slow=given.slow, slower=given.slower, mtbf=given.mtbf,
        each_write=given.each_write,
    )  # fmt: skip
    print(HEAD)
    for images in map(int, given.images):
        for machines in given.machines:
            size = given.shard_size or shard_size(images, machines, given.shards_per_machine)
            cluster = replace(base, machines=machines, images=images, shard_size=size)
            print(row(cluster, given.price, given.seeds))


if __name__ == "__main__":
    main()
