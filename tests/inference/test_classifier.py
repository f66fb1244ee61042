from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from striate.data.images import ImageSet
from striate.data.preprocessing import Preprocessing
from striate.data.scan import digest_of
from striate.engines.pytorch import PyTorchSession
from striate.errors import DataError, RunError, StriateError, TrainingError
from striate.inference.classifier import Classifier
from striate.inference.prediction import Prediction

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


def classifier(network: nn.Module, batch_size: int = 32) -> Classifier:
    return Classifier.of_network(network, PREPROCESSING, CLASSES, batch_size=batch_size)


def predicted(
    network: nn.Module, files: Any, *, batch_size: int = 32, workers: int = 0, top: int = 5
) -> list[Prediction]:
    return list(classifier(network, batch_size).predict(files, top=top, workers=workers))


def image_set(files: list[Path]) -> ImageSet:
    return ImageSet(
        classes=CLASSES,
        labels=np.zeros(len(files), np.int64),
        names=[path.name for path in files],
        digests=[digest_of(path.read_bytes()) for path in files],
        sizes=np.full((len(files), 2), 80, np.int32),
        grey=np.zeros(len(files), np.bool_),
        paths=files,
    )


def test_probabilities_are_the_softmax_of_the_logits_in_order(files: list[Path]) -> None:
    told: list[tuple[int, int]] = []
    found = classifier(Brightness().train(), 2).probabilities(
        image_set(files),
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
        classifier(Brightness(), 8).probabilities(image_set(several), workers=w) for w in (0, 3)
    )
    assert one.tobytes() == other.tobytes()
    paths = [predicted(Brightness(), several, batch_size=8, workers=w) for w in (0, 3)]
    assert paths[0] == paths[1]


def test_files_are_named_with_the_likeliest_class_first(files: list[Path]) -> None:
    found = predicted(Brightness(), files, top=2, batch_size=2)
    assert [each.classes[0] for each in found] == ["dark", "dark", "middling", "bright", "bright"]
    assert all(len(each.classes) == 2 for each in found)
    document = found[3].to_json()
    assert document["file"] == str(files[3])
    assert [p["class"] for p in document["predictions"]] == ["bright", "middling"]
    best = sorted(expected(200), reverse=True)
    assert [p["probability"] for p in document["predictions"]] == pytest.approx(best[:2], abs=1e-5)


def test_more_than_there_are_gives_all(files: list[Path]) -> None:
    (found,) = predicted(Brightness(), files[:1], top=5)
    assert len(found.classes) == 3
    assert sum(found.probabilities) == pytest.approx(1)


class Indifferent(nn.Module):
    """Cannot tell the first two of three classes apart, and likes the third less."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.tensor([[1.0, 1.0, 0.0]]).expand(len(x), 3)


def test_of_equals_the_first_class_comes_first(files: list[Path]) -> None:
    for top in (1, 3):
        (found,) = predicted(Indifferent(), files[:1], top=top)
        assert found.classes == CLASSES[:top]


def test_files_and_sets_see_the_same_pixels(files: list[Path]) -> None:
    one, other = Brightness(), Brightness()
    classifier(one).probabilities(image_set(files))
    predicted(other, files)
    assert torch.equal(torch.cat(one.seen), torch.cat(other.seen))


def test_a_file_that_is_no_image_costs_only_itself(files: list[Path], tmp_path: Path) -> None:
    bad = [tmp_path / f"bad{i}.jpg" for i in range(3)]
    for path in bad[:2]:
        path.write_bytes(b"no image")
    mixed = [bad[0], files[0], files[4], bad[1], bad[2], files[0]]
    alone = {each.file: each for each in predicted(Brightness(), files)}
    for workers, size in ((0, 32), (2, 2), (0, 1)):
        found = predicted(Brightness(), mixed, workers=workers, batch_size=size)
        assert [each.file for each in found] == [str(path) for path in mixed]
        for each in found:
            if Path(each.file) in bad:
                assert (each.classes, each.probabilities) == ((), ())
                assert each.to_json() == {"file": each.file, "error": each.error}
            else:
                assert not each.error
                assert each.probabilities == pytest.approx(alone[each.file].probabilities)
        assert "is in no image format" in found[0].error
        assert "there is no such file" in found[4].error


def test_results_come_as_soon_as_a_batch_is_done(files: list[Path]) -> None:
    asked: list[int] = []

    def frames() -> Iterator[Image.Image]:
        for number in itertools.count():
            asked.append(number)
            yield Image.new("RGB", (20, 20), (255, 255, 255))

    found = classifier(Brightness(), 4).predict(frames(), workers=0)
    assert [next(found).classes[0] for _ in range(4)] == ["bright"] * 4
    assert len(asked) == 4
    assert next(found).file == "images[4]"


def test_pictures_in_memory_are_seen_as_their_files_are(files: list[Path]) -> None:
    arrays = [np.asarray(Image.open(path)) for path in files]
    opened = [Image.open(path) for path in files]
    rows = [each.probabilities for each in predicted(Brightness(), files)]
    for given in (arrays, opened, iter(arrays), [files[0], *arrays[1:]]):
        assert [each.probabilities for each in predicted(Brightness(), given)] == rows


def test_answers_that_are_no_numbers_are_refused(files: list[Path]) -> None:
    network = Brightness()
    network.levels.data[1] = float("nan")
    with pytest.raises(TrainingError, match=r"0\.png: .*not finite"):
        predicted(network, files)


def test_it_computes_on_the_device_that_it_is_told(files: list[Path]) -> None:
    one = Classifier.of_network(Brightness(), PREPROCESSING, CLASSES, device="cpu:0")
    assert isinstance(one.session, PyTorchSession)
    assert one.session.device == torch.device("cpu:0")
    assert one.probabilities(files).shape == (5, 3)
    with pytest.raises(StriateError, match="`device='fpga:0'`: there is no such device here"):
        Classifier.of_network(Brightness(), PREPROCESSING, CLASSES, device="fpga:0")


def test_only_pytorch_is_on_another_device(monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = torch.device("cuda:0")
    monkeypatch.setattr("striate.engines.precision.choose_device", lambda _: elsewhere)
    said = "`device='cuda:0'`: is not where `engine='openvino'` computes, which is the processor"
    with pytest.raises(StriateError, match=said):
        Classifier.of_network(
            Brightness(), PREPROCESSING, CLASSES, device="cuda:0", engine="openvino"
        )


def test_a_set_whose_image_cannot_be_read_names_it(files: list[Path]) -> None:
    images = image_set(files)
    files[3].write_bytes(b"changed")
    with pytest.raises(DataError, match=r"3\.png: has changed since it was"):
        classifier(Brightness(), 2).probabilities(images, workers=2)
    with pytest.raises(DataError, match=r"3\.png: .*is in no image format"):
        classifier(Brightness()).probabilities(files)


def test_a_caller_who_stops_leaves_no_thread(files: list[Path]) -> None:
    before = threading.active_count()
    found = classifier(Brightness(), 2).predict(files * 50, workers=3)
    assert next(found).file == str(files[0])
    found.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before


def test_a_network_with_other_outputs_is_refused(files: list[Path]) -> None:
    odd = Classifier.of_network(Brightness(), PREPROCESSING, CLASSES[:2])
    with pytest.raises(RunError, match=r"gives numbers of shape \(3,\) for an image, not 2"):
        odd.probabilities(files)
