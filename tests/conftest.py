"""Fixtures that several rooms share."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

_NUMBERS = itertools.count()

COLOURS = {"red": (200, 40, 40), "green": (40, 180, 60), "blue": (50, 60, 210)}


@pytest.fixture(scope="session", autouse=True)
def _caches(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of the caches of all tests; what fixtures of many tests keep is in one of them."""
    folder = tmp_path_factory.mktemp("caches")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STRIATE_CACHE", str(folder / "shared"))
        yield folder


@pytest.fixture(autouse=True)
def _own_cache(_caches: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test finds what another one, or the person at this machine, has cached."""
    monkeypatch.setenv("STRIATE_CACHE", str(_caches / str(next(_NUMBERS))))


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real images that the environment names; tests that want it skip without."""
    folder = os.environ.get("STRIATE_TEST_DATA")
    if not folder:
        pytest.skip("STRIATE_TEST_DATA names no folder with flowers/, cifar10/ and mnist/")
    return Path(folder)


def make_photographs(
    folder: Path, *, classes: tuple[str, ...] = tuple(COLOURS), count: int = 12, side: int = 80
) -> Path:
    """A folder of class folders with noisy JPEG files, each class of a colour of its own."""
    rng = np.random.default_rng(0)
    palette = list(COLOURS.values())
    for number, name in enumerate(classes):
        (folder / name).mkdir(parents=True)
        for index in range(count):
            noise = rng.normal(0, 30, (side, side + 8, 3))
            pixels = np.clip(np.array(palette[number % len(palette)]) + noise, 0, 255)
            Image.fromarray(pixels.astype(np.uint8)).save(folder / name / f"{index:03}.jpg")
    return folder


@pytest.fixture(scope="session")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three classes of twelve photographs, of which nothing may be changed."""
    return make_photographs(tmp_path_factory.mktemp("data") / "photographs")


def make_squares(folder: Path, *, count: int = 60, side: int = 24) -> Path:
    """Noisy pictures of a square each, with a table of its side and its level, under odd names."""
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True)
    lines = ["file_name,side (px),level"]
    for index in range(count):
        size, level = int(rng.integers(4, side - 4)), int(rng.integers(90, 255))
        top, left = rng.integers(0, side - size, 2)
        pixels = rng.integers(0, 40, (side, side)).astype(np.uint8)
        pixels[top : top + size, left : left + size] = level
        name = f"<b>{index:03} 玫瑰.png"
        Image.fromarray(pixels).save(folder / name)
        lines.append(f"{name},{size},{level}")
    (folder / "metadata.csv").write_text("\n".join(lines), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def squares(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty squares with their side and level, of which nothing may be changed."""
    return make_squares(tmp_path_factory.mktemp("numbers") / "squares")


@pytest.fixture(scope="session")
def numbers_run() -> Callable[..., Path]:
    """Makes a run of two numbers, never trained, with intervals and samples, at a new folder."""

    def make(folder: Path, *, seed: int = 0, resize: int = 32) -> Path:
        import torch

        import striate
        from striate.data.preprocessing import Preprocessing
        from striate.runs.config import RunConfig
        from striate.runs.conformal import HalfWidth, keep_conformal
        from striate.runs.layout import CONFIG, WEIGHTS
        from striate.runs.origins import DataOrigin
        from striate.runs.run import Run
        from striate.runs.samples import keep_samples
        from striate.runs.targets import ScaledTarget
        from striate.runs.weights import write_weights

        config = RunConfig(
            network="lenet",
            classes=(),
            targets=(
                ScaledTarget(
                    name="age", unit="年 <b>", mean=40.0, deviation=12.5, low=1.0, high=90.0
                ),
                ScaledTarget(name="<i>count", mean=3e4, deviation=9e3, low=0.0, high=7e4),
            ),
            in_channels=1,
            preprocessing=Preprocessing(
                resize=resize, height=32, width=32, channels=1, mean=(0.5,), std=(0.25,)
            ),
            recipe=None,
            data=DataOrigin(
                origin="",
                fingerprint="",
                val_fraction=0.2,
                train_images=0,
                val_images=0,
                test_images=0,
                held_out="",
            ),
            seed=seed,
            precision="float32",
            device="cpu",
            threads=1,
        )
        folder.mkdir()
        config.write(folder / CONFIG)
        torch.manual_seed(seed)
        weights = striate.create("lenet", classes=2).state_dict()
        last = list(weights)[-2]
        weights[last] *= 8  # values far apart, so that a wrong pixel shows in them
        write_weights(folder / WEIGHTS, weights, identity=config.identity, epoch=1)
        rng = np.random.default_rng(seed)
        sizes = ((40, 33), (64, 120))
        noise = [rng.integers(0, 256, (*size, 3), np.uint8) for size in sizes]
        keep_samples(folder, map(Image.fromarray, noise), ["a", "b"])
        widths = [[HalfWidth(level=0.8, half_width=5), HalfWidth(level=0.9, half_width=9)], []]
        keep_conformal(Run.open(folder), widths, 30)
        return folder

    return make


@pytest.fixture(scope="session")
def numbers(numbers_run: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of `numbers_run` with its export, `lenet.onnx`, of which nothing may be changed."""
    from striate.deploy.export import export_into
    from striate.runs.run import Run

    folder = numbers_run(tmp_path_factory.mktemp("numbers") / "run <b> 数")
    export_into(Run.open(folder))
    return folder


@pytest.fixture(scope="session")
def number_pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with pictures under odd names, and a file that is none."""
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(1)
    for name in ("<i>one", "two 玫瑰", "z"):
        Image.fromarray(rng.integers(0, 256, (45, 37, 3), np.uint8)).save(folder / f"{name}.png")
    (folder / "m.png").write_bytes(b"no picture")
    return folder


@pytest.fixture(scope="session")
def number_run(squares: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of numbers, trained on `squares` with its report, of which nothing may be changed."""
    import striate

    out = tmp_path_factory.mktemp("number-runs") / "<i>run"
    given = {"net": "lenet", "epochs": 2, "batch_size": 8, "workers": 0, "seed": 1}
    return striate.train(squares, target=["side", "level"], out=out, **given).run  # type: ignore[arg-type]
