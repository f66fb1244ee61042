"""A run that goes on: with its images, on its device, and what is said where it cannot."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

import striate
from striate.errors import DataError, RunError
from striate.runs import layout as names
from striate.training import loop


@pytest.mark.parametrize("stage", ["training", "evaluation"])
def test_an_image_that_vanishes(
    stage: str, photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Photographs are read again in every epoch: one that is gone is named, and how to go on."""
    data, out = tmp_path / "photographs", tmp_path / "run"
    shutil.copytree(photographs, data)
    true, done = loop.Training._finish_epoch, []

    def vanish(self: loop.Training) -> None:
        true(self)
        done.append(self.state.epoch)
        if len(done) == (1 if stage == "training" else 2):
            for each in data.rglob("*.jpg"):
                each.rename(each.with_suffix(".away"))

    given: dict[str, Any] = {"net": "resnet20", "size": 16, "epochs": 2, "workers": 0}
    given["batch_size"] = 8
    monkeypatch.setattr(loop.Training, "_finish_epoch", vanish)
    with pytest.raises(DataError, match=r"\.jpg: .*, then go on with: striate train .* --resume"):
        striate.train(data, out=out, **given)
    monkeypatch.undo()
    for each in data.rglob("*.away"):
        each.rename(each.with_suffix(".jpg"))
    result = striate.train(out, resume=True, workers=0)
    assert result is not None
    assert result.epochs == 2
    # Moved images: both ways on are named, and the second is one.
    data.rename(tmp_path / "elsewhere")
    with pytest.raises(RunError, match=r"any more; move them back, or say where they are now"):
        striate.train(out, resume=True)
    striate.train(tmp_path / "elsewhere", resume=True, out=out, workers=0)
    assert striate.open_run(out).config.data.origin == str(tmp_path / "elsewhere")


def test_a_device_that_is_not_here_was_not_typed(tmp_path: Path) -> None:
    out = tmp_path / "run"
    striate.train("digits", net="lenet", out=out, epochs=1)
    path = out / names.CONFIG
    path.write_text(path.read_text().replace('device = "cpu"', 'device = "xpu"'))
    with pytest.raises(RunError, match=r"was trained on the device xpu, which .*; go on where"):
        striate.train(out, resume=True)
