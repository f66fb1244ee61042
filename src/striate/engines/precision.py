"""In what precision and on what device a run computes."""

from __future__ import annotations

import torch
from torch import nn

from striate.anatomy.costs.counting import count_macs
from striate.errors import StriateError, nearest, parameter

#: Below this many multiply-accumulates an image, casting costs more than bfloat16 saves.
#: (LeNet has 0.4 million and loses by it; ResNet-20 has 41 million and doubles its speed.)
WORTH_CASTING = 10_000_000

_ELSE = "take auto or cpu"


def choose_device(name: str) -> torch.device:
    """The device called `name`; ``auto`` takes an accelerator where there is one.

    Raises:
        StriateError: there is no such device here.
    """
    kind = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    here = ["cpu"] if kind is None else ["cpu", kind.type]
    if name == "auto":
        return torch.device(here[-1])
    # PyTorch knows kinds that nothing can be computed on, such as meta.
    if name.partition(":")[0] not in here:
        raise StriateError(
            parameter("device", name),
            f"there is no such device here (only {', '.join(here)})",
            _ELSE,
        )
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0][:120]
        why = f"cannot be used here ({reason})"
        raise StriateError(parameter("device", name), why, _ELSE) from error
    return device


def has_fast_bfloat16(device: torch.device) -> bool:
    """Whether `device` multiplies bfloat16 numbers in hardware."""
    if device.type == "cpu":
        abilities = torch.cpu.get_capabilities()
        return bool(abilities.get("avx512_bf16") or abilities.get("amx_bf16"))
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return False


def choose_precision(
    name: str, network: nn.Module, shape: tuple[int, int, int], device: torch.device
) -> str:
    """``float32`` or ``bfloat16``.

    ``auto`` takes bfloat16 where the processor has it and the network is large enough to gain: a
    rule and not a measurement, since a run must repeat.

    Raises:
        StriateError: `name` is not one of auto, float32, bfloat16.
    """
    known = ("auto", "float32", "bfloat16")
    if name not in known:
        raise StriateError(parameter("precision", name), "is unknown", nearest(name, known))
    if name != "auto":
        return name
    if not has_fast_bfloat16(device):
        return "float32"
    return "bfloat16" if count_macs(network, shape) >= WORTH_CASTING else "float32"
