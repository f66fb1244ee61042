"""Every command and every piece of Python in the README does what a reader sees it do.

The blocks run from top to bottom in one temporary folder, on a few small made pictures, with the
README's epochs and image size shrunk and nothing else changed.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent))
from reading import blocks, environment, run

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SHRUNK = {r"--epochs \d+": "--epochs 1", r"--size \d+": "--size 32"}
#: Has a test of its own below.
DEMO = "make demo"
#: Runs on while the reader goes on in another terminal, at an address that may be taken here.
SERVICE = "striate serve "
ADDRESS = "http://127.0.0.1:8000"
#: The tests run in an environment that is active already.
ACTIVATION = "source .venv/bin/activate"


def make_photos(folder: Path) -> None:
    """Two classes that differ in colour, ten noisy pictures each, and one picture besides."""
    generator = np.random.default_rng(0)
    for name, colour in {"daisy": (230, 230, 210), "tulip": (190, 30, 60)}.items():
        (folder / "photos" / name).mkdir(parents=True)
        for number in range(10):
            noise = generator.integers(-25, 25, size=(48, 64, 3))
            pixels = np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / "photos" / name / f"{number}.jpg")
    shutil.make_archive(str(folder / "photos"), "zip", folder, "photos")
    Image.new("RGB", (80, 60), (200, 40, 60)).save(folder / "holiday.jpg")


def steps() -> list[list[str]]:
    """What the README's reader runs, in order, as arguments of a process."""
    found = []
    for language, code in blocks(README):
        if language == "python":
            found.append([sys.executable, "-c", code])
        elif language == "sh":
            found += [
                ["bash", "-c", line]
                for line in code.splitlines()
                if line.strip() and line not in (DEMO, ACTIVATION)
            ]
    return found


def test_the_readme_has_no_block_that_nobody_runs() -> None:
    assert {language for language, _ in blocks(README)} <= {"sh", "python", "text"}
    assert README.index(DEMO) < README.index("striate train")
    assert len(steps()) > 5


@contextmanager
def service(code: str, folder: Path) -> Iterator[str]:
    """The address of the service that a line starts, until the block ends."""
    with subprocess.Popen(
        [*shlex.split(code), "--port", "0"],
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        found = re.search(r"http://[\d.:]+", process.stdout.readline())
        assert found, code
        yield found[0]
        process.terminate()
        assert process.wait(30) == 0


@pytest.mark.slow
def test_every_command_of_the_readme_runs(tmp_path: Path) -> None:
    make_photos(tmp_path)
    with ExitStack() as stack:
        address = ADDRESS
        for step in steps():
            code = step[-1]
            for pattern, small in SHRUNK.items():
                code = re.sub(pattern, small, code)
            if code.startswith(SERVICE):
                address = stack.enter_context(service(code, tmp_path))
                continue
            status, said = run([*step[:-1], code.replace(ADDRESS, address)], tmp_path)
            assert status == 0, f"{code}\n{said}"
            assert said.strip(), f"{code}\nprinted nothing"
            assert '{"error"' not in said, f"{code}\n{said}"
    assert (tmp_path / "runs" / "photos" / "report.html").is_file()
    assert (tmp_path / "photos.onnx").is_file()


def test_the_table_of_networks_is_the_catalogue() -> None:
    from striate.zoo.catalogue import entries

    table = "\n".join(line for line in README.splitlines() if line.startswith("|"))
    assert sorted(set(re.findall(r"`(\w+)`", table))) == sorted(each.name for each in entries())


@pytest.mark.slow
def test_the_demo_reads_digits(tmp_path: Path) -> None:
    venv, demo = Path(sys.prefix), tmp_path / "demo"
    if not (venv / "pyvenv.cfg").is_file():
        pytest.skip("the tests do not run in a virtual environment, which the Makefile needs")
    done = subprocess.run(
        # -o: this environment is complete, whatever the age of its stamp.
        ["make", "-o", f"{venv}/.ready", "demo", f"VENV={venv}", f"DEMO={demo}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert str(demo / "run" / "report.html") in done.stdout
    assert (demo / "run" / "report.html").stat().st_size > 10_000
    assert (demo / "digits.onnx").is_file()
    pictures = sorted((demo / "images").glob("*.png"))
    assert len(pictures) == 10
    assert all(picture.name in done.stdout for picture in pictures)
    assert f"{demo / 'photographs' / 'flower.jpg'}: daisy" in done.stdout

    import striate

    assert striate.evaluate(demo / "run").top1 >= 0.97
