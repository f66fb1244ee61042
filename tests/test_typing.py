"""What people write with Striate passes their own type checker, as the documents do."""

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
from pathlib import Path

import torch

import striate
from striate.sklearn import ImageClassifier, ImageRegressor

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
result = striate.train("photos", net="lenet", epochs=3, variant={"auxiliary": True}, size=32)
print(result.top1 + striate.transfer("photos", backbone=result.run).top1, result.run.name)
print(striate.evaluate(result.run, "others", all_images=True).confusion)
first = striate.predict(result.run, ["a.jpg"])[0]
print(first.classes, next(striate.predict(result.run, "a.jpg", stream=True)).classes)
print(striate.predict_bulk(result.run, "photos", "predictions", embeddings=True).unreadable + 1)
exported = striate.export(result.run, "x.onnx", dynamic=["batch"], capture="trace")
print(exported.file.name, striate.check("photos", val_fraction=0.3).usable)
print(striate.compare(["lenet", network], size=(64, 32)).members, striate.cache(older_than=3).bytes)
mixed = striate.predict(result.run, ["a.jpg", torch.zeros(3, 8, 8), Path("b.png")])
image: torch.Tensor = striate.open_run(result.run).preprocessing("a.jpg")
estimator = ImageClassifier(net="lenet", epochs=3).fit(["a.jpg", "b.jpg"], [0, 1])
print(estimator.classes_, estimator.run_.name, ImageRegressor(head="svr").save("kept").name)
print(striate.view(network, against="lenet").name, striate.create_run("lenet", "run").classes)
"""
#: Each line a mistake, but for the first.
REFUSED = """import striate; from striate.sklearn import ImageClassifier, ImageRegressor
network: int = striate.create("resnet18")
striate.create(5)
striate.train("photos", net="lenet", epoch=3)
striate.train("photos", "lenet")
striate.train("photos", net="lenet", epochs="3")
number: int = striate.train("photos", net="lenet")
striate.transfer("photos", backbone=3)
striate.evaluate("run", device=0)
striate.predict("run", "a.jpg", stream=True)[0]
next(striate.predict("run", "a.jpg"))
striate.export("run", capture="onnx")
striate.table("lenet", depht=1)
striate.table(5)
striate.explain("lenet", "conv1")[0]
striate.explain("lenet", at=(0, 0))
striate.compare("lenet", timed="yes")
striate.view("lenet", sizes=3)
striate.check("photos", seed="0")
striate.cache(older_than="30")
striate.create_run("lenet")
ImageRegressor(epochs="3")
striate.predict("run", [None])
"""


@pytest.mark.slow
def test_what_the_documents_show_and_what_is_promised_passes_a_strict_checker(
    tmp_path: Path,
) -> None:
    # The pages of networks show one block each, made by one template.
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), ROOT / "docs/networks/lenet.md"]
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    blocks = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    ours = [block for block in blocks if re.search(r"^(import|from) striate", block, re.MULTILINE)]
    assert len(ours) > 9
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
    assert all(Path(line.partition(":")[0]).name == "wrong.py" for line in complaints), done.stdout
    found = {int(line.split(":")[1]) for line in complaints}
    assert found == set(range(2, len(REFUSED.splitlines()) + 1)), done.stdout + done.stderr


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
