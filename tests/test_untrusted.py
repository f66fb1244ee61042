"""A run from somebody else runs nothing, whatever it names and whichever command opens it."""

from __future__ import annotations

import shutil
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import tomli_w
import torch

import striate
from striate.errors import StriateError
from striate.runs.config import RunConfig
from striate.runs.weights import read_weights, write_weights

PAYLOAD = """
from pathlib import Path
Path({mark!r}).touch()
import striate
def Net(classes=10, in_channels=1, **anything):
    return striate.create("lenet", classes=classes, in_channels=in_channels)
"""
HEAD = {"kind": "softmax", "features": 84, "classes": 10}


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return striate.create_run("lenet", tmp_path_factory.mktemp("sound") / "run").path


@pytest.fixture
def mark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """What the payload would write; it lies in the run, and beside it, and in the folder here."""
    mark = tmp_path / "PWNED"
    for folder in (tmp_path, tmp_path / "evil"):
        folder.mkdir(exist_ok=True)
        (folder / "payload.py").write_text(PAYLOAD.format(mark=str(mark)))
    monkeypatch.chdir(tmp_path)
    before = list(sys.path)
    yield mark
    assert sys.path == before
    for name in ("payload", "evil.payload"):
        sys.modules.pop(name, None)


def forged(sound: Path, folder: Path, **changes: object) -> Path:
    """The run `sound` in `folder` with `changes` in its run.toml, stamped anew."""
    shutil.copytree(sound, folder, dirs_exist_ok=True)
    content = tomllib.loads((folder / "run.toml").read_text()) | changes
    (folder / "run.toml").write_text(tomli_w.dumps(content))
    try:
        identity = RunConfig.read(folder / "run.toml").identity
    except StriateError:
        return folder  # refused as it is
    weights, _ = read_weights(folder / "model.safetensors")
    write_weights(folder / "model.safetensors", weights, identity=identity, epoch=1)
    return folder


COMMANDS: dict[str, Callable[[Path], object]] = {
    "table": striate.table,
    "explain": lambda run: striate.explain(run, "conv1"),
    "compare": lambda run: striate.compare(["lenet", run], timed=True),
    "view": lambda run: striate.view(run, "page.html"),
    "view against": lambda run: striate.view("lenet", "page.html", against=run),
    "predict": lambda run: striate.predict(run, "picture.png"),
    "predict_bulk": lambda run: striate.predict_bulk(run, ".", "predictions"),
    "evaluate": striate.evaluate,
    "export": striate.export,
    "resume": lambda run: striate.train(run, resume=True),
    "transfer": lambda run: striate.transfer("digits", backbone=run, out="carried"),
    "open_classifier": striate.open_classifier,
    "open_predictor": striate.open_predictor,
    "open_regressor": striate.open_regressor,
    "open": lambda run: striate.open_run(run).network(),
}


def transferred(spec: str, **options: object) -> dict[str, object]:
    told = {"weights": "", "origin": "", "freeze": "none", "unfreeze_every": 0, "views": 1}
    made = {"spec": spec, "options": options, "classifier": "fc3", "head": HEAD}
    return {"transfer": made | told}


FORGERIES: dict[str, dict[str, object]] = {
    "file": {"network": "evil/payload.py:Net"},
    "file alone": {"network": "evil/payload.py"},
    "module": {"network": "payload:Net"},
    "module of a folder": {"network": "evil.payload:Net"},
    "attribute": {"network": "os:system"},
    "backbone": transferred("evil/payload.py:Net"),
    "backbone, and allowed by itself": transferred("payload:Net", allow_code=True),
}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_run_names_code_in_vain(sound: Path, mark: Path, command: str, forgery: str) -> None:
    run = forged(sound, mark.parent / "evil", **FORGERIES[forgery])
    with pytest.raises(StriateError) as caught:
        COMMANDS[command](run)
    assert not mark.exists()
    assert "names Python code as its network" in str(caught.value)
    assert str(run / "run.toml") in str(caught.value)
    assert "\n" not in str(caught.value)


SMUGGLED: dict[str, dict[str, object]] = {
    "hub": {"network": "timm:hf-hub:somebody/net"},
    "folder": {"network": "timm:local-dir:evil"},
    "path": {"network": "torchvision:../evil"},
    "tag": {"network": "timm:resnet18.../../evil"},
    "callable": {"network": "torchvision:resnet18", "variant": {"norm_layer": "os.system"}},
    "checkpoint": {"network": "timm:resnet18", "variant": {"checkpoint_path": "evil/w.pth"}},
    "download": {"network": "timm:resnet18", "variant": {"pretrained": True}},
    "own keywords": {"network": "lenet", "variant": {"allow_code": True}},
    "device": {"network": "lenet", "variant": {"device": "cpu"}},
    "name": {"network": "lenet", "variant": {"name": "lenet5", "classes": 3}},
    "options of a backbone": transferred("timm:resnet18", checkpoint_path="evil/w.pth"),
    "long": {"network": "x" * 100_000},
    "escapes": {"network": "\x1b[2J\nlenet"},
}


#: Keywords of other libraries, which load files and call what they are given.
OPTIONS = {"callable", "checkpoint", "download", "options of a backbone"}


@pytest.mark.parametrize("forgery", SMUGGLED)
def test_nothing_is_smuggled_past_a_library_s_name(
    sound: Path, mark: Path, forgery: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise AssertionError("something was loaded or fetched")

    for module, name in ((torch.hub, "load_state_dict_from_url"), (torch, "load")):
        monkeypatch.setattr(module, name, refuse)
    monkeypatch.setattr("socket.socket.connect", refuse)
    run = forged(sound, mark.parent / "evil", **SMUGGLED[forgery])
    for command in (striate.table, lambda path: striate.open_run(path).network()):
        with pytest.raises(StriateError) as caught:
            command(run)
        assert "\n" not in str(caught.value)
        assert "\x1b" not in str(caught.value)
        assert len(str(caught.value)) < 1000
        if forgery in OPTIONS:  # refused before the library has seen them
            assert "with options of" in str(caught.value)
    assert not mark.exists()


def test_who_trusts_a_run_may_let_its_code_run(sound: Path, mark: Path) -> None:
    run = forged(sound, mark.parent / "evil", network="payload:Net")
    table = striate.table(run, allow_code=True)
    assert mark.exists()
    assert table.totals.parameters == striate.table("lenet").totals.parameters
    network = striate.open_run(run, allow_code=True).network()
    weights = striate.open_run(sound).network().state_dict()
    assert all(torch.equal(value, weights[name]) for name, value in network.state_dict().items())


def test_a_backbone_that_is_code_is_refused_without_running_it(mark: Path) -> None:
    for spec in ("evil/payload.py:Net", "payload:Net", "payload.py"):
        with pytest.raises(StriateError, match="has neither weights nor"):
            striate.transfer("digits", backbone=spec, out="carried")
    assert not mark.exists()


def test_what_a_person_names_runs(mark: Path) -> None:
    assert striate.table("payload:Net", size=32).totals.parameters
    assert mark.exists()
