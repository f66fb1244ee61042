from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
import tomli_w
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from striate.data.preprocessing import Preprocessing
from striate.errors import RunError
from striate.recipes.recipe import Optimiser, Recipe
from striate.runs.claim import claim
from striate.runs.config import FORMAT, RunConfig, escaped, unescaped
from striate.runs.origins import DataOrigin, Provenance
from striate.runs.run import CONFIG, EVALUATION, METRICS, TIMING, WEIGHTS, Run, is_run_folder
from striate.runs.weights import digest, read_weights, write_weights
from striate.zoo.create import create

RECIPE = Recipe(name="modern", optimiser=Optimiser(rate=0.1))
CLASSES = ("<b>rosé's</b>", '"tulip"', "玫瑰")


def config() -> RunConfig:
    return RunConfig(
        network="lenet",
        classes=CLASSES,
        in_channels=1,
        preprocessing=Preprocessing(
            resize=32, height=32, width=32, channels=1, mean=(0.5,), std=(0.25,)
        ),
        recipe=RECIPE,
        data=DataOrigin(
            origin="digits",
            fingerprint="f" * 64,
            val_fraction=0.2,
            train_images=10,
            val_images=5,
            test_images=0,
            held_out="split",
        ),
        seed=3,
        precision="float32",
        device="cpu",
        threads=1,
    )


@pytest.fixture
def run(tmp_path: Path) -> Run:
    decided = config()
    decided.write(tmp_path / CONFIG)
    torch.manual_seed(0)
    network = create("lenet", classes=3)
    weights = network.state_dict()
    write_weights(tmp_path / WEIGHTS, weights, identity=decided.identity, epoch=7)
    return Run.open(tmp_path)


def test_round_trip(run: Run) -> None:
    assert run.config == config()
    assert run.classes == CLASSES
    assert run.weights_epoch == 7
    torch.manual_seed(0)
    fresh = create("lenet", classes=3).eval()
    images = torch.rand(2, 1, 32, 32)
    assert torch.equal(run.network()(images), fresh(images))


def test_identity_ignores_what_cannot_change_the_result() -> None:
    made = Provenance(command="striate train", workers=4, started="now", versions={"torch": "3"})
    same = replace(config(), provenance=made)
    moved = replace(same, data=replace(same.data, origin="/elsewhere"))
    assert moved.identity == config().identity
    assert replace(config(), seed=4).identity != config().identity
    assert replace(config(), threads=2).identity != config().identity


def test_weights_file_has_no_room_for_chance(tmp_path: Path) -> None:
    weights = {name: torch.arange(6.0).reshape(2, 3) for name in ("b", "a")}
    for name in ("1", "2"):
        write_weights(tmp_path / name, weights, identity="i", epoch=1)
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes()
    read, stamp = read_weights(tmp_path / "1")
    assert stamp.digest == digest(read) == digest(weights)


@pytest.mark.parametrize("position", [-1, -100, 700])
def test_altered_weights(run: Run, position: int) -> None:
    path = run.path / WEIGHTS
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)
    with pytest.raises(RunError, match=r"model\.safetensors: (was altered|is damaged|does not)"):
        run.network()


def test_truncated_weights(run: Run) -> None:
    path = run.path / WEIGHTS
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(RunError, match=r"model\.safetensors: is damaged"):
        run.network()


def test_missing_weights(run: Run) -> None:
    (run.path / WEIGHTS).unlink()
    with pytest.raises(RunError, match=r"model\.safetensors: is missing.*--resume"):
        run.network()


def test_altered_configuration(run: Run) -> None:
    path = run.path / CONFIG
    path.write_text(path.read_text(encoding="utf-8").replace("seed = 3", "seed = 4"), "utf-8")
    with pytest.raises(RunError, match=r"does not belong to the run\.toml beside it"):
        Run.open(run.path).network()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("seed = ", "cannot be read as TOML"),
        ("sead = 3", "unknown key 'sead'; did you mean 'seed'"),
        ("seed = 3", "is damaged"),
        ("seed = " + "9" * 5000, "cannot be read as TOML"),
    ],
)
def test_damaged_configuration(run: Run, content: str, why: str) -> None:
    (run.path / CONFIG).write_text(content)
    with pytest.raises(RunError, match=why):
        Run.open(run.path)


@pytest.mark.parametrize(
    ("whole", "damaged"),
    [
        ("threads = 1", 'threads = "two"'),
        ("threads = 1", "threads = 0"),
        ("threads = 1", "threads = true"),
        ("threads = 1", "threads = 1000000000"),
        ("threads = 1", "threads = 9223372036854775808"),
        ("world = 1", "world = 0"),
        ("world = 1", "world = 1000001"),
        ("workers = 0", "workers = -1"),
        ("workers = 0", "workers = 1000001"),
        ("seed = 3", "seed = -1"),
        ("seed = 3", "seed = 9223372036854775808"),
        ("in_channels = 1", "in_channels = 3"),
        ("in_channels = 1", "in_channels = 1000000000"),
        ("height = 32", "height = 60000"),
        ("width = 32", "width = 1000000000"),
        ("resize = 32", "resize = 8193"),
        ("train_images = 10", "train_images = -1"),
        ("train_images = 10", "train_images = 10000000000000"),
        ('precision = "float32"', 'precision = "float8"'),
        ("val_fraction = 0.2", "val_fraction = 1.0"),
        ("val_fraction = 0.2", 'val_fraction = "x"'),
        ("val_fraction = 0.2", "val_fraction = nan"),
        ('origin = "digits"', "origin = 3"),
        ('origin = "digits"', "origins = 3"),
        ("train_images = 10", "train_images = 1.5"),
        ('device = "cpu"', 'device = ["cpu"]'),
        ("resize = 32", 'resize = "wide"'),
        ("resize = 32", "resize = 16"),
        ('network = "lenet"', "network = 5"),
    ],
)
def test_values_of_the_wrong_kind(run: Run, whole: str, damaged: str) -> None:
    path = run.path / CONFIG
    text = path.read_text(encoding="utf-8")
    assert whole in text
    path.write_text(text.replace(whole, damaged, 1), encoding="utf-8")
    with pytest.raises(RunError, match=r"run\.toml: is damaged"):
        Run.open(run.path)


@settings(deadline=None)  # a busy machine is no defect
@given(st.text(st.characters(exclude_characters="\0"), max_size=12))
def test_any_path_can_be_written_and_read_back(path: str) -> None:
    safe = escaped(path)
    safe.encode("utf-8")
    assert unescaped(safe) == path
    assert safe == path or "\0" in safe


def test_names_that_are_not_utf8(tmp_path: Path) -> None:
    origin = os.fsdecode(b"/photos/caf\xe9/\xffd800")
    odd = replace(
        config(),
        data=replace(config().data, origin=origin),
        provenance=Provenance(command=f"train {origin}"),
    )
    odd.write(tmp_path / CONFIG)
    read = RunConfig.read(tmp_path / CONFIG)
    assert read.data.origin == origin
    assert read.identity == odd.identity
    assert read.provenance.command.isprintable()


LINE = (
    b'{"epoch": 1, "step": 9, "learning_rate": 0.1, "health": {"conv1": {"gradient": 0.1}}, '
    b'"train": {"loss": 1.0, "main": 1, "auxiliary": [], "top1": 0.5}, '
    b'"validation": {"loss": 1.0, "top1": 0.5, "top5": 1.0}}\n'
)


@pytest.mark.parametrize(
    "second",
    [
        b"\xff\xfe\n",
        b"{\n",
        b"3\n",
        b"[]\n",
        b"{}\n",
        b"null\n",
        b"[" * 100_000 + b"\n",
        b"x" * 100_000 + b"\n",
        LINE.replace(b'"epoch": 1', b'"epoch": "1"'),
        LINE.replace(b'"epoch": 1', b'"epoch": -1'),
        LINE.replace(b'"epoch": 1', b'"epoch": 1' + b"0" * 5000),
        LINE.replace(b'"gradient": 0.1', b'"gradient": NaN'),
        LINE.replace(b'"gradient": 0.1', b'"gradient": null'),
        LINE.replace(b'{"gradient": 0.1}', b"[]"),
        LINE.replace(b'"top5": 1.0', b'"top5": Infinity'),
        LINE.replace(b', "top5": 1.0', b""),
        LINE.replace(b'"step"', b'"steps"'),
    ],
)
def test_damaged_records(run: Run, second: bytes) -> None:
    (run.path / METRICS).write_bytes(LINE)
    assert run.metrics[0]["train"]["top1"] == 0.5
    (run.path / METRICS).write_bytes(LINE + second)
    with pytest.raises(RunError, match=r"metrics\.jsonl, line 2: is damaged") as found:
        _ = run.metrics
    assert len(str(found.value)) < 400
    timing = b'{"epoch": 1, "seconds": 0.1, "images_per_second": 9}\n'
    (run.path / TIMING).write_bytes(timing)
    assert run.timing[0]["images_per_second"] == 9
    (run.path / TIMING).write_bytes(timing + second)
    with pytest.raises(RunError, match=r"timing\.jsonl, line 2: is damaged"):
        _ = run.timing
    (run.path / EVALUATION).write_bytes(b"{}" + second)
    with pytest.raises(RunError, match=r"evaluation\.json: is damaged"):
        _ = run.evaluation


def test_absent_and_unreadable_records(run: Run) -> None:
    assert run.metrics == []
    assert run.evaluation is None
    (run.path / METRICS).mkdir()
    with pytest.raises(RunError, match=r"metrics\.jsonl: is a folder, not a file"):
        _ = run.metrics


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
@pytest.mark.parametrize("name", [METRICS, TIMING, EVALUATION, WEIGHTS, CONFIG])
def test_nothing_waits_for_a_pipe(run: Run, name: str) -> None:
    (run.path / name).unlink(missing_ok=True)
    os.mkfifo(run.path / name)
    with pytest.raises(RunError, match=rf"{name}: is a named pipe|is not a run"):
        _ = Run.open(run.path).metrics, run.timing, run.evaluation, run.network()


def test_a_newer_format_is_refused_by_its_number(run: Run) -> None:
    path = run.path / CONFIG
    text = path.read_text(encoding="utf-8")
    assert text.startswith(f"format = {FORMAT}\n")
    newer = text.replace(f"format = {FORMAT}", f"format = {FORMAT + 1}") + "\n[later]\nkey = 1\n"
    path.write_text(newer, encoding="utf-8")
    said = rf"newer Striate \(format {FORMAT + 1}; this one reads up to {FORMAT}\); update Striate"
    with pytest.raises(RunError, match=said):
        Run.open(run.path)
    for wrong in ("-1", "true", '"1"', "1.0"):
        path.write_text(text.replace(f"format = {FORMAT}", f"format = {wrong}"), encoding="utf-8")
        with pytest.raises(RunError, match="its format is no number"):
            Run.open(run.path)
    # What has no format was made before there was one.
    path.write_text("\ufeff" + text.replace(f"format = {FORMAT}\n", ""), encoding="utf-8")
    assert Run.open(run.path).config == config()


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"head": {"kind": "softmax", "features": 10**9, "classes": 3}}, "features is not between"),
        ({"head": {"kind": "softmax", "features": "9", "classes": 3}}, "features is not between"),
        ({"head": {"kind": "softmax", "features": 10**6, "classes": 10**6}}, "is too large"),
        ({"freeze": "２"}, "is no number of stages"),
        ({"views": 0}, "views = 0: must be at least 1"),
        ({"unfreeze_every": -1}, "unfreeze_every = -1: must be at least 0"),
        ({"decay": -1.0}, "decay = -1.0: must be at least 0"),
        ({"spec": 3}, "spec = 3: must be a string"),
    ],
)
def test_what_no_transfer_can_be(run: Run, changes: dict[str, object], why: str) -> None:
    table: dict[str, object] = {
        "spec": "lenet",
        "options": {},
        "classifier": "fc3",
        "weights": "0",
        "origin": "here",
        "freeze": "all",
        "unfreeze_every": 0,
        "views": 1,
        "head": {"kind": "softmax", "features": 84, "classes": 3},
    }
    plain = {**run.config.to_dict(), "transfer": table}
    (run.path / CONFIG).write_bytes(tomli_w.dumps(plain).encode())
    assert Run.open(run.path).config.transfer is not None
    plain["transfer"] = {**table, **changes}
    (run.path / CONFIG).write_bytes(tomli_w.dumps(plain).encode())
    with pytest.raises(RunError, match=rf"run\.toml: is damaged \(.*{why}"):
        Run.open(run.path)


def test_what_holds_a_run(run: Run) -> None:
    assert is_run_folder(run.path)
    assert not is_run_folder(run.path / "nowhere")
    assert not is_run_folder(run.path / CONFIG)


@pytest.mark.parametrize("name", ["x" * 300, "a\0b"])
def test_impossible_names(tmp_path: Path, name: str) -> None:
    with pytest.raises(RunError, match="cannot be accessed"):
        is_run_folder(tmp_path / name)
    with pytest.raises(RunError, match="cannot be accessed"):
        Run.open(tmp_path / name)
    with pytest.raises(RunError, match="cannot be accessed"):
        claim(tmp_path / name)


def test_not_a_run(run: Run) -> None:
    run.path.joinpath("photo.jpg").write_text("")
    with pytest.raises(RunError, match="is a file, not a run's folder"):
        Run.open(run.path / "photo.jpg")
    with pytest.raises(RunError, match="there is no such run"):
        Run.open(run.path / "nowhere")
    (run.path / "empty").mkdir()
    with pytest.raises(RunError, match="is not a run"):
        Run.open(run.path / "empty")
