from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from striate.data.images import ImageSet
from striate.data.preprocessing import Preprocessing
from striate.errors import DataError
from striate.evaluation.predict import predict_files, probabilities

CLASSES = ("dark", "middling", "bright")


class Brightness(nn.Module):
    """Logits from the mean of the normalised image; notes how it was called."""

    def __init__(self) -> None:
        super().__init__()
        self.levels = nn.Parameter(torch.tensor([-1.0, 0.0, 1.0]))
        self.seen: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor:
        assert not self.training
        assert torch.is_inference_mode_enabled()
        assert x.is_contiguous(memory_format=torch.channels_last)
        self.seen.append(x.clone())
        return -10 * (x.mean((1, 2, 3))[:, None] - self.levels) ** 2


PREPROCESSING = Preprocessing(resize=16, height=16, width=16, mean=(0.5,) * 3, std=(0.5,) * 3)


def expected(level: float) -> np.ndarray:
    """Softmax by hand, for an image of one grey level."""
    logits = np.array([-10 * ((level / 255 - 0.5) / 0.5 - mark) ** 2 for mark in (-1, 0, 1)])
    return np.exp(logits) / np.exp(logits).sum()


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Grey pictures of several sizes, from black to white."""
    paths = []
    for i, level in enumerate((0, 60, 128, 200, 255)):
        paths.append(tmp_path / f"{i}.png")
        Image.new("RGB", (40 + 10 * i, 30), (level,) * 3).save(paths[-1])
    return paths


def image_set(files: list[Path]) -> ImageSet:
    return ImageSet(
        classes=CLASSES,
        labels=np.zeros(len(files), np.int64),
        names=[path.name for path in files],
        digests=[path.name for path in files],
        sizes=np.full((len(files), 2), 80, np.int32),
        grey=np.zeros(len(files), np.bool_),
        paths=files,
    )


def test_probabilities_are_the_softmax_of_the_logits_in_order(files: list[Path]) -> None:
    told: list[tuple[int, int]] = []
    found = probabilities(
        Brightness().train(),
        image_set(files),
        PREPROCESSING,
        batch_size=2,
        progress=lambda done, total: told.append((done, total)),
    )
    assert found.dtype == np.float32
    assert found.shape == (5, 3)
    wanted = [expected(level) for level in (0, 60, 128, 200, 255)]
    assert np.allclose(found, wanted, atol=1e-5)
    assert told == [(2, 5), (4, 5), (5, 5)]


def test_workers_do_not_change_a_bit(files: list[Path]) -> None:
    several = files * 7
    one, other = (
        probabilities(Brightness(), image_set(several), PREPROCESSING, batch_size=8, workers=w)
        for w in (0, 3)
    )
    assert one.tobytes() == other.tobytes()
    paths = [
        predict_files(Brightness(), several, PREPROCESSING, CLASSES, batch_size=8, workers=w)
        for w in (0, 3)
    ]
    assert paths[0] == paths[1]


def test_files_are_named_with_the_likeliest_class_first(files: list[Path]) -> None:
    found = predict_files(Brightness(), files, PREPROCESSING, CLASSES, top=2, batch_size=2)
    assert [each.classes[0] for each in found] == ["dark", "dark", "middling", "bright", "bright"]
    assert all(len(each.classes) == 2 for each in found)
    document = found[3].to_json()
    assert document["file"] == str(files[3])
    assert [p["class"] for p in document["predictions"]] == ["bright", "middling"]
    best = sorted(expected(200), reverse=True)
    assert [p["probability"] for p in document["predictions"]] == pytest.approx(best[:2], abs=1e-5)


def test_more_than_there_are_gives_all(files: list[Path]) -> None:
    (found,) = predict_files(Brightness(), files[:1], PREPROCESSING, CLASSES, top=5)
    assert len(found.classes) == 3
    assert sum(found.probabilities) == pytest.approx(1)


def test_files_and_sets_see_the_same_pixels(files: list[Path]) -> None:
    one, other = Brightness(), Brightness()
    probabilities(one, image_set(files), PREPROCESSING)
    predict_files(other, files, PREPROCESSING, CLASSES)
    assert torch.equal(torch.cat(one.seen), torch.cat(other.seen))


def test_a_file_that_is_no_image_is_named(files: list[Path], tmp_path: Path) -> None:
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"no image")
    for workers in (0, 2):
        with pytest.raises(DataError, match=r"bad\.jpg"):
            predict_files(Brightness(), [*files, bad], PREPROCESSING, CLASSES, workers=workers)
