"""What stands where a network's classifier stood: heads fitted to embeddings, as modules.

Each takes embeddings (N, features) and standardises them. Those of classes give logits (N, classes)
whose softmax are its probabilities; for SVMs those are the calibrated ones. Those of numbers give
standardised values (N, targets).
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from striate.errors import NetworkError, nearest


class Standardise(nn.Module):
    """Each feature standardised over the training images: (x - mean) / std."""

    mean: Tensor
    deviation: Tensor
    """std, under the name that it has in files of weights."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("deviation", torch.ones(features))

    def forward(self, x: Tensor) -> Tensor:
        """(N, features) as (N, features)."""
        return (x - self.mean) / self.deviation


class Sigmoids(nn.Module):
    """From scores to log probabilities, class by class: Platt 1999, Sec. 2.2.

    ``p_k = 1 / (1 + exp(a_k · score_k + b_k))``; the softmax of the logarithms divides by their sum
    over the classes, which is how Zadrozny and Elkan 2002 (Sec. 4) go from two classes to many.
    """

    slope: Tensor
    offset: Tensor

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.register_buffer("slope", -torch.ones(classes))
        self.register_buffer("offset", torch.zeros(classes))

    def forward(self, scores: Tensor) -> Tensor:
        """(N, classes) as (N, classes)."""
        # The exporters have no operator for the logarithm of the sigmoid that all engines share.
        return -F.softplus(self.slope * scores + self.offset)


class _Linear(nn.Module):
    """A linear map of standardised features."""

    def __init__(self, features: int, outputs: int) -> None:
        super().__init__()
        self.standardise = Standardise(features)
        self.linear = nn.Linear(features, outputs)

    def forward(self, embedding: Tensor) -> Tensor:
        """(N, features) as (N, outputs)."""
        found: Tensor = self.linear(self.standardise(embedding))
        return found


class _Gaussian(nn.Module):
    """A linear map of Gaussian kernels with `vectors` support vectors.

    The kernel of an embedding x with a support vector v is ``exp(-gamma · |x - v|²)``, both
    standardised.
    """

    support: Tensor
    width: Tensor
    """gamma, under the name that it has in files of weights."""

    def __init__(self, features: int, outputs: int, vectors: int) -> None:
        super().__init__()
        self.standardise = Standardise(features)
        self.register_buffer("support", torch.zeros(vectors, features))
        self.register_buffer("width", torch.tensor(1.0 / features))
        self.linear = nn.Linear(vectors, outputs)

    @property
    def gamma(self) -> Tensor:
        """Of the kernel: the larger, the narrower."""
        return self.width

    def forward(self, embedding: Tensor) -> Tensor:
        """(N, features) as (N, outputs)."""
        x = self.standardise(embedding)
        # |x - v|² = |x|² + |v|² - 2 x·v: one matrix product instead of a cube of differences.
        squares = x.square().sum(1, keepdim=True) + self.support.square().sum(1)
        distances = (squares - 2 * x @ self.support.t()).clamp(min=0)
        kernel = torch.exp(-self.gamma * distances)
        # An SVM's coefficients sum to nothing, hence whatever is taken from all of a row alike
        # leaves its score as it is; without, large terms cancel and take the last digits along.
        found: Tensor = self.linear(kernel - kernel.mean(1, keepdim=True))
        return found


class SoftmaxHead(_Linear):
    """Softmax regression on standardised features: logits (N, classes)."""

    def __init__(self, features: int, classes: int) -> None:
        super().__init__(features, classes)


class LinearSVMHead(_Linear):
    """A linear SVM for each class against the rest, calibrated."""

    def __init__(self, features: int, classes: int) -> None:
        super().__init__(features, classes)
        self.calibrate = Sigmoids(classes)

    def scores(self, embedding: Tensor) -> Tensor:
        """The scores of the SVMs, (N, classes): above 0 for the class itself, ±1 on the margin."""
        return super().forward(embedding)

    def forward(self, embedding: Tensor) -> Tensor:
        """Logits (N, classes) of embeddings (N, features)."""
        logits: Tensor = self.calibrate(self.scores(embedding))
        return logits


class RBFSVMHead(_Gaussian):
    """An SVM with a Gaussian kernel for each class against the rest, calibrated.

    The SVMs share their `vectors` support vectors; one that an SVM does not use has a coefficient
    of zero in it.
    """

    def __init__(self, features: int, classes: int, vectors: int) -> None:
        super().__init__(features, classes, vectors)
        self.calibrate = Sigmoids(classes)

    def scores(self, embedding: Tensor) -> Tensor:
        """The scores of the SVMs, (N, classes): above 0 for the class itself, ±1 on the margin."""
        return super().forward(embedding)

    def forward(self, embedding: Tensor) -> Tensor:
        """Logits (N, classes) of embeddings (N, features)."""
        logits: Tensor = self.calibrate(self.scores(embedding))
        return logits


class RidgeHead(_Linear):
    """Ridge regression on standardised features: standardised values (N, targets)."""

    def __init__(self, features: int, targets: int) -> None:
        super().__init__(features, targets)


class LinearSVRHead(_Linear):
    """Linear support vector regression, one for each target: standardised values (N, targets)."""

    def __init__(self, features: int, targets: int) -> None:
        super().__init__(features, targets)


class RBFSVRHead(_Gaussian):
    """The same with a Gaussian kernel; the targets share their support vectors."""

    def __init__(self, features: int, targets: int, vectors: int) -> None:
        super().__init__(features, targets, vectors)


Head = SoftmaxHead | LinearSVMHead | RBFSVMHead
ValueHead = RidgeHead | LinearSVRHead | RBFSVRHead

#: Every kind of head for classes, as a person calls it.
HEADS: dict[str, type[Head]] = {
    "softmax": SoftmaxHead,
    "svm": LinearSVMHead,
    "svm-rbf": RBFSVMHead,
}
#: Every kind of head for numbers.
VALUE_HEADS: dict[str, type[ValueHead]] = {
    "ridge": RidgeHead,
    "svr": LinearSVRHead,
    "svr-rbf": RBFSVRHead,
}
_KINDS: dict[str, type[Head] | type[ValueHead]] = {**HEADS, **VALUE_HEADS}


def make_head(kind: str, **sizes: int) -> Head | ValueHead:
    """A head without what it learnt, for weights to be loaded into.

    Args:
        kind: one of `HEADS` or of `VALUE_HEADS`.
        **sizes: ``features``, and ``classes`` or ``targets``; ``vectors`` too for ``svm-rbf`` and
            ``svr-rbf``.

    Raises:
        NetworkError: there is no such kind, or these are not its sizes.
    """
    if not isinstance(kind, str) or kind not in _KINDS:
        raise NetworkError(f"head '{kind}'", "there is no such head", nearest(str(kind), _KINDS))
    try:
        return _KINDS[kind](**sizes)
    except (TypeError, RuntimeError) as error:
        raise NetworkError(f"head '{kind}'", f"cannot be made of {sizes} ({error})") from error


def sizes_of(head: Head | ValueHead) -> dict[str, Any]:
    """What `make_head` makes a head like `head` of: ``kind`` and its sizes."""
    kind = next(name for name, made in _KINDS.items() if type(head) is made)
    features = head.standardise.mean.numel()
    sizes: dict[str, Any] = {
        "kind": kind,
        "features": features,
        "classes" if kind in HEADS else "targets": head.linear.out_features,
    }
    if isinstance(head, RBFSVMHead | RBFSVRHead):
        sizes["vectors"] = head.linear.in_features
    return sizes
