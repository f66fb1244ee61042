"""PyTorch as an engine: on any device that it has, in float32 or bfloat16."""

from __future__ import annotations

from collections.abc import Generator, Iterable

import torch
from torch import nn

from striate.data.preprocessing import Preprocessing
from striate.engines.session import BATCH, NOTHING, Answers, Pixels, Session


class PyTorchSession(Session):
    """A module, channels-last in memory.

    Args:
        network: moved to `device` and left in evaluation mode; gives (n, K) for images (n, C, H,
            W).
        preprocessing: how pixels are normalised for it.
        precision: ``float32`` or ``bfloat16``, in which operators compute that gain by it.
        device: where it computes.
        batch_size: the most images in a batch; the last digits of a network's sums depend on how
            many are computed together.
    """

    def __init__(
        self,
        network: nn.Module,
        preprocessing: Preprocessing,
        *,
        precision: str = "float32",
        device: str | torch.device = "cpu",
        batch_size: int = BATCH,
    ) -> None:
        super().__init__(f"torch {precision}", batch_size)
        self.device, self.precision = torch.device(device), precision
        self.preprocessing = preprocessing
        network.to(device=self.device)
        # Module.to with a memory format alone is missing from the stubs of older releases.
        self.network = network.to(memory_format=torch.channels_last).eval()  # type: ignore[call-overload, unused-ignore]

    def run(self, batches: Iterable[Pixels]) -> Generator[Answers]:
        """Compute each batch as it is asked for; see `Session.run`."""
        for pixels in batches:
            yield self._answers(pixels) if len(pixels) else NOTHING

    def _answers(self, pixels: Pixels) -> Answers:
        inputs = self.preprocessing.normalise(torch.from_numpy(pixels).to(self.device))
        bfloat16 = self.precision == "bfloat16"
        with (
            torch.inference_mode(),
            torch.autocast(self.device.type, torch.bfloat16, enabled=bfloat16),
        ):
            found = self.network(inputs.contiguous(memory_format=torch.channels_last))
            answers: Answers = found.float().cpu().numpy()
        return answers
