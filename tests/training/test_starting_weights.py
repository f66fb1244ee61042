"""Training from published weights: what they bring, what is written down, how it goes on."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from striate import api
from striate.data.preprocessing import Preprocessing
from striate.errors import RunError, WeightsError
from striate.hub.found import Found
from striate.runs import provenance
from striate.runs.run import Run
from striate.training.distributed import Group
from striate.training.options import TrainOptions
from striate.training.plan import plan
from striate.zoo.create import create


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    torch.manual_seed(5)
    file = tmp_path_factory.mktemp("weights") / "mine.safetensors"
    save_file(create("resnet20", classes=7).state_dict(), file)
    return file


def options(data: Path, out: Path, weights: Path | None, **more: object) -> TrainOptions:
    wanted = {"net": "resnet20", "epochs": 1, "size": 16, "workers": 0, "batch_size": 8}
    source = None if weights is None else str(weights)
    return TrainOptions(data=str(data), out=out, weights=source, **(wanted | more))


def test_training_starts_from_them_and_goes_on_from_them(photographs, tmp_path, weights) -> None:
    begun = plan(options(photographs, tmp_path / "run", weights), group=Group())
    mine, given = begun.training.network.state_dict(), load_file(weights)
    assert all(torch.equal(value, given[n]) for n, value in mine.items() if "fc" not in n)
    kept = begun.run.config.weights
    assert (kept.source, kept.name) == (str(weights), str(weights))
    assert "starts anew, since the weights are for 7 classes" in kept.note
    assert begun.held is not None
    begun.held.release()
    # Killed before anything was kept: the same start is made again, its classifier too.
    again = plan(options(photographs, tmp_path / "run", weights, resume=True), group=Group())
    assert Run.open(tmp_path / "run").config == again.run.config
    after = again.training.network.state_dict()
    assert all(torch.equal(value, after[n]) for n, value in mine.items())


def test_a_run_does_not_go_on_from_other_weights(photographs, tmp_path, weights) -> None:
    copy = tmp_path / "copy.safetensors"
    copy.write_bytes(weights.read_bytes())
    plan(options(photographs, tmp_path / "run", copy), group=Group())
    with pytest.raises(RunError, match=r"^`weights=.*leave it out"):
        plan(options(photographs, tmp_path / "run", weights, resume=True), group=Group())
    save_file(create("resnet20", classes=7).state_dict(), copy)
    with pytest.raises(RunError, match="started from other weights"):
        plan(options(photographs, tmp_path / "run", None, resume=True), group=Group())
    copy.unlink()
    with pytest.raises(WeightsError, match="there is no such file"):
        plan(options(photographs, tmp_path / "run", None, resume=True), group=Group())


def test_the_identity_is_that_of_the_weights_not_of_their_place(
    photographs, tmp_path, weights
) -> None:
    copy = tmp_path / "copy.safetensors"
    copy.write_bytes(weights.read_bytes())
    identities = {
        plan(options(photographs, tmp_path / name, file), group=Group()).run.config.identity
        for name, file in (("a", weights), ("b", copy))
    }
    plain = plan(options(photographs, tmp_path / "c", None), group=Group()).run.config.identity
    assert len(identities) == 1
    assert plain not in identities


def test_their_preprocessing_is_taken_at_the_size_asked_for(
    photographs, tmp_path, weights, monkeypatch
) -> None:
    own = Preprocessing(
        resize=256, height=224, width=224, mean=(0.5,) * 3, std=(0.25,) * 3, interpolation="bicubic"
    )
    found = Found(name="x", digest="0", state=load_file(weights), preprocessing=own.to_dict())
    monkeypatch.setattr("striate.training.assemble.find_weights", lambda *_, **__: found)
    begun = plan(options(photographs, tmp_path / "run", weights), group=Group())
    taken = begun.run.preprocessing
    assert (taken.resize, taken.height, taken.interpolation) == (18, 16, "bicubic")
    assert (taken.mean, taken.std) == ((0.5,) * 3, (0.25,) * 3)
    assert Run.open(tmp_path / "run").preprocessing == taken


def test_a_bad_file_is_known_before_the_images_are_read(tmp_path) -> None:
    (tmp_path / "empty.pth").touch()
    with pytest.raises(WeightsError, match="is empty"):
        plan(options(tmp_path / "absent", tmp_path / "run", tmp_path / "empty.pth"), group=Group())


def test_a_file_is_found_again_from_anywhere(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert provenance.resolved_source("mine.pth") == str(tmp_path / "mine.pth")
    assert provenance.resolved_source("timm") == "timm"


def test_a_run_of_weights_has_nothing_to_go_on_from(tmp_path, weights) -> None:
    from striate.runs.create import create_run

    create_run("resnet20", tmp_path / "run", weights=weights)
    with pytest.raises(RunError, match="was never trained"):
        api.train(tmp_path / "run", resume=True)
