"""Networks that are not the catalogue's: trained, opened again, resumed, and refused."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import striate
from striate.errors import Interrupted, NetworkError, RunError, StriateError
from striate.hub.subject import subject
from striate.runs import layout as names
from striate.runs.run import Run
from striate.training.callbacks.base import Callback

NET = """
from torch import nn
from blocks import unit

class Net(nn.Module):
    input_size = (3, 24, 24)

    def __init__(self, classes=10, width=4):
        super().__init__()
        self.body = unit(width)
        self.fc = nn.Linear(width, classes)

    def forward(self, x):
        return self.fc(self.body(x).mean((2, 3)))
"""
BLOCKS = """
from torch import nn

def unit(width):
    return nn.Sequential(nn.Conv2d(3, width, 3), nn.BatchNorm2d(width), nn.ReLU(), nn.Dropout(0.2))
"""
EXACT = (names.WEIGHTS, names.METRICS, names.EVALUATION)
GIVEN: dict[str, Any] = {"epochs": 2, "workers": 0, "precision": "float32"}


class Cut(Callback):
    """Interrupts in the second epoch."""

    def on_batch_end(self, batch: Any) -> None:
        if (batch.epoch, batch.step) == (2, 2):
            raise KeyboardInterrupt


def same(one: Path, two: Path) -> bool:
    return all((one / name).read_bytes() == (two / name).read_bytes() for name in EXACT)


class Small(nn.Module):
    """What a person defines in a notebook; its attributes mean nothing to us."""

    strides = "two"

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 5, stride=2)
        self.fc = nn.Linear(4, outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Give logits."""
        found: torch.Tensor = self.fc(self.conv(x).relu().mean((2, 3)))
        return found


def small(outputs: int = 3) -> Small:
    torch.manual_seed(5)
    return Small(outputs)


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("own") / "<b> 网"
    folder.mkdir()
    (folder / "net.py").write_text(NET)
    (folder / "blocks.py").write_text(BLOCKS)
    return f"{folder / 'net.py'}:Net"


@pytest.fixture(scope="module")
def own(net: str, photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("trained") / "run"
    return striate.train(photographs, net=net, out=out, variant={"width": 6}, **GIVEN).run


@pytest.fixture(scope="module")
def given(photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("given") / "run"
    return striate.train(photographs, net=small(), size=32, out=out, **GIVEN).run


def test_a_file_s_network_runs_from_its_copy_when_that_is_allowed(
    own: Path, net: str, photographs: Path, tmp_path: Path
) -> None:
    run = shutil.copytree(own, tmp_path / "run")
    image = photographs / "red" / "000.jpg"
    for use in (striate.predict, striate.explain_prediction):
        with pytest.raises(NetworkError, match=r"names Python code as its network .*allow_code=T"):
            use(run, image)  # type: ignore[operator]
    assert striate.predict(run, image, allow_code=True)
    config = Run.open(run, allow_code=True).config
    assert (config.network, dict(config.variant)) == ("net.py:Net", {"width": 6})
    assert striate.table(run, allow_code=True).totals.parameters == 6 * 28 + 12 + 21
    assert striate.evaluate(run, allow_code=True).images == 6
    steps = [command for command, _ in striate.show(run).next_steps]
    assert all(step.endswith(" --allow-code") for step in steps if "show" not in step)
    # Nothing was compiled into the run, and nothing else may lie there.
    assert sorted(each.name for each in (run / "code").rglob("*")) == ["blocks.py", "net.py"]
    for harm in ("code/net.py", "code/more.py"):
        copy = shutil.copytree(own, tmp_path / Path(harm).stem)
        with (copy / harm).open("a") as file:
            file.write("\nraise SystemExit\n")
        with pytest.raises(RunError, match="code: does not hold the code that the run was made wi"):
            striate.predict(copy, image, allow_code=True)


def test_who_names_the_same_file_goes_on_to_the_same_bits(
    own: Path, net: str, photographs: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    about = GIVEN | {"net": net, "out": out, "variant": {"width": 6}}
    with pytest.raises(Interrupted, match=r"--resume --allow-code$"):
        striate.train(photographs, checkpoint_minutes=0, callbacks=[Cut()], **about)
    with pytest.raises(NetworkError, match="names Python code as its network"):
        striate.train(out, resume=True)
    changed = shutil.copytree(Path(net.rpartition(":")[0]).parent, tmp_path / "changed")
    (changed / "blocks.py").write_text(BLOCKS.replace("0.2", "0.3"))
    with pytest.raises(RunError, match=r"net.py: is not the code that the run .* was begun with"):
        striate.train(out, resume=True, net=f"{changed}/net.py:Net")
    with pytest.raises(RunError, match=r"the run to go on with has net\.py:Net"):
        striate.train(out, resume=True, net=f"{changed}/net.py:Other")
    striate.train(photographs, resume=True, **about)
    assert same(out, own)


def test_a_module_is_trained_as_a_copy_and_given_again(
    given: Path, photographs: Path, tmp_path: Path
) -> None:
    module, image = small(), photographs / "red" / "000.jpg"
    with pytest.raises(NetworkError, match=r"was trained from a module that Python was given \('S"):
        striate.predict(given, image)
    run = striate.open_run(given, net=module)
    learnt = run.network().state_dict()
    assert torch.equal(module.fc.weight, small().fc.weight)
    assert not torch.equal(module.fc.weight, learnt["fc.weight"])
    (found,) = striate.predict(run, image)
    assert striate.evaluate(run).top1 == run.evaluation["top1"]  # type: ignore[index]
    with striate.open_classifier(run) as classifier:
        assert classifier.probabilities([image])[0].max() == pytest.approx(found.probabilities[0])
    assert striate.explain_prediction(run, image).map.shape == (14, 14)
    report = striate.export(run, tmp_path / "net.onnx")
    (exported,) = striate.predict(report.file, image)
    assert exported.probabilities == pytest.approx(found.probabilities, abs=1e-5)
    with pytest.raises(NetworkError, match="is a Identity, and the run was trained as a Small"):
        striate.open_run(given, net=nn.Identity())
    with pytest.raises(RunError, match="does not fit given:Small as it is made here; give a modul"):
        striate.open_run(given, net=Small(4)).network()


def test_a_module_s_run_goes_on_to_the_same_bits(
    given: Path, photographs: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    about: dict[str, Any] = GIVEN | {"net": small(), "size": 32, "out": out}
    with pytest.raises(Interrupted):
        striate.train(photographs, checkpoint_minutes=0, callbacks=[Cut()], **about)
    kept = {name: out / name for name in (names.STATE, names.WEIGHTS)}
    aside = shutil.copytree(out, tmp_path / "aside")
    striate.train(photographs, resume=True, **about | {"net": Small(3)})  # whatever it holds
    assert same(out, given)
    # Killed before it kept any weights, it begins anew with those that it was given.
    for path in kept.values():
        (aside / path.name).unlink()
    with pytest.raises(RunError, match="began with others than those of `net`"):
        striate.train(aside, resume=True, net=Small(3))
    striate.train(aside, resume=True, net=small())
    assert (aside / names.WEIGHTS).read_bytes() == (given / names.WEIGHTS).read_bytes()


def test_a_new_head_on_them_keeps_their_code(
    own: Path, given: Path, photographs: Path, tmp_path: Path
) -> None:
    image = photographs / "red" / "000.jpg"
    with pytest.raises(NetworkError, match="names Python code as its network"):
        striate.transfer(photographs, backbone=own, out=tmp_path / "own")
    about: dict[str, Any] = {"export": False, "workers": 0, "engine": "torch float32"}
    built = striate.transfer(
        photographs, backbone=own, allow_code=True, out=tmp_path / "own", **about
    )
    assert striate.predict(built.run, image, allow_code=True)
    run = striate.open_run(given, net=small())
    built = striate.transfer(photographs, backbone=run, out=tmp_path / "given", **about)
    assert striate.predict(striate.open_run(built.run, net=small()), image)


def test_members_of_modules_and_numbers(squares: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    about: dict[str, Any] = GIVEN | {"size": 32, "target": "side", "epochs": 1}
    striate.train(squares, net=small(1), members=2, out=out, **about)
    run = striate.open_run(out, net=small(1))
    (found,) = striate.predict(run, sorted(squares.glob("*.png"))[0])
    assert found.values
    with pytest.raises(NetworkError, match="was trained from a module"):
        striate.predict(out, squares)
    bounded = nn.Sequential(small(1), nn.ReLU())
    with pytest.raises(NetworkError, match="given:Sequential: ends in no linear layer"):
        striate.train(squares, net=bounded, out=tmp_path / "other", **about)


def test_a_library_s_network(photographs: Path, tmp_path: Path) -> None:
    pytest.importorskip("timm")
    net, image = "timm:test_resnet", photographs / "red" / "000.jpg"
    result = striate.train(photographs, net=net, size=32, out=tmp_path / "run", **GIVEN)
    run = Run.open(result.run)
    assert (run.config.network, dict(run.config.variant)) == (net, {})
    assert "timm" in run.config.provenance.versions
    assert striate.predict(run.path, image)
    built = striate.transfer(photographs, backbone=run.path, out=tmp_path / "built", export=False)
    assert striate.predict(built.run, image)
    both = striate.ensemble([run.path, built.run], out=tmp_path / "both")
    assert both.images == 6
    with pytest.raises(StriateError, match=r"`recipe='classic'` for timm:test_resnet: its paper"):
        striate.train(photographs, net=net, recipe="classic", out=tmp_path / "classic")
    with pytest.raises(NetworkError, match="timm does not have it; did you mean 'test_resnet'"):
        striate.train(photographs, net="timm:test_resnett", out=tmp_path / "none")


def test_the_network_of_the_page_can_be_trained(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "any-network.md").read_text("utf-8")
    (code,) = re.findall(r"^```python\n(# mynet\.py\n.*?)^```$", page, re.M | re.S)
    (tmp_path / "mynet.py").write_text(code)
    found = subject(f"{tmp_path}/mynet.py:Net")
    assert (found.input, found.sizes) == ((3, 64, 64), {"classes"})


def test_code_that_is_changed_while_images_are_read_is_not_trained(
    net: str, photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from striate.training import plan

    folder = shutil.copytree(Path(net.rpartition(":")[0]).parent, tmp_path / "own")
    before = plan.open_images_of

    def reading(*given: Any, **named: Any) -> Any:
        (folder / "blocks.py").write_text(BLOCKS + "\n")
        return before(*given, **named)

    monkeypatch.setattr(plan, "open_images_of", reading)
    with pytest.raises(RunError, match=r"net\.py: was changed, or what it imports, while"):
        striate.train(photographs, net=f"{folder}/net.py:Net", out=tmp_path / "run", **GIVEN)
    assert not (tmp_path / "run").exists()


def test_a_copy_that_cannot_be_read_is_told_in_a_line(
    own: Path, photographs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("striate.runs.own_code.Path.read_bytes", refuse)
    with pytest.raises(RunError, match=r"code: cannot be read \(Permission denied\); make it"):
        striate.predict(own, photographs / "red" / "000.jpg", allow_code=True)
