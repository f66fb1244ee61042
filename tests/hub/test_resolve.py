"""From what a person writes to a network: prefixes, files, modules, sizes, and their faults."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import nn

from striate.anatomy.graph.wrappers import unwrapped
from striate.errors import NetworkError
from striate.hub.input_shapes import input_shapes
from striate.hub.resolve import resolve
from striate.zoo.weightless import SMALL, weightless

NET = """
from __future__ import annotations
from dataclasses import dataclass
from torch import nn
from blocks import unit

print("a message at import")

@dataclass
class Widths:
    first: int = 4

class Net(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(unit(Widths().first), nn.Flatten())
        self.input_size = (2, 16, 24)

class Wide(nn.Linear):
    def __init__(self, width, depth, bias=True):
        super().__init__(width, depth)

class Late(nn.Module):
    def __init__(self):
        super().__init__()
        from blocks import unit
        self.body = unit(8)

    def forward(self, x):
        return self.body(x)

class Reader(nn.Module):
    def __init__(self):
        super().__init__()
        import torch
        self.rate = torch.linspace(0, 1, 3)[1].item()
        self.layer = nn.Linear(2, 2)

    def forward(self, first, second, scale=1.0):
        return self.layer(first + second)

def small():
    return Net()

def nothing():
    return 3

def broken():
    raise ValueError("no luck\\nat all")

ready = nn.Conv2d(1, 1, 3)
number = 7
"""
BLOCKS = "from torch import nn\ndef unit(n): return nn.Conv2d(2, n, 3)\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "net.py").write_text(NET)
    (tmp_path / "blocks.py").write_text(BLOCKS)
    return tmp_path


def parameters(network: nn.Module) -> int:
    return sum(each.numel() for each in network.parameters())


@pytest.mark.parametrize(
    ("spec", "count", "shape"),
    [
        ("resnet18", 11_689_512, (3, 224, 224)),
        ("lenet5", 60_000, (1, 32, 32)),
        ("torchvision:vgg16", 138_357_544, (3, 224, 224)),
        ("torchvision:inception_v3", 27_161_264, (3, 299, 299)),
    ],
)
def test_names_and_prefixes_give_networks_without_weights(
    spec: str, count: int, shape: tuple[int, ...]
) -> None:
    found = resolve(spec)
    assert parameters(found.network) == count
    assert all(each.is_meta for each in found.network.parameters())
    assert found.input == shape
    assert found.name == spec


def test_timm_says_its_own_input_size() -> None:
    pytest.importorskip("timm")
    found = resolve("timm:efficientnet_lite0")
    assert found.inputs == ((3, 224, 224),)
    assert parameters(found.network) == 4_652_008
    # Its drop path reads the values of a tensor, which has none on the meta device.
    assert resolve("timm:mobilevitv2_050").input == (3, 256, 256)


def test_weights_are_made_where_they_are_asked_for() -> None:
    network = resolve("torchvision:squeezenet1_0", device="cpu").network
    assert all(float(each.detach().abs().max()) < 10 for each in network.parameters())
    assert float(next(network.parameters()).detach().std()) > 0


def test_unfilled_modules_have_the_shapes_and_modes_of_others() -> None:
    with weightless():
        layer = nn.BatchNorm2d(3)
        kept = torch.ones(2, device="cpu").mul_(3)
    assert layer.weight.is_meta
    assert layer.num_batches_tracked.dtype is torch.int64
    assert kept.tolist() == [3, 3]


def test_classes_channels_and_variants_reach_the_constructor() -> None:
    assert resolve("resnet18", classes=5, in_channels=1).input == (1, 224, 224)
    assert resolve("torchvision:resnet18", classes=5).network.fc.out_features == 5  # type: ignore[union-attr]
    with pytest.raises(NetworkError, match="colour"):
        resolve("torchvision:resnet18", in_channels=1)
    with pytest.raises(NetworkError, match="did you mean 'shortcut'"):
        resolve("resnet18", variant={"shortcuts": "A"})


@pytest.mark.parametrize(
    ("name", "shapes", "source"),
    [
        ("Net", ((2, 16, 24),), "file"),
        ("small", ((2, 16, 24),), "file"),
        ("ready", ((1, 224, 224),), "file"),
        ("Late", ((2, 224, 224),), "file"),
        ("Reader", ((3, 224, 224),) * 2, "file"),
    ],
)
def test_a_person_s_file(
    folder: Path,
    name: str,
    shapes: tuple[tuple[int, ...], ...],
    source: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = resolve(f"{folder}/net.py:{name}", allow_code=True)
    assert isinstance(found.network, nn.Module)
    assert (found.inputs, found.source) == (shapes, source)
    shown = capsys.readouterr()
    assert not shown.out
    assert "a message at import" in shown.err
    assert "blocks" not in sys.modules
    assert str(folder) not in sys.path


def test_two_files_may_each_have_a_module_of_one_name(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "net.py").write_text(NET)
    (other / "blocks.py").write_text(BLOCKS.replace("n, 3)", "n, 5)"))
    kernels = [
        resolve(f"{place}/net.py:Net", allow_code=True).network[0].kernel_size  # type: ignore[index]
        for place in (folder, other)
    ]
    assert kernels == [(3, 3), (5, 5)]


def test_a_person_s_module(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "mine").mkdir()
    (folder / "mine" / "nets.py").write_text(NET.replace("from blocks", "from striate_test_blocks"))
    (folder / "striate_test_blocks.py").write_text(BLOCKS)
    monkeypatch.chdir(folder)
    found = resolve("mine.nets:small", size=32, allow_code=True)
    assert (found.source, found.input) == ("module", (2, 32, 32))
    for name in [
        each for each in sys.modules if each.split(".")[0] in ("mine", "striate_test_blocks")
    ]:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("resnet81", r"did you mean 'resnet18'"),
        ("mobilenet_v3_large", r"torchvision:mobilenet_v3_large is torchvision's"),
        ("torchvision:resnet81", r"torchvision does not have it; did you mean"),
        ("torchvision:fasterrcnn_resnet50_fpn", "finds objects"),
        ("torchvision:r3d_18", "films"),
        ("timm:resnet81x", r"timm does not have it; did you mean"),
        ("torchvison:resnet50", r"module 'torchvison': not found.*did you mean 'torchvision'"),
        ("FOLDER/nett.py:Net", r"nett.py: there is no such file; did you mean 'net.py'"),
        ("FOLDER/net.py", r"which of its networks is not said; .* Net, Wide"),
        ("FOLDER/net.py:Nets", r"there is no such name; did you mean 'Net'"),
        ("FOLDER/net.py:Wide", "needs arguments: width, depth; write a function"),
        ("FOLDER/net.py:Widths", "not of torch.nn.Module"),
        ("FOLDER/net.py:number", "is int, not a network"),
        ("FOLDER/net.py:nothing", "gives int, not a torch.nn.Module"),
        ("FOLDER/net.py:broken", r"cannot be made \(ValueError: no luck\)"),
        ("FOLDER/bad.py:Net", r"fails when loaded \(SyntaxError"),
        ("FOLDER/leaves.py:Net", r"fails when loaded \(SystemExit"),
        ("FOLDER/lacks.py:Net", r"fails when loaded \(ModuleNotFoundError: .*no_such_library"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(folder: Path, spec: str, message: str) -> None:
    if spec.startswith("timm"):
        pytest.importorskip("timm")
    (folder / "bad.py").write_text("class Net(\n")
    (folder / "leaves.py").write_text("import sys\nsys.exit(2)\n")
    (folder / "lacks.py").write_text("import no_such_library\n")
    with pytest.raises(NetworkError, match=message) as raised:
        resolve(spec.replace("FOLDER", str(folder)), allow_code=True)
    assert len(str(raised.value).splitlines()) == 1


def test_timm_that_is_not_installed_is_named_with_its_remedy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(NetworkError, match="timm is not installed; pip install timm"):
        resolve("timm:resnet50")
    with pytest.raises(NetworkError, match="not in the catalogue"):
        resolve("qqqqqqqq")


def test_sizes() -> None:
    two = nn.Conv2d(5, 1, 3)
    two.input_size = [(5, 8, 8), (3, 4, 4)]  # type: ignore[assignment]
    assert input_shapes("two", two, 6) == ((5, 6, 6), (3, 6, 6))
    two.input_size = "224"  # type: ignore[assignment]
    with pytest.raises(NetworkError, match=r"input_size is '224'; make it \(channels"):
        input_shapes("two", two)
    assert resolve("resnet18", size=(200, 320)).input == (3, 200, 320)
    with pytest.raises(NetworkError, match="0×0"):
        resolve("resnet18", size=0)


def test_what_wraps_a_network_is_taken_off() -> None:
    plain = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
    averaged = torch.optim.swa_utils.AveragedModel(plain)
    for wrapped in (
        nn.DataParallel(plain),
        torch.compile(plain),
        torch.compile(nn.DataParallel(plain)),
    ):
        assert unwrapped(wrapped, "wrapped") is plain
    assert isinstance(unwrapped(averaged, "averaged"), nn.Sequential)

    class Own(nn.Module):
        """A part called module makes no wrapper: it may compute something else."""

        def __init__(self) -> None:
            super().__init__()
            self.module = plain

    own = Own()
    assert unwrapped(own, "own") is own


@pytest.mark.filterwarnings("ignore")
def test_torchscript_is_refused_by_name(folder: Path) -> None:
    plain = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
    for script in (torch.jit.script(plain), torch.jit.trace(plain, torch.zeros(1, 3, 8, 8))):
        with pytest.raises(NetworkError, match=r"is a TorchScript program.*made from"):
            unwrapped(script, "script")
    (folder / "traced.py").write_text(
        "import torch\nfrom torch import nn\n"
        "net = torch.jit.trace(nn.Conv2d(3, 4, 3), torch.zeros(1, 3, 8, 8))\n"
    )
    with pytest.raises(NetworkError, match="is a TorchScript program"):
        resolve(f"{folder}/traced.py:net", allow_code=True)


@pytest.mark.parametrize(
    ("library", "name"),
    [
        ("timm", "vit_base_patch16_384"),
        ("timm", "xception41"),
        ("timm", "efficientnet_b4"),
        ("torchvision", "inception_v3"),
        ("torchvision", "vit_b_16"),
    ],
)
def test_a_module_says_its_size_as_its_name_does(library: str, name: str) -> None:
    module = pytest.importorskip(library)
    with weightless():
        if library == "timm":
            network = module.create_model(name)
        else:
            options = {"init_weights": False} if name == "inception_v3" else {}
            network = module.models.get_model(name, weights=None, **options)
    assert input_shapes(name, network) == resolve(f"{library}:{name}").inputs


def test_what_a_network_was_made_for_outdoes_what_its_name_was() -> None:
    timm = pytest.importorskip("timm")
    with weightless():
        larger = timm.create_model("vit_tiny_patch16_224", img_size=(160, 192))
        grey = timm.create_model("resnet18", in_chans=1)
    assert input_shapes("larger", larger) == ((3, 160, 192),)
    assert input_shapes("grey", grey)[0][0] == 1


@pytest.mark.parametrize("name", ["regnet_y_400mf", "regnet_y_128gf"])
def test_a_constructor_that_computes_is_given_values_and_no_weights(name: str) -> None:
    before = torch.get_rng_state()
    network = resolve(f"torchvision:{name}").network
    assert all(each.is_meta for each in network.parameters())
    assert torch.equal(torch.get_rng_state(), before), "what is drawn on the way counts for nobody"
    largest = max((each.numel() for each in network.buffers() if not each.is_meta), default=0)
    assert largest <= SMALL


def test_a_size_has_a_most() -> None:
    with pytest.raises(NetworkError, match="no image has a side over"):
        resolve("resnet18", size=10**9)


def test_a_number_that_is_called_input_size_is_no_shape() -> None:
    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.input_size = 28
            self.conv = nn.Conv2d(3, 4, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.conv(x)

    assert input_shapes("own", Own()) == ((3, 224, 224),)
    assert input_shapes("own", Own(), 28) == ((3, 28, 28),)


def test_what_it_imports_is_what_lies_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A folder without __init__.py is its code too.
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "blocks.py").write_text(BLOCKS)
    (tmp_path / "net.py").write_text(NET.replace("from blocks", "from parts.blocks"))
    found = resolve(f"{tmp_path}/net.py:Net", allow_code=True)
    assert [each.name for each in found.files] == ["net.py", "blocks.py"]
    assert not {"parts", "parts.blocks"} & set(sys.modules)
    # What a program has loaded under such a name is not meant, and stays.
    loaded = ModuleType("parts")
    monkeypatch.setitem(sys.modules, "parts", loaded)
    again = resolve(f"{tmp_path}/net.py:Net", allow_code=True)
    assert again.files == found.files
    assert sys.modules["parts"] is loaded
    assert "parts.blocks" not in sys.modules
