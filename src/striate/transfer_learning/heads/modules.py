"""From what was fitted to the modules of `striate.hub.heads`."""

from __future__ import annotations

import numpy as np
import torch

from striate.hub.heads import Head, LinearSVMHead, RBFSVMHead, SoftmaxHead, ValueHead
from striate.transfer_learning.heads.calibration import Calibration
from striate.transfer_learning.heads.scaling import Floats, Scaling


def fill_standardise(head: Head | ValueHead, scaling: Scaling) -> None:
    """Take over what is taken off every feature, and what it is divided by."""
    copy_into(head.standardise.mean, scaling.mean)
    copy_into(head.standardise.deviation, scaling.std)


def fill_linear(head: SoftmaxHead | LinearSVMHead, weights: Floats, offsets: Floats) -> None:
    """Take over scikit-learn's coefficients; for two classes it has those of the second alone."""
    if len(weights) == 1:
        # Halves, so that the softmax of the two is the sigmoid of their difference; an SVM's
        # score is the same for both but for its sign.
        part = 1.0 if isinstance(head, LinearSVMHead) else 0.5
        weights = np.concatenate([-part * weights, part * weights])
        offsets = np.concatenate([-part * offsets, part * offsets])
    copy_into(head.linear.weight, weights)
    copy_into(head.linear.bias, offsets)


def fill_sigmoids(head: LinearSVMHead | RBFSVMHead, calibration: Calibration) -> None:
    """Take over a sigmoid for each class, in Platt's signs: ``1 / (1 + exp(a * s + b))``."""
    copy_into(head.calibrate.slope, -calibration.slopes)
    copy_into(head.calibrate.offset, -calibration.offsets)


def copy_into(into: torch.Tensor, values: Floats) -> None:
    """Overwrite a parameter or buffer, in its own type and shape."""
    with torch.no_grad():
        into.copy_(torch.from_numpy(np.asarray(values)).reshape(into.shape))
