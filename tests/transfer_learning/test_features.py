"""Embeddings: the same by every engine, every worker count, from disk or computed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from striate.data.images import ImageSet
from striate.data.preprocessing import Preprocessing
from striate.data.scan import digest_of
from striate.errors import DataError, ExportError, StriateError
from striate.support.folders import cache_folder
from striate.transfer_learning import features as module
from striate.transfer_learning.backbone import Backbone
from striate.transfer_learning.features import FeatureSet, features
from striate.transfer_learning.views import draw_view

from .conftest import make_backbone, make_images  # type: ignore[import-not-found]

PLAIN = "torch float32"


def expected(backbone: Backbone, images: ImageSet) -> NDArray[np.float32]:
    """What PyTorch makes of the images as evaluation sees them."""
    preprocessing = backbone.preprocessing
    pixels = np.stack([preprocessing.fit_image(images.read(n)) for n in range(len(images))])
    with torch.inference_mode():
        return backbone.network(preprocessing.normalise(torch.from_numpy(pixels))).numpy()


def compute(backbone: Backbone, images: ImageSet, **options: Any) -> FeatureSet:
    return features(backbone, images, **{"engine": PLAIN, "workers": 1, **options})


@pytest.mark.parametrize(
    ("engine", "share"),
    [
        ("torch float32", 1e-5),
        ("torch bfloat16", 0.05),
        ("onnxruntime float32", 1e-4),
        ("openvino float32", 1e-4),
        ("openvino bfloat16", 0.05),
    ],
)
def test_engines_agree(backbone: Backbone, images: ImageSet, engine: str, share: float) -> None:
    if not engine.startswith("torch"):
        pytest.importorskip(engine.split(maxsplit=1)[0])
    found = features(backbone, images, engine=engine, workers=2)
    right = expected(backbone, images)
    assert found.values.shape == (1, *right.shape)
    assert found.values.dtype == np.float32
    assert np.abs(found.values[0] - right).max() < share * np.abs(right).max()
    assert (found.engine, found.computed, found.found, found.notes) == (engine, 21, 0, ())
    np.testing.assert_array_equal(found.labels, images.labels)


def test_the_second_time_nothing_is_computed(
    backbone: Backbone, images: ImageSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = compute(backbone, images, views=2)
    assert (first.computed, first.found) == (42, 0)

    def none(*_: object) -> None:
        raise AssertionError("an engine was started")

    monkeypatch.setattr(module, "open_session", none)
    counted: list[tuple[int, int]] = []
    again = compute(backbone, images, views=2, progress=lambda *at: counted.append(at))
    assert (again.computed, again.found, again.seconds) == (0, 42, 0)
    np.testing.assert_array_equal(again.values, first.values)
    fewer = compute(backbone, images.subset([7, 3]))
    np.testing.assert_array_equal(fewer.values[0], first.values[0, [7, 3]])


def test_only_what_changed_is_computed(backbone: Backbone, images: ImageSet) -> None:
    compute(backbone, images)
    pixels = np.array(images.pixels)
    other = make_images(1, seed=5)
    changed = replace(
        images,
        pixels=np.concatenate([other.pixels, pixels]),  # and all others have moved
        digests=[*other.digests, *images.digests],
        labels=np.concatenate([other.labels, images.labels]),
        names=["new", *images.names],
    )
    found = compute(backbone, changed)
    assert (found.computed, found.found) == (1, 21)
    np.testing.assert_allclose(found.values[0], expected(backbone, changed), atol=1e-4)


@pytest.mark.parametrize("what", ["weights", "preprocessing", "precision", "seed"])
def test_another_way_is_computed_anew(backbone: Backbone, images: ImageSet, what: str) -> None:
    few = images.subset(range(3))
    first = compute(backbone, few, views=2)
    options: dict[str, Any] = {}
    if what == "weights":
        backbone = make_backbone(seed=1)
    elif what == "preprocessing":
        changed = replace(backbone.preprocessing, mean=(0.1, 0.2, 0.3))
        backbone = replace(backbone, preprocessing=changed)
    elif what == "precision":
        options["engine"] = "torch bfloat16"
    else:
        options["seed"] = 1
    found = compute(backbone, few, views=2, **options)
    assert found.computed == (3 if what == "seed" else 6)  # view 0 has no chance in it
    assert not np.array_equal(found.values[1], first.values[1])


def test_some_images_have_more_views(
    backbone: Backbone, images: ImageSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[object] = []
    original = module.open_session
    monkeypatch.setattr(
        module, "open_session", lambda *given: started.append(1) or original(*given)
    )
    counted: list[tuple[int, int]] = []
    views = [3] * 15 + [1] * 6
    found = compute(backbone, images, views=views, progress=lambda *at: counted.append(at))
    assert (found.computed, found.found, len(started)) == (51, 0, 1)
    assert counted[-1] == (51, 51)
    again = compute(backbone, images, views=views)
    assert (again.computed, again.found) == (0, 51)
    np.testing.assert_array_equal(again.values[:, :15], found.values[:, :15])
    np.testing.assert_array_equal(again.values[0], found.values[0])


def test_a_file_that_changed_meanwhile_is_no_features_of_what_it_was(
    backbone: Backbone, tmp_path: Path
) -> None:
    file = tmp_path / "one.png"
    Image.new("RGB", (80, 80), "red").save(file)
    images = replace(
        make_images(1), pixels=None, paths=[file], digests=[digest_of(file.read_bytes())]
    )
    assert compute(backbone, images).computed == 1
    images = replace(images, digests=["ab" * 16])
    with pytest.raises(DataError, match=r"one\.png: has changed since it was read"):
        compute(backbone, images)


@pytest.mark.parametrize("what", ["PIXELS", "Pillow", "timm"])
def test_another_version_is_computed_anew(
    backbone: Backbone, images: ImageSet, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    backbone = replace(backbone, spec="timm:small")
    monkeypatch.setattr(module, "version", lambda name: f"{name} 1.0")
    few = images.subset(range(2))
    compute(backbone, few)
    if what == "PIXELS":
        monkeypatch.setattr(module, "PIXELS", 0)
    elif what == "Pillow":
        monkeypatch.setattr("PIL.__version__", "0.1")
    else:
        monkeypatch.setattr(module, "version", lambda name: f"{name} 1.1")
    assert compute(backbone, few).computed == 2


def test_equal_images_are_computed_once(backbone: Backbone, images: ImageSet) -> None:
    found = compute(backbone, images.subset([0, 1, 0, 0]))
    assert found.computed == 2
    np.testing.assert_array_equal(found.values[0, [0, 0]], found.values[0, [2, 3]])


def test_views_depend_on_nothing_but_seed_view_and_content(
    backbone: Backbone, images: ImageSet, tmp_path: Path
) -> None:
    one = compute(backbone, images, views=3, cache_dir=tmp_path / "one")
    order = np.random.default_rng(0).permutation(len(images))
    other = compute(
        backbone, images.subset(order), views=3, workers=4, cache_dir=tmp_path / "other"
    )
    np.testing.assert_allclose(other.values, one.values[:, order], atol=1e-4)
    assert len({view.tobytes() for view in one.values}) == 3


@pytest.mark.parametrize("size", [32, 96])
def test_views_are_parts_of_the_image_turned_in_half(size: int) -> None:
    preprocessing = Preprocessing(
        resize=size, height=size, width=size, mean=(0.5,) * 3, std=(0.5,) * 3
    )
    ramp = np.repeat(np.linspace(1, 255, 200).astype(np.uint8)[None, :, None], 150, axis=0)
    image = np.repeat(ramp, 3, axis=2)
    turned = []
    for number in range(40):
        digest = f"{number * 0x9E3779B97F4A7C15 % 2**64:016x}".ljust(32, "0")
        pixels = [draw_view(image, preprocessing, digest, view, 0) for view in (1, 2)]
        assert {each.shape for each in pixels} == {(size, size, 3)}
        falls = [each[size // 2, 8, 0] > each[size // 2, -8, 0] for each in pixels]
        assert falls[0] != falls[1]
        turned.append(falls[0])
    assert 10 < sum(turned) < 30


def test_a_killed_process_loses_little(tmp_path: Path, images: ImageSet) -> None:
    script = textwrap.dedent(
        """
        import os, signal, sys
        sys.path.insert(0, sys.argv[1])
        from conftest import make_backbone, make_images
        from striate.transfer_learning import features as module
        module._FLUSH = 1
        def kill(done, total):
            if done >= 24:
                os.kill(os.getpid(), signal.SIGKILL)
        module.features(make_backbone(), make_images(40), engine="torch float32", progress=kill)
        """
    )
    killed = subprocess.run(
        [sys.executable, "-c", script, str(Path(__file__).parent)],
        env={**os.environ, "STRIATE_CACHE": str(cache_folder())},
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    backbone, more = make_backbone(), make_images(40)
    found = compute(backbone, more)
    assert (found.found, found.computed) == (16, 24)
    assert found.notes == ()
    np.testing.assert_allclose(found.values[0], expected(backbone, more), atol=1e-4)


def test_a_damaged_file_is_said_and_computed_anew(backbone: Backbone, images: ImageSet) -> None:
    first = compute(backbone, images)
    (segment,) = cache_folder().rglob("*.features")
    segment.write_bytes(segment.read_bytes()[:-100])
    again = compute(backbone, images)
    assert again.computed == 21
    assert len(again.notes) == 1
    assert "was cut short or altered" in again.notes[0]
    np.testing.assert_array_equal(again.values, first.values)
    assert compute(backbone, images).notes == ()


def test_a_cache_that_cannot_be_written_stops_nothing(
    backbone: Backbone, images: ImageSet, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    found = compute(backbone, images, views=2, cache_dir=tmp_path / "file")
    assert found.computed == 42
    assert all("features are no longer cached" in line for line in found.notes)
    np.testing.assert_allclose(found.values[0], expected(backbone, images), atol=1e-4)


def test_what_cannot_be_computed_is_named(backbone: Backbone, images: ImageSet) -> None:
    with pytest.raises(StriateError, match="`views=0`: must be at least 1"):
        compute(backbone, images, views=0)
    with pytest.raises(DataError, match="no images"):
        compute(backbone, images.subset([]))
    gone = replace(images, pixels=None, paths=[Path("gone.jpg")] * len(images))
    with pytest.raises(DataError, match=r"gone\.jpg"):
        compute(backbone, gone)


def test_features_that_are_no_numbers_are_not_kept(images: ImageSet) -> None:
    broken = make_backbone()
    with torch.no_grad():
        next(broken.network.parameters()).fill_(float("nan"))
    with pytest.raises(StriateError, match="'small': gives an embedding of image 0 that is not"):
        compute(broken, images)
    assert not list(cache_folder().rglob("*.features"))


@pytest.mark.parametrize("engine", ["auto", "auto float32"])
def test_what_openvino_cannot_have_is_computed_in_pytorch(
    backbone: Backbone, images: ImageSet, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise ExportError("capture 'export'", "PyTorch cannot capture the network so (a loop)")

    monkeypatch.setattr("striate.engines.capture.capture_somehow", refused)
    with monkeypatch.context() as patched:
        patched.setattr(module, "choose_engine", lambda _: ("openvino", "float32"))
        found = features(backbone, images, engine=engine, workers=1)
    assert (found.engine, found.computed) == (PLAIN, 21)
    (line,) = found.notes
    assert line.startswith("features are computed in PyTorch, not OpenVINO, which cannot have ")
    assert "(a loop)" in line
    np.testing.assert_allclose(found.values[0], expected(backbone, images), atol=1e-4)
    again = features(backbone, images, engine=PLAIN, workers=1)
    assert (again.found, again.notes) == (21, ())


def test_who_insists_on_openvino_is_told_why_not(
    backbone: Backbone, images: ImageSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise ExportError("capture 'export'", "PyTorch cannot capture the network so (a loop)", "x")

    monkeypatch.setattr("striate.engines.capture.capture_somehow", refused)
    with pytest.raises(
        ExportError, match=r"`engine='openvino'`: .*a loop.*; take `engine='torch'`"
    ):
        features(backbone, images, engine="openvino float32", workers=1)


def test_features_need_no_cache(
    backbone: Backbone, images: ImageSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRIATE_CACHE", "~nobody-here/x")
    for _ in range(2):
        found = compute(backbone, images)
        assert (found.computed, found.found) == (21, 0)
        assert "nothing is cached: ~nobody-here/x" in found.notes[0]
