"""What a recipe is: how a network is trained, a frozen dataclass for each table of its TOML."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal, get_args

from striate.data.augmentation.settings import Augmentation
from striate.data.preprocessing import LARGEST_RESIZE
from striate.errors import RecipeError, parameter
from striate.recipes.choices import (
    NUMBER_LOSSES,
    ClassWeights,
    NumberLoss,
    OfClasses,
    OfNumbers,
    Select,
)
from striate.recipes.sizes import Sizes
from striate.support.limits import MOST
from striate.support.tables import ADDED, Bounds, check_bounds, from_table, plain, share

Positive = Annotated[float, Bounds(0, math.inf, above=True)]
NotNegative = Annotated[float, Bounds(0, math.inf)]
Count = Annotated[int, Bounds(1, MOST)]
CountOrNone = Annotated[int, Bounds(0, MOST)]
"""0 turns off what it counts."""


@dataclass(frozen=True, kw_only=True)
class Optimiser:
    """``[optimiser]``: which update rule, and how strongly weights decay."""

    name: Literal["sgd", "adam", "adamw", "rmsprop", "adadelta"] = "sgd"
    """The update rule."""
    rate: Positive = 0.1
    """The peak learning rate, for the recipe's own batch size."""
    momentum: float = 0.9
    """Of sgd and rmsprop."""
    nesterov: bool = False
    """Of sgd: whether the gradient is taken ahead, where momentum leads."""
    betas: tuple[float, float] = (0.9, 0.999)
    """Of adam and adamw."""
    alpha: float = 0.99
    """Of rmsprop and adadelta: how slowly the mean of squared gradients moves."""
    eps: Positive = 1e-8
    """Of all but sgd: what keeps a division from one by 0."""
    weight_decay: NotNegative = 0.0
    """The share of the weights taken off at each step, times the rate."""
    decay_norms: bool = True
    """Whether decay also pulls on biases and on batch norm's scales and shifts."""

    def __post_init__(self) -> None:
        check_bounds(self, "optimiser")
        share("optimiser", "momentum", self.momentum)
        share("optimiser", "alpha", self.alpha)
        for beta in self.betas:
            share("optimiser", "betas", beta)
        if self.nesterov and (self.name != "sgd" or self.momentum == 0):
            raise RecipeError("optimiser: nesterov", "needs sgd with momentum", "set it to false")


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """``[schedule]``: the learning rate over the run, as a factor on the optimiser's rate."""

    name: Literal["constant", "step", "plateau", "exponential", "cosine", "one_cycle"] = "cosine"
    """How the rate falls."""
    milestones: Annotated[tuple[float, ...], Bounds(0, MOST)] = ()
    """step: epochs at which the rate changes; below 1, fractions of all epochs. Each kind rises."""
    rates: Annotated[tuple[float, ...], Bounds(0, math.inf)] = ()
    """step: the rate after each milestone, where the paper lists them instead of a factor."""
    factor: Positive = 0.1
    """step, plateau, exponential: what the rate is multiplied by."""
    every: Positive = 1.0
    """exponential: epochs between two changes."""
    patience: CountOrNone = 5
    """plateau: epochs without a better validation top-1, or mean absolute error of numbers, before
    the rate changes."""
    warmup: NotNegative = 0.0
    """Epochs over which the rate rises linearly; one_cycle: the rising part (0: 30 %)."""
    warmup_rate: NotNegative = 0.0
    """The rate at which the warm-up starts."""
    final: NotNegative = 0.0
    """cosine, one_cycle: the last rate as a fraction of the peak."""

    def __post_init__(self) -> None:
        check_bounds(self, "schedule")
        # How fractions and epochs compare depends on the length of the run.
        shares = [each for each in self.milestones if each < 1]
        epochs = [each for each in self.milestones if each >= 1]
        if shares != sorted(set(shares)) or epochs != sorted(set(epochs)):
            raise RecipeError(
                f"schedule: milestones = {list(self.milestones)}", "must rise", "put them in order"
            )
        if self.rates and len(self.rates) != len(self.milestones):
            raise RecipeError(
                "schedule: rates",
                f"holds {len(self.rates)} values for {len(self.milestones)} milestones",
                "give one rate a milestone",
            )


@dataclass(frozen=True, kw_only=True)
class Loss:
    """``[loss]``: what is minimised."""

    name: Literal["cross_entropy", "map", "squared", "absolute", "huber"] = "cross_entropy"
    """``map`` is equation 9 of LeCun et al. 1998: a constant competitor beside the classes. The
    last three are of numbers, whose errors are taken in deviations of the training images."""
    label_smoothing: float = 0.0
    """The share of each label that is spread over all classes."""
    class_weights: ClassWeights = "none"
    """``balanced``: each class weighs as if all were equally frequent."""
    map_j: float = 0.1
    """map: the constant j of equation 9, the energy of the competitor."""
    huber_delta: Positive = field(default=1.0, metadata=ADDED)
    """huber: the error, in deviations, from which on it counts straight and not squared."""
    auxiliary_weights: Annotated[tuple[int | float, ...] | None, Bounds(0, math.inf)] = None
    """The weight of each auxiliary head; absent: the paper's own, as the network states them.

    Whole numbers stay whole, since a run's configuration digest tells 1 from 1.0.
    """

    def __post_init__(self) -> None:
        check_bounds(self, "loss")
        share("loss", "label_smoothing", self.label_smoothing)
        if self.is_of_numbers and (self.label_smoothing or self.class_weights != "none"):
            raise RecipeError(
                f"loss: name = {self.name!r}",
                "is of numbers, which have no labels to smooth and no classes to weigh",
                'set label_smoothing to 0 and class_weights to "none"',
            )

    @property
    def is_of_numbers(self) -> bool:
        """Whether it compares numbers rather than classes."""
        return self.name in NUMBER_LOSSES


@dataclass(frozen=True, kw_only=True)
class Averaging:
    """``[averaging]``: the weights that are evaluated and kept are a mean over many steps."""

    name: Literal["none", "ema", "polyak"] = "none"
    """An exponential moving average, or the plain mean of Polyak and Juditsky."""
    decay: float = 0.999
    """ema: the share of the old mean kept at each step."""
    start: float = 0.5
    """polyak: the fraction of the run after which every step's weights count equally."""

    def __post_init__(self) -> None:
        share("averaging", "decay", self.decay)
        share("averaging", "start", self.start)


@dataclass(frozen=True, kw_only=True)
class Gradient:
    """``[gradient]``: what happens between backward pass and update."""

    clip_norm: NotNegative = 0.0
    """The largest norm of all gradients together; 0 leaves them as they are."""
    accumulate: Count = 1
    """Batches whose gradients are averaged before one update."""

    def __post_init__(self) -> None:
        check_bounds(self, "gradient")


@dataclass(frozen=True, kw_only=True)
class EarlyStopping:
    """``[early_stopping]``: stop when no epoch was better than the best for `patience` epochs."""

    patience: CountOrNone = 0
    """0 never stops early."""

    def __post_init__(self) -> None:
        check_bounds(self, "early_stopping")


@dataclass(frozen=True, kw_only=True)
class Input:
    """``[preprocessing]``: how an image becomes the network's input."""

    fit: Literal["crop", "pad"] = "crop"
    """Whether the middle is cut out of an image, or all of it is padded to the input's shape."""
    resize: Annotated[int, Bounds(0, LARGEST_RESIZE)] = 0
    """The side that images are resized to; 0: size · 256/224 above 64 pixels, size itself below."""
    statistics: Literal["data", "imagenet", "given"] = "data"
    """Whose channel mean and std are used."""
    mean: tuple[float, ...] = ()
    """given: of each channel, of values from 0 to 1."""
    std: tuple[float, ...] = ()
    """given: the standard deviation of each channel."""
    fill: Annotated[int, Bounds(0, 255)] = 0
    """pad: the grey level around the image."""
    interpolation: Literal["bilinear", "bicubic"] = "bilinear"
    """Of the resize."""

    def __post_init__(self) -> None:
        check_bounds(self, "preprocessing")
        given = (bool(self.mean), bool(self.std))
        if given != (self.statistics == "given",) * 2:
            raise RecipeError(
                "preprocessing: mean and std", 'go with statistics = "given"', "give all or none"
            )
        if len(self.mean) != len(self.std) or not all(each > 0 for each in self.std):
            raise RecipeError(
                "preprocessing: mean and std",
                "must be as many as each other, and std more than 0",
                "give one of each a channel",
            )


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A whole recipe; every value that a run used stands in its ``run.toml``."""

    name: str
    """What runs call the recipe."""
    reference: str = ""
    """Paper and section that it follows."""
    ours: tuple[str, ...] = ()
    """What the reference leaves open and we chose."""
    departures: tuple[str, ...] = ()
    """Where it knowingly differs from its reference, and why."""
    epochs: Count = 20
    """How long the network is trained: the schedule goes by epochs."""
    passes: Annotated[float, Bounds(0, MOST, above=True)] = field(default=1.0, metadata=ADDED)
    """How often an epoch goes through the training images; a last batch that is no whole one is
    left out of each pass."""
    batch_size: Count = 128
    """Images a step."""
    least_steps: CountOrNone = 0
    """The batch is halved, and the rate with it, until an epoch has this many steps: a few hundred
    images would otherwise give a handful of updates. A batch size that was asked for stays."""
    optimiser: Optimiser = field(default_factory=Optimiser)
    schedule: Schedule = field(default_factory=Schedule)
    loss: Loss = field(default_factory=Loss)
    averaging: Averaging = field(default_factory=Averaging)
    gradient: Gradient = field(default_factory=Gradient)
    early_stopping: EarlyStopping = field(default_factory=EarlyStopping)
    augmentation: Augmentation = field(default_factory=Augmentation)
    preprocessing: Input = field(default_factory=Input)
    sizes: Sizes = field(default=Sizes(), metadata=ADDED)
    select: Select = field(default="top1", metadata=ADDED)
    """By which figure of the validation images the epoch is chosen whose weights are kept:
    accuracy, loss, balanced accuracy (mean recall of the classes) or mean F1 of the classes; of
    numbers the loss, mae (mean absolute error) or rmse (root mean squared error). Of equals the one
    of lower loss is better; of equal loss, the one of higher accuracy or lower mae."""

    def __post_init__(self) -> None:
        check_bounds(self, self.name)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for TOML: absent values left out."""
        values: dict[str, Any] = plain(self)
        return values

    @classmethod
    def from_dict(cls, table: Mapping[str, Any], where: str) -> Recipe:
        """The recipe in `table`, which `where` names in errors."""
        try:
            return from_table(cls, table, where)
        except RecipeError as error:
            if error.what.startswith(where):
                raise
            # The dataclasses' own checks do not know where their values came from.
            raise RecipeError(f"{where}: {error.what}", error.why, error.remedy) from error

    def fitted_to(self, images: int) -> Recipe:
        """The recipe for that many training images: see `least_steps`."""
        batch = self.batch_size
        while batch >= 16 and images // batch < self.least_steps:
            batch //= 2
        return self.with_changes(batch_size=batch)

    def for_numbers(self) -> Recipe:
        """The recipe for images with numbers: what it says of classes gives way.

        A loss of classes becomes ``squared``, and a figure of classes that epochs are chosen by
        becomes the loss. All else stays.
        """
        loss, select = self.loss, self.select
        if not loss.is_of_numbers:
            loss = replace(loss, name="squared", label_smoothing=0.0, class_weights="none")
        return replace(self, loss=loss, select="loss" if select in get_args(OfClasses) else select)

    def check_answers(self, *, numbers: bool) -> None:
        """See to it that the recipe is one for images with `numbers`, or with classes.

        Raises:
            RecipeError: its loss, or the figure that epochs are chosen by, is of the other kind.
        """
        others = get_args(OfClasses if numbers else OfNumbers)
        if self.loss.is_of_numbers != numbers:
            raise RecipeError(
                f"{self.name}: loss: name = {self.loss.name!r}",
                "is of classes" if numbers else "is of numbers, and these images have classes",
                "" if numbers else f"say which numbers by {parameter('target')}",
            )
        if self.select in others:
            own = get_args(OfNumbers if numbers else OfClasses)
            raise RecipeError(
                f"{self.name}: select = {self.select!r}",
                f"is no figure of {'numbers' if numbers else 'classes'}",
                f"choose one of loss, {', '.join(own)}",
            )

    def at_size(self, size: int, own: int) -> Recipe:
        """The recipe for inputs of `size` pixels instead of the network's `own`: pixels scale.

        Those are `augmentation.sizes` and `preprocessing.resize`; what follows from the input size
        by itself (a `resize` of 0) goes on doing so.
        """
        if size == own:
            return self
        smallest, largest = (max(round(px * size / own), 1) for px in self.augmentation.sizes)
        resize = round(self.preprocessing.resize * size / own)
        return replace(
            self,
            augmentation=replace(self.augmentation, sizes=(smallest, largest)),
            preprocessing=replace(self.preprocessing, resize=resize),
        )

    def lasting(self, epochs: int) -> Recipe:
        """The recipe for that many epochs, its schedule drawn out or together in proportion."""
        ratio, schedule = epochs / self.epochs, self.schedule
        shares = sorted(each if each < 1 else each / self.epochs for each in schedule.milestones)
        return replace(
            self,
            epochs=epochs,
            schedule=replace(
                schedule,
                # A milestone after the last epoch is none; as a share it would be an epoch.
                milestones=tuple(each for each in shares if each < 1),
                rates=schedule.rates[: sum(each < 1 for each in shares)],
                every=schedule.every * ratio,
                warmup=schedule.warmup * ratio,
            ),
        )

    def with_rates_times(self, ratio: float) -> Recipe:
        """The recipe with every learning rate in it multiplied by `ratio`."""
        schedule = replace(
            self.schedule,
            rates=tuple(rate * ratio for rate in self.schedule.rates),
            warmup_rate=self.schedule.warmup_rate * ratio,
        )
        optimiser = replace(self.optimiser, rate=self.optimiser.rate * ratio)
        return replace(self, optimiser=optimiser, schedule=schedule)

    def with_changes(
        self,
        *,
        epochs: int | None = None,
        batch_size: int | None = None,
        auxiliary_weights: tuple[float, ...] | None = None,
        class_weights: ClassWeights | None = None,
        select: Select | None = None,
        loss: NumberLoss | None = None,
    ) -> Recipe:
        """The recipe with a command's flags laid over it.

        Another batch size scales the peak rate of sgd with it (Goyal et al. 2017, Sec. 2.1); the
        adaptive rules keep theirs.
        """
        changed = self if epochs is None else replace(self, epochs=epochs)
        if batch_size is not None and batch_size != self.batch_size:
            ratio = batch_size / self.batch_size if self.optimiser.name == "sgd" else 1.0
            changed = replace(changed.with_rates_times(ratio), batch_size=batch_size)
        if auxiliary_weights is not None:
            weighed = replace(changed.loss, auxiliary_weights=auxiliary_weights)
            changed = replace(changed, loss=weighed)
        if class_weights is not None:
            changed = replace(changed, loss=replace(changed.loss, class_weights=class_weights))
        if loss is not None:
            changed = replace(changed, loss=replace(changed.loss, name=loss))
        return changed if select is None else replace(changed, select=select)
