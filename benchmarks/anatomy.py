"""Time, memory and right answers of four tools that count networks, in one run.

``python benchmarks/anatomy.py [--networks vgg16 inception_v3 …] [--repeats 5] [--json FILE]``

Striate's table against torchinfo's summary, fvcore's `FlopCountAnalysis` and ptflops'
`get_model_complexity_info`, each on torchvision's networks as its documentation says to use it:

- **time**: from the name to the counts, the network's construction included, imports not. Every
  measurement has a process of its own, which does the work once to warm up and then `--repeats`
  times; the tools take turns, and the best time of each process counts. fvcore also warms up what
  it compiles.
- **memory**: what the process's peak grew by over the first of these (``ru_maxrss``, imports left
  out), and the bytes of real weights that the tool's network holds afterwards.
- **answers**: multiply-accumulates of convolutions and linear layers, and parameters that the
  forward reads, of small networks whose true counts are worked out by hand in `anatomy_cases.py`.
  A tool that counts something else as well is asked for its convolutions and linear layers alone
  where it can tell them apart. Some count the addition of a bias as one more, which is a custom
  and no mistake: such answers are marked ``b`` and added up apart.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import resource
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

NETWORKS = {"vgg16": 224, "inception_v3": 299, "resnet152": 224, "mobilenet_v3_large": 224}
TARGET, TARGETED = 5.0, ("vgg16", "inception_v3")

Counts = tuple[int | None, int | None]
"""Multiply-accumulates and parameters; None for what a tool does not tell."""


# -------------------------------------------------------------------------------------- the tools


def torchvision_network(name: str, **options: Any) -> Any:
    from torchvision import models

    if name in {"googlenet", "inception_v3"}:
        options["init_weights"] = False  # what anybody does who has met its warning
    return models.get_model(name, weights=None, **options).eval()


def count_striate(network: Any, inputs: Any) -> Counts:
    import torch

    from striate.anatomy.graph.record import record
    from striate.anatomy.table import table

    meta = [torch.empty(shape, device="meta") for shape in inputs]
    totals = table(record(network, *meta)).totals
    return totals.macs, totals.parameters


def count_torchinfo(network: Any, inputs: Any) -> Counts:
    from torchinfo import summary

    size = inputs[0] if len(inputs) == 1 else list(inputs)
    found = summary(network, input_size=size, verbose=0, device="cpu")
    return int(found.total_mult_adds), int(found.total_params)


def count_fvcore(network: Any, inputs: Any) -> Counts:
    import torch
    from fvcore.nn import FlopCountAnalysis

    images = tuple(torch.zeros(shape) for shape in inputs)
    found = FlopCountAnalysis(network, images)
    found.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
    by_operator = found.by_operator()
    layers = ("conv", "linear", "addmm")
    return int(sum(by_operator[name] for name in layers)), None


def count_ptflops(network: Any, inputs: Any) -> Counts:
    import torch
    from ptflops import get_model_complexity_info

    def build(_: Any) -> dict[str, Any]:
        names = forward_names(network)
        return {name: torch.zeros(shape) for name, shape in zip(names, inputs, strict=False)}

    several = {"input_constructor": build} if len(inputs) > 1 else {}
    macs, parameters = get_model_complexity_info(
        network,
        tuple(inputs[0][1:]),
        as_strings=False,
        print_per_layer_stat=False,
        backend="pytorch",
        **several,
    )
    return (None if macs is None else int(macs)), (None if parameters is None else int(parameters))


def forward_names(network: Any) -> list[str]:
    import inspect

    return list(inspect.signature(network.forward).parameters)


TOOLS: dict[str, Callable[[Any, Any], Counts]] = {
    "striate": count_striate,
    "torchinfo": count_torchinfo,
    "fvcore": count_fvcore,
    "ptflops": count_ptflops,
}


# ------------------------------------------------------------------------------- one measurement


def work(tool: str, name: str, size: int) -> tuple[Any, Counts]:
    """Build and count, as somebody would who wants to know."""
    shape = ((1, 3, size, size),)
    if tool == "striate":
        from striate.hub.resolve import resolve

        network = resolve(f"torchvision:{name}", size=size).network
    else:
        network = torchvision_network(name)
    return network, TOOLS[tool](network, shape)


def measure(tool: str, name: str, size: int, repeats: int) -> dict[str, Any]:
    """In a fresh process: peak memory of the first time, then the best time of the others."""
    import torch
    import torchvision  # noqa: F401 - what everybody has loaded before the clock starts

    if tool == "striate":
        import striate.anatomy.table
        import striate.hub.resolve  # noqa: F401
    else:
        __import__({"fvcore": "fvcore.nn"}.get(tool, tool))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.perf_counter()
    network, counts = work(tool, name, size)
    first = time.perf_counter() - began
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    held = [*network.parameters(), *network.buffers()]
    weights = sum(
        each.nbytes for each in held if isinstance(each, torch.Tensor) and not each.is_meta
    )
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        work(tool, name, size)
        times.append(time.perf_counter() - began)
    return {
        "first": first,
        "seconds": min(times),
        "grown": grown * 1024,
        "weights": weights,
        "macs": counts[0],
        "parameters": counts[1],
    }


def in_a_process(tool: str, name: str, size: int, repeats: int) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", __file__, "--one", tool, name, str(size), str(repeats)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        return {"failed": (done.stderr.strip().splitlines() or ["no message"])[-1]}
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


# --------------------------------------------------------------------------------------- answers


def bias_additions(case: Any) -> int:
    """A value of the output each, of convolutions and linear layers that have a bias."""
    import torch

    from striate.anatomy.graph.record import record

    graph = record(case.build(), *(torch.empty(shape, device="meta") for shape in case.inputs))
    return sum(
        math.prod(node.shape)
        for node in graph.nodes
        if node.attributes.get("bias") or (node.operator == "linear" and len(node.parameters) > 1)
    )


def answers() -> list[dict[str, Any]]:
    """What each tool says of each case, beside the truth; networks live on the CPU here."""
    import torch
    from anatomy_cases import CASES

    rows = []
    for case in CASES:
        said: dict[str, Any] = {}
        for tool, count in TOOLS.items():
            network = case.build().eval()
            with torch.no_grad():
                for parameter in network.parameters():
                    parameter.zero_()
            try:
                said[tool] = count(network, case.inputs)
            except Exception as error:
                said[tool] = (f"fails: {type(error).__name__}", None)
        rows.append(
            {
                "case": case.name,
                "why": case.why,
                "macs": case.macs,
                "with_biases": case.macs + bias_additions(case),
                "parameters": case.parameters,
                "said": said,
            }
        )
    return rows


def right(row: dict[str, Any], tool: str, what: int) -> bool:
    truth = row["macs"] if what == 0 else row["parameters"]
    return bool(row["said"][tool][what] == truth)


# ----------------------------------------------------------------------------------------- output


def show_speed(speed: dict[str, dict[str, dict[str, Any]]]) -> bool:
    """Print the times; tell whether the target is met."""
    met = True
    heads = ("first", "time", "ratio", "peak", "weights")
    print(f"\n{'network':<20} {'tool':<10}", *(f"{head:>9}" for head in heads))
    for name, tools in speed.items():
        ours = tools["striate"]["seconds"]
        for tool, found in tools.items():
            if "failed" in found:
                print(f"{name:<20} {tool:<10} {found['failed'][:60]}")
                continue
            times = found["seconds"] / ours
            cells = (
                f"{1000 * found['first']:.0f} ms",
                f"{1000 * found['seconds']:.1f} ms",
                f"{times:.1f}×",
                f"{found['grown'] / 1e6:.0f} MB",
                f"{found['weights'] / 1e6:.0f} MB",
            )
            print(f"{name:<20} {tool:<10}", *(f"{cell:>9}" for cell in cells))
            if tool == "torchinfo" and name in TARGETED:
                met &= times >= TARGET
    return met


def show_answers(rows: list[dict[str, Any]]) -> None:
    print(f"\n{'case':<24} {'true MACs':>10}", *(f"{tool:>22}" for tool in TOOLS))
    for row in rows:
        cells = []
        for tool in TOOLS:
            macs = row["said"][tool][0]
            text = f"{macs:,}" if isinstance(macs, int) else str(macs)
            mark = "✓" if right(row, tool, 0) else "b" if macs == row["with_biases"] else "✗"
            cells.append(f"{text} {mark}".rjust(22))
        print(f"{row['case']:<24} {row['macs']:>10,}", *cells)
    totals = [f"{sum(right(row, tool, 0) for row in rows)} of {len(rows)}" for tool in TOOLS]
    print(f"{'right':<24} {'':>10}", *(f"{each:>22}" for each in totals))
    wider = [
        f"{sum(row['said'][tool][0] in (row['macs'], row['with_biases']) for row in rows)}"
        for tool in TOOLS
    ]
    print(
        f"{'right, or with biases':<24} {'':>10}",
        *(f"{each} of {len(rows)}".rjust(22) for each in wider),
    )
    counted = [
        f"{sum(right(row, tool, 1) for row in rows)} of {len(rows)}" if tool != "fvcore" else "–"
        for tool in TOOLS
    ]
    print(f"{'parameters right':<24} {'':>10}", *(f"{each:>22}" for each in counted))


def main() -> None:
    parser = argparse.ArgumentParser(description="Time, memory and right answers.")
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS), choices=list(NETWORKS))
    parser.add_argument("--size", type=int, help="side of the image; the network's own if absent")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument(
        "--rounds", type=int, default=3, help="processes a tool; their median counts"
    )
    parser.add_argument("--tools", nargs="+", default=list(TOOLS), choices=list(TOOLS))
    parser.add_argument("--json", type=Path)
    parser.add_argument("--one", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    if options.one:
        tool, name, size, repeats = options.one
        print(json.dumps(measure(tool, name, int(size), int(repeats))))
        return
    speed: dict[str, dict[str, dict[str, Any]]] = {}
    for name in options.networks:
        size = options.size or NETWORKS[name]
        found: dict[str, list[dict[str, Any]]] = {tool: [] for tool in options.tools}
        for turn in range(options.rounds):
            for tool in options.tools if turn % 2 == 0 else reversed(options.tools):
                found[tool].append(in_a_process(tool, name, size, options.repeats))
        speed[name] = {tool: middle(each) for tool, each in found.items()}
    rows = answers()
    met = show_speed(speed)
    show_answers(rows)
    wrong = [
        row["case"] for row in rows if not (right(row, "striate", 0) and right(row, "striate", 1))
    ]
    print(f"\nat least {TARGET:g} times faster than torchinfo: {'yes' if met else 'no'}")
    if options.json:
        about = {"machine": platform.processor() or platform.machine(), "python": sys.version}
        document = {**about, "speed": speed, "answers": rows, "met": met}
        options.json.write_text(json.dumps(document, indent=1), encoding="utf-8")
    if wrong:
        sys.exit(f"striate is wrong about: {', '.join(wrong)}")


def middle(found: list[dict[str, Any]]) -> dict[str, Any]:
    """The measurement of median time, with the median of the others' memory and first time."""
    if any("failed" in each for each in found):
        return next(each for each in found if "failed" in each)
    chosen = dict(sorted(found, key=lambda each: each["seconds"])[len(found) // 2])
    for key in ("first", "grown"):
        chosen[key] = statistics.median(each[key] for each in found)
    return chosen


if __name__ == "__main__":
    main()
