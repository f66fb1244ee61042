"""Every block of code in docs/ does what a reader sees it do, or stands below with the reason.

The commands run one after another in this process, in a folder that holds what the pages speak of:
a few small made pictures, runs of one tiny network, and its export.
"""

from __future__ import annotations

import re
import shutil
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent))
from reading import blocks, needs_shell, run, run_python

DOCS = Path(__file__).parents[1] / "docs"
CHINESE = ".zh-CN"
PAGES = sorted(DOCS.glob("*.md"))
#: Those whose code is run: a page in Chinese has that of the English one.
ENGLISH = [page for page in PAGES if CHINESE not in page.name]
#: What is not a reader's to type: data, output, and excerpts of what is explained beside them.
SHOWN = ("csv", "text", "toml")
#: Commands that are not run here, by how they begin, each with the reason.
ELSEWHERE = {
    r"make demo": "tests/test_readme.py runs it",
    r"source \.venv": "the environment of the tests is active",
    r"(python -m )?pip install": "installs from the network",
    r"curl -LO": "downloads",
    r"curl -[F-]": "needs a service that runs; tests/test_readme.py has one",
    r"striate serve": "runs on; tests/test_readme.py and tests/serving start it",
    r"torchrun|RAY_ADDRESS": "several processes; tests/training and tests/inference run them",
    r"python benchmarks/": "hours; tests/test_benchmark_*.py run each with little",
    r"striate (detect|export|evaluate) \S*tiny": "weights of 24 MB; tests/detection has small ones",
    r"striate train": "tests/test_readme.py, tests/training and tests/data train",
    r"striate (predict|export) runs/mine": "a network of one's own; tests/training has it",
    r"striate check hf:": "downloads; tests/data opens sets that lie on the disk",
    r"striate predict runs/resnet18-photos": "the run that the line before it trains",
    r"striate (evaluate|predict|runs) runs/ages": "a run of numbers; tests/inference opens such",
    r"striate transfer": "tests/transfer_learning has every option",
    r"striate create-run": "published weights; tests/hub/test_pretrained.py, make demo",
    r"striate (export demo/run|predict demo/)": "tests/test_readme.py runs the demo",
    r"striate quantise": "tests/deploy/quantise calibrates small networks",
    r"striate bench": "measures this machine; tests/cli has it with little",
}
#: Python that is not run here, by a line of it, each with the reason.
PYTHON_ELSEWHERE = {
    "class Accuracy(striate.Callback)": "tests/training/callbacks/test_page.py runs it",
    'striate.detect("yolov4-tiny.weights"': "weights of 24 MB; tests/detection has small ones",
    'striate.train("photos", net=': "tests/training/test_any_network.py trains modules",
    "cross_val_score(classifier": "trains three times; tests/sklearn does with less",
    'striate.train("photos", target="age"': "tests/training/test_numbers.py trains on numbers",
}
#: Names that a page's first block imports for its later ones.
IMPORTS = "import striate\nimport torchvision\n"


def commands(page: Path) -> list[str]:
    """The lines of a page's blocks for shells."""
    code = [text for language, text in blocks(page.read_text("utf-8")) if language == "sh"]
    return [line for text in code for line in text.splitlines() if line.strip()]


def scripts(page: Path) -> list[str]:
    """The blocks of Python of a page."""
    return [text for language, text in blocks(page.read_text("utf-8")) if language == "python"]


def elsewhere(command: str) -> bool:
    return any(re.match(pattern, command) for pattern in ELSEWHERE)


def explained(script: str) -> bool:
    return any(line in script for line in PYTHON_ELSEWHERE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the pages speak of."""
    import striate

    folder = tmp_path_factory.mktemp("reader")
    make_pictures(folder)
    result = striate.train(
        folder / "photos", net="lenet", epochs=1, out=folder / "run", recheck=True
    )
    striate.export(result.run, folder / "photos.onnx")
    for name in ("photos", "flowers", "transferred"):
        shutil.copytree(result.run, folder / "runs" / name)
    for name in ("a", "b", "c"):
        shutil.copytree(result.run, folder / "experiments" / name)
    shutil.copyfile(folder / "photos.onnx", folder / "exported.onnx")
    return folder


def make_pictures(folder: Path) -> None:
    """Two classes that differ in colour, held out pictures among them, and single pictures."""
    generator = np.random.default_rng(0)
    for split in ("train", "val"):
        for name, colour in {"daisy": 220, "tulip": 90}.items():
            (folder / "photos" / split / name).mkdir(parents=True)
            for number in range(10):
                pixels = generator.integers(colour - 80, colour + 30, (36, 36), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / "photos" / split / name / f"{number}.png")
    shutil.copytree(folder / "photos" / "val", folder / "elsewhere")
    shutil.copytree(folder / "photos" / "val", folder / "other-photos")
    shutil.copytree(folder / "photos" / "val" / "tulip", folder / "pictures")
    for name in ("holiday.jpg", "tulip.jpg", "street.jpg"):
        Image.fromarray(generator.integers(0, 255, (60, 80, 3), dtype=np.uint8)).save(folder / name)


@pytest.fixture(scope="module")
def done() -> set[str]:
    """Commands that were run: what several pages show runs once."""
    return set()


@pytest.mark.slow
@pytest.mark.parametrize("page", ENGLISH, ids=lambda page: page.name)
def test_commands_run(page: Path, folder: Path, done: set[str]) -> None:
    for command in commands(page):
        if elsewhere(command) or command in done:
            continue
        done.add(command)
        status, said = run(["bash", "-c", command], folder)
        assert status == 0, f"{command}\n{said}"
        assert said.strip() or needs_shell(command), f"{command}\nprinted nothing"


def test_what_is_shown_below_a_command_is_what_it_prints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, done: set[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    found = blocks((DOCS / "reading-a-network.md").read_text("utf-8"))
    pairs = [(one[1], other[1]) for one, other in pairwise(found) if other[0] == "text"]
    assert len(pairs) == 5
    for command, shown in pairs:
        done.add(command.strip())
        _, said = run(["bash", "-c", command.strip()], tmp_path)
        printed = [line.rstrip() for line in said.splitlines()]
        assert [line for line in shown.splitlines() if line not in printed] == []


@pytest.mark.slow
@pytest.mark.parametrize("page", ENGLISH, ids=lambda page: page.name)
def test_python_runs(page: Path, folder: Path) -> None:
    for script in scripts(page):
        if not explained(script):
            run_python(IMPORTS + script, folder)


def test_no_language_is_passed_over() -> None:
    found = {language for page in PAGES for language, _ in blocks(page.read_text("utf-8"))}
    assert found <= {"sh", "python", *SHOWN}


def test_no_reason_is_left_over() -> None:
    every = [command for page in PAGES for command in commands(page)]
    assert [one for one in ELSEWHERE if not any(re.match(one, line) for line in every)] == []
    code = "".join(script for page in PAGES for script in scripts(page))
    assert [one for one in PYTHON_ELSEWHERE if one not in code] == []


def test_chinese_pages_show_the_code_of_english_ones() -> None:
    chinese = [page for page in PAGES if page not in ENGLISH]
    known = [block for page in ENGLISH for block in blocks(page.read_text("utf-8"))]
    shown = [block for page in chinese for block in blocks(page.read_text("utf-8"))]
    assert [block for block in shown if block not in known] == []


@pytest.mark.parametrize("name", ["arithmetic", "transfer", "export", "reading-a-network"])
def test_a_chinese_page_says_the_numbers_of_the_english_one(name: str) -> None:
    known = numbers(DOCS / f"{name}.md")
    assert numbers(DOCS / f"{name}.zh-CN.md") - known == set()


@pytest.mark.parametrize("name", ["history.md", "history.zh-CN.md"])
def test_the_history_says_the_numbers_of_the_networks_pages(name: str) -> None:
    pages = [*(DOCS / "networks").glob("*.md"), DOCS / "arithmetic.md", DOCS / "architecture.md"]
    known = set().union(*(numbers(page) for page in pages))
    assert numbers(DOCS / name) - known == set()


def numbers(page: Path) -> set[str]:
    """The numbers of a page that are measured or counted: with a point, a comma or three digits."""
    text = re.sub(r"\]\([^)]*\)", "", page.read_text("utf-8"))
    return set(re.findall(r"(?<![\w.,])\d+(?:[.,]\d+)+|(?<![\w.,])\d{3,}(?!\w|[.,]\d)", text))


def test_the_tests_that_reasons_name_exist() -> None:
    reasons = " ".join([*ELSEWHERE.values(), *PYTHON_ELSEWHERE.values()])
    named = re.findall(r"tests/[\w/*]+(?:\.py)?", reasons)
    assert named
    assert [one for one in named if not list(DOCS.parent.glob(one))] == []
