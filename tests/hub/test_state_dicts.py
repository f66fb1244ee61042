"""A network's tensors are found under whatever a training script put around them, or refused."""

from __future__ import annotations

import json
import os
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from striate.errors import WeightsError
from striate.hub.fitting import fit
from striate.hub.state_dicts import read_state_dict
from striate.hub.weights import Published, create_from, find
from striate.zoo.create import create
from striate.zoo.layers import Network

NAME = "resnet20"
State = dict[str, Tensor]


def create_with(name: str, source: str | Path, **options: Any) -> tuple[Network, Published]:
    """A network with weights, found and given to it as `striate.create` does."""
    own = {key: options.pop(key) for key in ("classes", "in_channels") if key in options}
    return create_from(find(name, source, **options), name, **own, **options)


@pytest.fixture(scope="module")
def raw() -> State:
    torch.manual_seed(1)
    return create(NAME).state_dict()


@pytest.fixture(scope="module")
def averaged() -> State:
    torch.manual_seed(2)
    return create(NAME).state_dict()


def put(prefix: str, state: State) -> State:
    return {prefix + name: value for name, value in state.items()}


def inside(part: str, state: State) -> State:
    """As where one part alone was compiled: its wrapper stands in the middle of names."""
    return {name.replace("stage1.", f"stage1.{part}."): value for name, value in state.items()}


WRAPPED: dict[str, tuple[Callable[[State], Any], str]] = {
    "plain": (lambda s: s, ""),
    "DataParallel": (lambda s: put("module.", s), "without 'module.'"),
    "torch.compile": (lambda s: put("_orig_mod.", s), "without '_orig_mod.'"),
    "compile under DDP": (lambda s: put("module._orig_mod.", s), "'module._orig_mod.'"),
    "DDP under compile": (lambda s: put("_orig_mod.module.", s), "'_orig_mod.module.'"),
    "a part compiled": (lambda s: inside("_orig_mod", s), "without '_orig_mod.'"),
    "Lightning": (
        lambda s: {"state_dict": put("model.", s), "pytorch-lightning_version": "2.4"},
        "without 'model.'",
    ),
    "Lightning with a criterion": (
        lambda s: {"state_dict": put("net.", s) | {"criterion.weight": torch.ones(10)}},
        "without 'net.'",
    ),
    "a prefix that nobody knows": (lambda s: put("my.own.classifier.", s), "my.own.classifier."),
    "the ImageNet example": (
        lambda s: {"state_dict": put("module.", s), "best_acc1": torch.tensor(71.2), "epoch": 9},
        "without 'module.'",
    ),
    "a score among the weights": (lambda s: s | {"best_acc1": torch.tensor(7.0)}, "best_acc1"),
    "thop": (
        lambda s: s | {"total_ops": torch.zeros(1), "stage1.0.total_params": torch.zeros(1)},
        "left out: total_ops, total_params",
    ),
    "normalisation inside": (
        lambda s: s | {"normalize.mean": torch.zeros(3), "normalize.std": torch.ones(3)},
        "normalize.mean, normalize.std) is left out: check that the pre-processing does the same",
    ),
    "Cadene": (
        lambda s: {name.replace("fc.", "last_linear."): value for name, value in s.items()},
        "its 'last_linear' is taken for the classifier 'fc'",
    ),
    "averaged alone": (lambda s: {"state_dict_ema": s, "epoch": 3}, ""),
    "timm's averaged alone": (lambda s: {"ema": put("module.", s)}, "without 'module.'"),
    "GAN": (lambda s: {"generator": {"a": torch.ones(3)}, "params": s}, ""),
    "deep": (lambda s: {"a": {"b": {"c": {"model": s}}}}, ""),
    "with an optimiser": (
        lambda s: {
            "model": s,
            "optimizer": {
                "state": {n: {"exp_avg": v, "step": v} for n, v in enumerate(s.values())}
            },
        },
        "",
    ),
}


@pytest.mark.parametrize("kind", WRAPPED)
def test_a_training_script_s_weights_are_taken(tmp_path: Path, raw: State, kind: str) -> None:
    wrap, note = WRAPPED[kind]
    torch.save(wrap(dict(raw)), tmp_path / "w.pth")
    network, published = create_with(NAME, tmp_path / "w.pth")
    for name, value in network.state_dict().items():
        assert torch.equal(value, raw[name]), name
    assert note in published.note
    assert note or not published.note


@pytest.mark.parametrize(
    ("wrap", "keys"),
    [
        (lambda a, b: {"state_dict": a, "state_dict_ema": b}, ("state_dict", "state_dict_ema")),
        (
            lambda a, b: {
                "model": put("module.", a),
                "model_ema": put("module.", b) | {"n_averaged": torch.tensor(3)},
            },
            ("model", "model_ema"),
        ),
        (lambda a, b: {"params": a, "params_ema": b}, ("params", "params_ema")),
        (
            lambda a, b: {"state_dict": put("net.", a) | put("ema_net.", b)},
            ("state_dict.net", "state_dict.ema_net"),
        ),
    ],
)
def test_of_raw_and_averaged_weights_one_is_taken_and_the_other_offered(
    tmp_path: Path,
    raw: State,
    averaged: State,
    wrap: Callable[[State, State], Any],
    keys: tuple[str, str],
) -> None:
    file = tmp_path / "w.pth"
    torch.save(wrap(raw, averaged), file)
    network, published = create_with(NAME, file)
    assert torch.equal(network.conv1.weight, averaged["conv1.weight"])
    assert f"taken from '{keys[1]}" in published.note
    assert "(averaged weights)" in published.note
    assert f"{file}#{keys[0]}" in published.note
    network, published = create_with(NAME, f"{file}#{keys[0]}")
    assert torch.equal(network.conv1.weight, raw["conv1.weight"])
    assert "averaged" not in published.note
    with pytest.raises(WeightsError, match=r"holds nothing below 'nets'; "):
        create_with(NAME, f"{file}#nets")


def test_a_file_may_have_a_number_sign_in_its_name(tmp_path: Path, raw: State) -> None:
    torch.save(raw, tmp_path / "w#1.pth")
    network, _ = create_with(NAME, tmp_path / "w#1.pth")
    assert torch.equal(network.conv1.weight, raw["conv1.weight"])


def test_layers_that_the_network_lacks_are_not_left_out(tmp_path: Path, raw: State) -> None:
    """A squeeze-and-excitation network has all names of its plain form, and computes others."""
    torch.save(create(NAME, attention="se").state_dict(), tmp_path / "se.pth")
    with pytest.raises(WeightsError, match=r"unexpected \(stage1\.0\.attention"):
        create_with(NAME, tmp_path / "se.pth")
    more = raw | {"bn9.weight": torch.ones(3), "bn9.num_batches_tracked": torch.tensor(1)}
    torch.save(more, tmp_path / "more.pth")
    with pytest.raises(WeightsError, match="2 unexpected"):
        create_with(NAME, tmp_path / "more.pth")


def test_the_network_that_was_asked_for_is_not_proposed(tmp_path: Path, raw: State) -> None:
    named = {name.replace("stage", "block"): value for name, value in raw.items()}
    torch.save(named, tmp_path / "w.pth")
    with pytest.raises(WeightsError) as caught:
        create_with(NAME, tmp_path / "w.pth")
    assert "their shapes are its own, their names are not" in str(caught.value)
    assert "'block1." in str(caught.value)
    assert f"those of {NAME}" not in str(caught.value)


# --- numbers of another kind -------------------------------------------------------------------

KINDS: dict[str, tuple[Callable[[Tensor], Tensor], str]] = {
    "int8": (lambda v: (v * 127).round().to(torch.int8), "whole numbers (int8)"),
    "bool": (lambda v: v > 0, "whole numbers (bool)"),
    "qint8": (lambda v: torch.quantize_per_tensor(v, 0.01, 0, torch.qint8), "quantised"),
    "per channel": (
        lambda v: torch.quantize_per_channel(
            v, torch.full(v.shape[:1], 0.1), torch.zeros(v.shape[:1]), 0, torch.qint8
        ),
        "quantised",
    ),
    "complex": (lambda v: v.to(torch.complex64), "complex numbers (complex64)"),
    "float8": (lambda v: v.to(torch.float8_e4m3fn), "no network computes with (float8_e4m3fn)"),
    "sparse": (lambda v: v.to_sparse(), "is sparse coo, not dense"),
    "csr": (lambda v: v.flatten(1).to_sparse_csr(), "not dense"),
    "meta": (lambda v: v.to("meta"), "is on the meta device and has no values"),
    "spread": (lambda v: torch.zeros(1).expand(10**9, 100), "spreads a few numbers over"),
    "NaN": (lambda v: v * torch.nan, "not finite"),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", KINDS)
def test_numbers_of_another_kind_are_refused_before_anything_changes(
    tmp_path: Path, raw: State, kind: str
) -> None:
    change, why = KINDS[kind]
    torch.save(raw | {"conv1.weight": change(raw["conv1.weight"])}, tmp_path / "w.pth")
    torch.manual_seed(3)
    network = create(NAME)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    began = time.monotonic()
    with pytest.raises(WeightsError) as caught:
        fit(read_state_dict(tmp_path / "w.pth").state, network)
    assert time.monotonic() - began < 20
    assert why in str(caught.value)
    assert "conv1.weight" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
def test_every_real_type_is_taken(tmp_path: Path, raw: State, kind: torch.dtype) -> None:
    file = tmp_path / "w.safetensors"
    save_file({n: v.to(kind) if v.is_floating_point() else v for n, v in raw.items()}, file)
    network, _ = create_with(NAME, file)
    torch.testing.assert_close(network.conv1.weight, raw["conv1.weight"].to(kind).float())


def test_dense_layouts_of_every_order_are_taken(tmp_path: Path, raw: State) -> None:
    odd = raw | {
        "conv1.weight": raw["conv1.weight"].to(memory_format=torch.channels_last),
        "fc.weight": raw["fc.weight"].t().contiguous().t(),
        "bn1.weight": torch.ones(1).expand(16),
    }
    torch.save(odd, tmp_path / "w.pth")
    network, _ = create_with(NAME, tmp_path / "w.pth")
    assert torch.equal(network.conv1.weight, raw["conv1.weight"])
    assert torch.equal(network.fc.weight, raw["fc.weight"])


def test_a_variance_below_zero_is_named(tmp_path: Path, raw: State) -> None:
    torch.save(raw | {"bn1.running_var": -torch.ones(16)}, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match=r"variances below zero \(bn1\.running_var\)"):
        read_state_dict(tmp_path / "w.pth")


# --- files that nobody should have to wait for -------------------------------------------------


def header(content: bytes, body: bytes = b"") -> bytes:
    return len(content).to_bytes(8, "little") + content + body


def entry(kind: str = "F32") -> dict[str, object]:
    return {"dtype": kind, "shape": [1], "data_offsets": [0, 4]}


def single(kind: str = "F32", name: str = "a", offsets: tuple[object, object] = (0, 4)) -> bytes:
    entry = {"dtype": kind, "shape": [1], "data_offsets": offsets}
    return header(json.dumps({name: entry}).encode(), bytes(4))


def many(path: Path) -> None:
    entries = {
        f"n{n}": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]} for n in range(30000)
    }
    path.write_bytes(header(json.dumps(entries).encode(), bytes(4)))


def long_header(path: Path) -> None:
    path.write_bytes((1 << 30).to_bytes(8, "little") + b"{")
    os.truncate(path, 2 << 30)  # sparse


def bomb(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("w/data.pkl", bytes(50_000_000))


def itself(path: Path) -> None:
    content: dict[str, object] = {"epoch": 1}
    content["model"] = content
    torch.save(content, path)


#: What lies at a path, and what must be said of it.
HOSTILE: dict[str, tuple[Callable[[Path], object], str]] = {
    "names": (many, "more than any network"),
    "header": (long_header, "more than any network"),
    "deep": (
        lambda p: p.write_bytes(header(b'{"a":' + b"[" * 200_000 + b"]" * 200_000 + b"}")),
        "is damaged",
    ),
    "F4": (lambda p: p.write_bytes(single("F4")), "w: "),
    "F8_E8M0": (lambda p: p.write_bytes(single("F8_E8M0")), "w: "),
    "Q9": (lambda p: p.write_bytes(single("Q9")), "is damaged"),
    "offsets": (lambda p: p.write_bytes(single(offsets=("a", "b"))), "is damaged"),
    "dots": (lambda p: p.write_bytes(single(name="." * 1_000_000)), "another network"),
    "escapes": (lambda p: p.write_bytes(single(name="a\n\x1b[2J")), "another network"),
    "bomb": (bomb, "unpacks to 50,000,000 bytes"),
    "itself": (itself, "no tensors by name"),
    "pipe": (os.mkfifo, "is a named pipe"),
    "loop": (lambda p: p.symlink_to(p.name), "loop"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_file_is_one_line_at_once(tmp_path: Path, kind: str) -> None:
    make, why = HOSTILE[kind]
    make(tmp_path / "w")
    began = time.monotonic()
    with pytest.raises(WeightsError) as caught:
        create_with(NAME, tmp_path / "w")
    assert time.monotonic() - began < 20
    assert why in str(caught.value)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("x" * 5000, "too long"),
        ("~nobody-is-called-so/w", "home folder of nobody"),
        ("a\0b", "null"),
    ],
)
def test_a_name_that_nothing_has(path: str, why: str) -> None:
    with pytest.raises(WeightsError, match=why):
        create_with(NAME, path)
