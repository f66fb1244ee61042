"""What is wrong with a weights file is named; what fits a network is taken, and nothing is run."""

import json
import os
import pickle

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from striate.errors import WeightsError
from striate.hub.fitting import classes_in, fit
from striate.hub.state_dicts import read_state_dict


def small(classes: int = 3, hidden: int = 5) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(4, hidden), nn.BatchNorm1d(hidden), nn.ReLU(), nn.Linear(hidden, classes)
    )


class Runs:
    def __reduce__(self):
        return os.system, ("touch striate-was-here",)


@pytest.fixture
def state() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return {name: torch.rand_like(value.float()) for name, value in small().state_dict().items()}


@pytest.mark.parametrize("ending", ["safetensors", "pth", "legacy"])
def test_both_kinds_of_file_are_read(tmp_path, state, ending) -> None:
    path = tmp_path / "weights"
    if ending == "safetensors":
        save_file(state, path)
    else:
        torch.save(state, path, _use_new_zipfile_serialization=ending == "pth")
    found = read_state_dict(path).state
    assert found.keys() == state.keys()
    assert all(torch.equal(found[name], value) for name, value in state.items())


@pytest.mark.parametrize("nest", [(), ("state_dict",), ("model",), ("model", "state_dict")])
def test_weights_are_found_among_other_things(tmp_path, state, nest) -> None:
    content: dict = {f"module.{name}": value for name, value in state.items()}
    for key in nest:
        content = {"epoch": 3, key: content}
    torch.save(content, tmp_path / "checkpoint.pth")
    assert read_state_dict(tmp_path / "checkpoint.pth").state.keys() == state.keys()


def damaged(folder, state) -> dict[str, str]:
    """Files by what must be said of them."""
    whole, torches = folder / "whole.safetensors", folder / "whole.pth"
    save_file(state, whole)
    torch.save(state, torches)
    page = b"\n <!DOCTYPE html><html><body>404</body></html>"
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 7\n"
    files = {
        "cut short (": whole.read_bytes()[:-9],
        "cut short (90 of ": whole.read_bytes()[:90],
        "is cut short": torches.read_bytes()[:-400],
        "is empty; download": b"",
        "is a web page": page,
        "is a web page, not": b"\xef\xbb\xbf" + page,
        "is a web page, not weights": b"<!-- saved from -->\n<html></html>",
        "git-lfs pointer": pointer,
        "neither safetensors nor": b"weights\n" * 9,
        "resume state; give the model.safetensors": b"striate\n" + bytes(99),
        "damaged": whole.read_bytes()[:8] + b"{" + b"x" * (whole.stat().st_size - 9),
    }
    for number, content in enumerate(files.values()):
        (folder / f"file{number}.pth").write_bytes(content)
    found = {why: f"file{number}.pth" for number, why in enumerate(files)}
    torch.save({"weights": Runs(), "x": torch.ones(1)}, folder / "code.pth")
    torch.save([torch.ones(1)], folder / "list.pth")
    torch.save({"epoch": 3}, folder / "none.pth")
    (folder / "pickle.pkl").write_bytes(pickle.dumps({"weights": Runs()}))
    torch.save(state | {"0.bias": torch.full((5,), torch.nan)}, folder / "broken.pth")
    (folder / "run").mkdir()
    (folder / "run" / "model.safetensors").touch()
    torch.jit.script(nn.Linear(2, 2)).save(folder / "program.pth")
    return found | {
        "holds Python code or objects (": "code.pth",
        "holds a list": "list.pth",
        "holds no tensors": "none.pth",
        "TorchScript program": "program.pth",
        "there is no such file; did you mean": "lists.pth",
        "there is no such file; check the path": "absent.pth",
        "is a Python pickle": "pickle.pkl",
        "not finite (0.bias)": "broken.pth",
        "is a folder": ".",
        "is a folder, not a weights file; give": "run",
    }


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_what_is_wrong_is_said_in_one_line_with_the_path(tmp_path, state, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    for why, name in damaged(tmp_path, state).items():
        with pytest.raises(WeightsError) as caught:
            read_state_dict(name)
        text = str(caught.value)
        assert why in text, (why, text)
        assert str((tmp_path / name).resolve()) in text
        assert "\n" not in text
    assert not (tmp_path / "striate-was-here").exists()


def test_a_cut_file_says_how_much_is_there(tmp_path, state) -> None:
    path = tmp_path / "w.safetensors"
    save_file(state, path)
    size = path.stat().st_size
    path.write_bytes(path.read_bytes()[: size - 10])
    with pytest.raises(WeightsError, match=rf"cut short \({size - 10:,} of {size:,} bytes\)"):
        read_state_dict(path)


def test_all_is_taken_where_the_classes_are_the_same(state) -> None:
    network = small()
    fitted = fit({name: value.half() for name, value in state.items()}, network, 3)
    assert (fitted.left, fitted.classifier, fitted.ignored, fitted.classes) == ((), (), (), 3)
    assert fitted.taken == len(network.state_dict())
    for name, value in network.state_dict().items():
        assert torch.equal(value, state[name].half().to(value.dtype)), name
    assert fitted.note == ""


def test_another_number_of_classes_keeps_all_but_the_classifier(state) -> None:
    network = small(classes=7)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    fitted = fit(state, network, 7)
    assert fitted.left == fitted.classifier == ("3.weight", "3.bias")
    assert fitted.classes == 3
    assert "the classifier (3) starts anew" in fitted.note
    for name, value in network.state_dict().items():
        wanted = before[name] if name in fitted.left else state[name].to(value.dtype)
        assert torch.equal(value, wanted), name


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda s: s.pop("0.bias"), r"1 missing \(0\.bias\)"),
        (lambda s: s.update(more=torch.ones(1)), r"1 unexpected \(more\)"),
        (lambda s: s.update({"0.bias": torch.ones(9)}), r"1 of another shape \(0.bias \(9,\) for"),
    ],
)
def test_another_networks_weights_change_nothing(state, change, why) -> None:
    network = small()
    before = json.dumps([value.tolist() for value in network.state_dict().values()])
    change(state)
    with pytest.raises(WeightsError, match=why):
        fit(state, network, 3)
    assert json.dumps([value.tolist() for value in network.state_dict().values()]) == before


def test_a_wider_network_is_not_mistaken_for_other_classes(state) -> None:
    network = small(classes=3, hidden=6)
    assert classes_in(state, network) is None
    with pytest.raises(WeightsError, match="another shape"):
        fit(state, network, 3)


def test_a_file_from_before_batches_were_counted_fits(state) -> None:
    del state["1.num_batches_tracked"]
    network = small()
    assert fit(state, network, 3).taken == len(network.state_dict()) - 1


def test_heads_may_be_missing_on_either_side(state) -> None:
    network = small()
    network.aux = nn.Linear(5, 3)
    fitted = fit(state, network, 3, heads=r"aux\.")
    assert (fitted.left, fitted.classifier) == (("aux.weight", "aux.bias"), ())
    assert fitted.note == "not in the weights and starting anew: aux"
    fitted = fit(state | {"aux.weight": torch.ones(3, 5)}, small(), 3, heads=r"aux\.")
    assert (fitted.ignored, fitted.note) == (("aux.weight",), "not used: aux")
    with pytest.raises(WeightsError, match=r"1 unexpected \(aux\.weight\)"):
        fit(state | {"aux.weight": torch.ones(3, 5)}, small(), 3)
