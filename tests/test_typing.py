"""What people write with Striate passes their own type checker, README's block above all."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import striate
from striate.zoo.create import NETWORKS, create
from striate.zoo.layers import Network
from striate.zoo.weightless import weightless

ROOT = Path(__file__).parents[1]

#: What the documents promise of types, and what a checker should refuse.
PROMISED = """
import torch

import striate

network: striate.Network = striate.create("resnet18", classes=5)
features: torch.Tensor = network.features(torch.zeros(1, 3, 64, 64))
embedding: torch.Tensor = network.embed(torch.zeros(1, 3, 64, 64))
maps: tuple[torch.Tensor, ...] = network.stages(torch.zeros(1, 3, 64, 64))
strides: tuple[int, ...] = network.strides
channels: tuple[int, ...] = network.channels
version: str = striate.__version__
print(striate.table("lenet").summary(), striate.explain("lenet", "conv1").lines)
for explained in striate.explain("lenet"):
    print(explained.layer)
"""
REFUSED = 'import striate\nnetwork: int = striate.create("resnet18")\nstriate.create(5)\n'


@pytest.mark.slow
def test_the_readme_s_block_and_what_is_promised_pass_a_strict_checker(tmp_path: Path) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)
    ours = [block for block in blocks if "import striate" in block]
    assert ours
    for number, text in enumerate([*ours, PROMISED]):
        (tmp_path / f"right{number}.py").write_text(text)
    (tmp_path / "wrong.py").write_text(REFUSED)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *map(str, sorted(tmp_path.glob("*.py")))],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    complaints = [line for line in done.stdout.splitlines() if ": error:" in line]
    assert len(complaints) == 2, done.stdout + done.stderr
    assert all("wrong.py" in line for line in complaints), done.stdout


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_is_what_its_type_says(name: str) -> None:
    with weightless():
        network = create(name)
        assert isinstance(network, striate.Network)
        images = torch.zeros(1, *network.input_size)
        assert type(network).features is not Network.features
        assert network.eval().embed(images).shape[0] == 1


def test_the_version_is_the_package_s() -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, striate; print(striate.__version__, 'torch' in sys.modules)",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    from importlib.metadata import version

    assert done.stdout.split() == [version("striate"), "False"]
    assert "__version__" in dir(striate)
