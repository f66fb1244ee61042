"""Speed of our networks, side by side with torchvision's and timm's of the same arithmetic.

``python benchmarks/zoo.py [--networks resnet18 vgg16 …] [--pairs 9] [--batch 4] [--size 224]
[--seconds 0.5] [--threads 2] [--json FILE]``

Every network that one of the two libraries also has, with the library's random weights in both and
the outputs compared first. Two things are measured, in float32, the default memory layout, on the
same random images: a forward pass for prediction, and a training step (forward, cross-entropy,
auxiliary losses where both have them, backward, SGD with momentum). The two sides take turns within
one process and the one that begins alternates, so that whatever else the machine does meets both;
a turn repeats its work until it has lasted `--seconds`. Both networks are warmed up before. The
ratio is the median over all pairs of ours divided by theirs, with the quartiles beside it. The exit
code is 1 where a ratio exceeds 1.05.
"""

from __future__ import annotations

import argparse
import gc
import json
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from striate.hub.conversion import Counterpart, renamed
from striate.hub.libraries import LIBRARIES
from striate.zoo.create import create

TARGET = 1.05
AUXILIARY = 0.3  # weight of auxiliary losses; any will do, as long as both have the same
# The libraries' networks with auxiliary heads, which ours have as a variant.
WITH_HEADS = ("googlenet_bn", "inception_v3")


@dataclass(frozen=True)
class Measured:
    """Milliseconds of one pass and their ratio, ours to theirs."""

    ours: float
    theirs: float
    ratio: float
    lower: float
    upper: float
    ratios: tuple[float, ...]


def cases() -> dict[str, tuple[str, Counterpart]]:
    """Our name -> (library, its network); of the first library that has it."""
    found: dict[str, tuple[str, Counterpart]] = {}
    for source, library in LIBRARIES.items():
        for name, equal in library.counterparts.items():
            found.setdefault(name, (source, equal))
    return found


def build(name: str, source: str, equal: Counterpart) -> tuple[nn.Module, nn.Module]:
    """Our network and the library's with the same random weights."""
    torch.manual_seed(0)
    theirs = LIBRARIES[source].build(equal.name, options={})
    heads = {"auxiliary": True} if name in WITH_HEADS and source == "torchvision" else {}
    ours = create(name, **heads)
    ours.load_state_dict(renamed(theirs.state_dict(), equal.rules))
    return ours, theirs


def check(name: str, ours: nn.Module, theirs: nn.Module, images: Tensor) -> None:
    """Refuse to compare the speed of networks that compute something else."""
    with torch.inference_mode():
        mine, other = ours.eval()(images), theirs.eval()(images)
    difference = float((mine - other).abs().max() / other.abs().max())
    if not difference < 1e-4:
        sys.exit(f"{name}: outputs differ by {difference:.1g}")


def forward(network: nn.Module, images: Tensor) -> Callable[[], None]:
    network.eval()

    @torch.inference_mode()
    def run() -> None:
        network(images)

    return run


def outputs(result: Any) -> list[Tensor]:
    """Logits, then those of auxiliary heads, of our networks and of torchvision's."""
    if isinstance(result, Tensor):
        return [result]
    flat: list[Tensor] = []
    for each in result:
        if each is not None:
            flat += outputs(each)
    return flat


def step(network: nn.Module, images: Tensor) -> Callable[[], None]:
    labels = torch.arange(len(images))
    optimiser = torch.optim.SGD(network.parameters(), lr=1e-4, momentum=0.9, fused=True)

    def run() -> None:
        network.train()
        main, *heads = outputs(network(images))
        loss = F.cross_entropy(main, labels)
        for head in heads:
            loss = loss + AUXILIARY * F.cross_entropy(head, labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

    return run


def turn(run: Callable[[], None], repeats: int) -> float:
    """Seconds of one pass."""
    began = time.perf_counter()
    for _ in range(repeats):
        run()
    return (time.perf_counter() - began) / repeats


def measure(
    ours: Callable[[], None], theirs: Callable[[], None], pairs: int, seconds: float
) -> Measured:
    """Let both take turns."""
    turn(ours, 2)
    once = turn(theirs, 2)
    repeats = max(1, round(seconds / once))
    mine, other = [], []
    for pair in range(pairs):
        sides = [(ours, mine), (theirs, other)]
        for run, times in reversed(sides) if pair % 2 else sides:
            times.append(turn(run, repeats))
    ratios = sorted(a / b for a, b in zip(mine, other, strict=True))
    lower, middle, upper = statistics.quantiles(ratios, n=4) if pairs > 1 else ratios * 3
    return Measured(
        ours=1e3 * statistics.median(mine),
        theirs=1e3 * statistics.median(other),
        ratio=middle,
        lower=lower,
        upper=upper,
        ratios=tuple(ratios),
    )


def compare(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Measure network after network."""
    for name, (source, equal) in cases().items():
        if options.networks and name not in options.networks:
            continue
        ours, theirs = build(name, source, equal)
        height, width = ours.input_size[1:] if options.size is None else (options.size,) * 2
        images = torch.randn(options.batch, 3, height, width)
        check(name, ours, theirs, images)
        limits = {"pairs": options.pairs, "seconds": options.seconds}
        found = {
            "name": name,
            "rival": f"{source} {equal.name}",
            "size": [height, width],
            "forward": asdict(measure(forward(ours, images), forward(theirs, images), **limits)),
            "step": asdict(measure(step(ours, images), step(theirs, images), **limits)),
        }
        show(found)
        yield found
        del ours, theirs
        gc.collect()


def show(found: dict[str, Any]) -> None:
    """Print a line of the table."""
    parts = [f"{found['name']:<22} {found['rival']:<36}"]
    for kind in ("forward", "step"):
        one = found[kind]
        span = f"({one['lower']:.2f} to {one['upper']:.2f})"
        parts.append(f"{one['ours']:>9.1f} {one['theirs']:>9.1f} {one['ratio']:>6.3f} {span:<15}")
    print(" ".join(parts), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Our networks' speed beside the libraries'.")
    parser.add_argument("--networks", nargs="+", choices=sorted(cases()), metavar="NAME")
    parser.add_argument("--pairs", type=int, default=9)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--size", type=int, help="side of the images; each network's own if absent")
    parser.add_argument("--seconds", type=float, default=0.5, help="least length of a turn")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    heading = f"{'ours':>9} {'theirs':>9} {'ratio':>6} {'quartiles':<15}"
    print(f"{'network':<22} {'rival':<36} {heading} {heading}")
    print(f"{'':<59} {'forward, ms':<42} training step, ms")
    results = list(compare(options))
    slow = [
        f"{each['name']} ({kind} {each[kind]['ratio']:.3f})"
        for each in results
        for kind in ("forward", "step")
        if each[kind]["ratio"] > TARGET
    ]
    print(f"slower than {TARGET}: {', '.join(slow) or 'none'}")
    if options.json is not None:
        import timm
        import torchvision

        content = {
            "machine": platform.processor() or platform.machine(),
            "threads": options.threads,
            "batch": options.batch,
            "pairs": options.pairs,
            "versions": {m.__name__: m.__version__ for m in (torch, torchvision, timm)},
            "target": TARGET,
            "results": results,
        }
        options.json.write_text(json.dumps(content, indent=1), encoding="utf-8")
    sys.exit(1 if slow else 0)


if __name__ == "__main__":
    main()
