"""A run of weights as they are: evaluate, predict and export work on it."""

import numpy as np
import pytest
import torch
import torchvision
from safetensors.torch import save_file

from striate import api
from striate.errors import RunError
from striate.runs.create import create_run
from striate.runs.run import Run
from striate.runs.samples import read_samples
from striate.zoo.create import create


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    folder = tmp_path_factory.mktemp("adopted")
    torch.manual_seed(3)
    save_file(create("resnet20", classes=3).state_dict(), folder / "mine.safetensors")
    return create_run("resnet20", folder / "run", weights=folder / "mine.safetensors")


def test_the_network_is_the_files(run) -> None:
    opened = Run.open(run.path)
    assert opened.config == run.config
    torch.manual_seed(3)
    wanted = create("resnet20", classes=3).eval()
    images = torch.randn(2, 3, 32, 32)
    with torch.inference_mode():
        assert torch.equal(opened.network()(images), wanted(images))
    assert opened.classes == ("0", "1", "2")
    assert opened.preprocessing.input_size == (3, 32, 32)
    assert opened.weights_epoch == 0


def test_real_images_are_kept_for_the_proof_of_an_export(run) -> None:
    pictures = read_samples(run)
    assert len(pictures) == 8
    assert len({picture.shape for picture in pictures}) >= 4
    assert all(np.ptp(picture) > 100 for picture in pictures)


def test_predict_and_evaluate_work_on_images_that_are_given(run, photographs, tmp_path) -> None:
    found = api.predict(run.path, photographs, top=1, workers=0)
    assert len(found) == 36
    renamed = tmp_path / "numbered"
    for number, folder in enumerate(sorted(photographs.iterdir())):
        (renamed / str(number)).parent.mkdir(exist_ok=True)
        (renamed / str(number)).symlink_to(folder)
    assert api.evaluate(run.path, renamed, workers=0).images == 36
    with pytest.raises(RunError, match="no images of its own; give images to measure on"):
        api.evaluate(run.path)


@pytest.mark.slow
def test_export_is_proved_on_the_photographs(run, tmp_path) -> None:
    pytest.importorskip("onnxruntime")
    report = api.export(run.path, tmp_path / "net.onnx")
    assert report.verified.images == 8


def test_a_thousand_classes_have_imagenets_names(tmp_path) -> None:
    reference = torchvision.models.resnet18(weights=None)
    torch.save(reference.state_dict(), tmp_path / "resnet18.pth")
    run = create_run("resnet18", tmp_path / "run", weights=tmp_path / "resnet18.pth")
    assert run.classes[0] == "tench"
    assert run.preprocessing.resize == 256
    assert "named as torchvision's resnet18" in run.config.weights.note
    fewer = create_run("resnet18", tmp_path / "five", weights=tmp_path / "resnet18.pth", classes=5)
    assert fewer.classes == ("0", "1", "2", "3", "4")
    assert "starts anew" in fewer.config.weights.note


def test_without_weights_the_network_is_fresh(tmp_path) -> None:
    run = create_run("lenet", tmp_path / "run", seed=4)
    assert run.preprocessing.input_size == (1, 32, 32)
    assert run.config.weights is None
    torch.manual_seed(4)
    wanted = create("lenet").state_dict()
    found = run.network().state_dict()
    assert all(torch.equal(value, found[name]) for name, value in wanted.items())
    with pytest.raises(RunError, match="holds a run already"):
        create_run("lenet", tmp_path / "run")
