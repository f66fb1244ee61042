"""What is kept of an operator's arguments: one reader for each kind of operator.

Axes are counted from the front, batch axis 0; sizes are one a spatial axis, last axis last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from torch import Tensor

Arguments = Mapping[str, Any]


def _axis(value: Tensor, dim: int) -> int:
    return dim % max(value.dim(), 1)


def _axes(value: Tensor, dims: Any) -> tuple[int, ...]:
    if dims is None or (isinstance(dims, Sequence) and not dims):
        return tuple(range(value.dim()))
    return tuple(_axis(value, dim) for dim in ([dims] if isinstance(dims, int) else dims))


def _spread(given: Any, axes: int) -> tuple[int, ...]:
    """Give one number an axis where the call gave one for all."""
    values = tuple(given) if isinstance(given, Sequence) else (given,)
    return values * axes if len(values) == 1 else values


def _convolution(a: Arguments, _: Any) -> dict[str, Any]:
    weight = a["weight"]
    kernel = tuple(weight.shape[2:])
    axes = len(kernel)
    given: dict[str, Any] = {
        "kernel": kernel,
        "stride": _spread(a["stride"], axes),
        "padding": _spread(a["padding"], axes),
        "dilation": _spread(a["dilation"], axes),
        "groups": a["groups"],
        "fan_in": weight.shape[1],
        "bias": a.get("bias") is not None,
    }
    if a["transposed"]:
        given["operator"] = "transposed convolution"
        given["output_padding"] = _spread(a["output_padding"], axes)
        given["fan_in"] = weight.shape[0] // a["groups"]
    return given


def _deformable(a: Arguments, _: Any) -> dict[str, Any]:
    weight = a["weight"]
    return {
        "kernel": tuple(weight.shape[2:]),
        **{k: (a[f"{k}_h"], a[f"{k}_w"]) for k in ("stride", "dilation")},
        "padding": (a["pad_h"], a["pad_w"]),
        "groups": a["groups"],
        "fan_in": weight.shape[1],
        "bias": True,
    }


def _bilinear(a: Arguments, _: Any) -> dict[str, Any]:
    """How many products of two inputs each value of the output weighs: ``weight`` is (o, i, j)."""
    return {"contracted": a["i2"].shape[1] * a["i2"].shape[2]}


def _pool(a: Arguments, output: Any) -> dict[str, Any]:
    axes = len(a["kernel_size"]) if len(a["kernel_size"]) > 1 else a["self"].dim() - 2
    kernel = _spread(a["kernel_size"], axes)
    given: dict[str, Any] = {
        "kernel": kernel,
        "stride": _spread(a.get("stride") or kernel, axes),
        "padding": _spread(a.get("padding", 0), axes),
        "dilation": _spread(a.get("dilation", 1), axes),
        "ceil_mode": bool(a.get("ceil_mode", False)),
    }
    value = output if isinstance(output, Tensor) else output[0]
    if tuple(value.shape[-axes:]) == (1,) * axes and kernel == tuple(a["self"].shape[-axes:]):
        kind = "average" if isinstance(output, Tensor) else "max"
        given["operator"] = f"global {kind} pool"
    return given


def _adaptive(a: Arguments, output: Any) -> dict[str, Any]:
    size = tuple(a["output_size"])
    if any(side != 1 for side in size):
        return {"size": size}
    kind = "average" if isinstance(output, Tensor) else "max"
    return {"size": size, "operator": f"global {kind} pool"}


def _reduction(a: Arguments, _: Any) -> dict[str, Any]:
    return {"dims": _axes(a["self"], a.get("dim")), "keepdim": bool(a.get("keepdim", False))}


def _mean(a: Arguments, output: Any) -> dict[str, Any]:
    given = _reduction(a, output)
    value: Tensor = a["self"]
    if value.dim() >= 3 and set(given["dims"]) == set(range(2, value.dim())):
        given["operator"] = "global average pool"
    return given


def _along(a: Arguments, _: Any) -> dict[str, Any]:
    return {"dims": _axes(a["self"], a.get("dim", -1))}


def _layer_norm(a: Arguments, _: Any) -> dict[str, Any]:
    value: Tensor = a["input"]
    return {"dims": tuple(range(value.dim() - len(a["normalized_shape"]), value.dim()))}


def _group_norm(a: Arguments, _: Any) -> dict[str, Any]:
    return {"groups": a["group"], "dims": tuple(range(1, a["input"].dim()))}


def _batch_norm(a: Arguments, _: Any) -> dict[str, Any]:
    """Statistics are the input's own, over ``dims``, in training and where none are kept."""
    given = {"training": bool(a.get("training", False)), "epsilon": a["eps"]}
    if given["training"]:
        given["dims"] = tuple(dim for dim in range(a["input"].dim()) if dim != 1)
    return given


def _concatenate(a: Arguments, _: Any) -> dict[str, Any]:
    return {"dim": _axis(a["tensors"][0], a.get("dim", 0))}


def _stack(a: Arguments, output: Any) -> dict[str, Any]:
    return {"dim": _axis(output, a.get("dim", 0))}


def _pad(a: Arguments, _: Any) -> dict[str, Any]:
    """Padding (before, after) for each axis of the tensor, from the first."""
    flat, axes = list(a.get("pad") or a["padding"]), a["self"].dim()
    pairs = [(flat[i], flat[i + 1]) for i in range(0, len(flat), 2)][::-1]
    return {"pads": ((0, 0),) * (axes - len(pairs)) + tuple(pairs)}


def _upsample(a: Arguments, output: Any) -> dict[str, Any]:
    given, size = a["self"].shape[2:], output.shape[2:]
    ratios = [after / before for before, after in zip(given, size, strict=True)]
    scale = tuple(int(ratio) if ratio == int(ratio) else ratio for ratio in ratios)
    asked = [a.get("scales")] if len(size) == 1 else [a.get(f"scales_{axis}") for axis in "dhw"]
    return {
        "size": tuple(size),
        "scale": scale,
        "asked": tuple(asked[-len(size) :]),  # scales that were given, which rounding leaves be
        "align_corners": bool(a.get("align_corners", False)),
        "operator": "upsample" if max(ratios) >= 1 else "resize",
    }


def _permute(a: Arguments, _: Any) -> dict[str, Any]:
    return {"order": _axes(a["self"], a["dims"])}


def _transpose(a: Arguments, _: Any) -> dict[str, Any]:
    order = list(range(a["self"].dim()))
    if len(order) >= 2:
        first, second = (_axis(a["self"], a.get(key, i)) for i, key in enumerate(("dim0", "dim1")))
        order[first], order[second] = order[second], order[first]
    return {"order": tuple(order)}


def _unsqueeze(a: Arguments, output: Any) -> dict[str, Any]:
    return {"dim": _axis(output, a["dim"])}


def _squeeze(a: Arguments, _: Any) -> dict[str, Any]:
    value: Tensor = a["self"]
    return {"dims": tuple(i for i in _axes(value, a.get("dim")) if value.shape[i] == 1)}


def _slice(a: Arguments, _: Any) -> dict[str, Any]:
    value: Tensor = a["self"]
    dim = _axis(value, a.get("dim", 0))
    size, start, end = value.shape[dim], a.get("start") or 0, a.get("end")
    end = size if end is None else min(end, size)
    start, end = (edge + size if edge < 0 else edge for edge in (start, end))
    return {"dim": dim, "start": max(0, start), "end": end, "step": a.get("step", 1)}


def _select(a: Arguments, _: Any) -> dict[str, Any]:
    dim = _axis(a["self"], a["dim"])
    return {"dim": dim, "position": a["index"] % a["self"].shape[dim]}


def _roll(a: Arguments, _: Any) -> dict[str, Any]:
    """Without dims all axes are rolled as one: nothing is kept (a KeyError), nothing followed."""
    return {"shifts": tuple(a["shifts"]), "dims": tuple(_axis(a["self"], d) for d in a["dims"])}


def _windows(a: Arguments, _: Any) -> dict[str, Any]:
    return {"dim": _axis(a["self"], a["dimension"]), "size": a["size"], "step": a["step"]}


def _repeated(a: Arguments, output: Any) -> dict[str, Any]:
    """Axes whose length changes, counted in the output."""
    before = (1,) * (output.dim() - a["self"].dim()) + tuple(a["self"].shape)
    pairs = enumerate(zip(before, output.shape, strict=True))
    return {"dims": tuple(dim for dim, (given, made) in pairs if given != made)}


def _unfold(a: Arguments, _: Any) -> dict[str, Any]:
    keys = ("kernel_size", "stride", "padding", "dilation")
    kernel, stride, padding, dilation = (_spread(a[key], 2) for key in keys)
    return {"kernel": kernel, "stride": stride, "padding": padding, "dilation": dilation}


def _factor(a: Arguments, _: Any) -> dict[str, Any]:
    return {"factor": a.get("upscale_factor") or a["downscale_factor"]}


READERS: dict[str, Callable[[Arguments, Any], dict[str, Any]]] = {
    "convolution": _convolution,
    "torchvision.deform_conv2d": _deformable,
    "_trilinear": _bilinear,
    "mean": _mean,
    "native_layer_norm": _layer_norm,
    "_fused_rms_norm": _layer_norm,
    "native_group_norm": _group_norm,
    "cat": _concatenate,
    "stack": _stack,
    "permute": _permute,
    "transpose": _transpose,
    "t": _transpose,
    "unsqueeze": _unsqueeze,
    "squeeze": _squeeze,
    "slice": _slice,
    "select": _select,
    "roll": _roll,
    "flip": lambda a, _: {"dims": tuple(_axis(a["self"], dim) for dim in a["dims"])},
    "im2col": _unfold,
    "unfold": _windows,
    "repeat": _repeated,
    "pixel_shuffle": _factor,
    "pixel_unshuffle": _factor,
    **dict.fromkeys(
        ("native_batch_norm", "_native_batch_norm_legit", "_native_batch_norm_legit_no_training"),
        _batch_norm,
    ),
    **dict.fromkeys(
        [
            "max_pool2d_with_indices",
            "max_pool3d_with_indices",
            "max_pool2d",
            "avg_pool1d",
            "avg_pool2d",
            "avg_pool3d",
        ],
        _pool,
    ),
    **dict.fromkeys(
        [
            "_adaptive_avg_pool2d",
            "_adaptive_avg_pool3d",
            "adaptive_avg_pool1d",
            "adaptive_max_pool2d",
            "adaptive_max_pool3d",
        ],
        _adaptive,
    ),
    **dict.fromkeys(
        [
            "sum",
            "amax",
            "amin",
            "max",
            "min",
            "std",
            "var",
            "var_mean",
            "std_mean",
            "norm",
            "linalg_vector_norm",
            "logsumexp",
            "argmax",
            "argmin",
            "any",
            "all",
            "prod",
            "nansum",
            "median",
            "nanmedian",
            "mode",
            "kthvalue",
        ],
        _reduction,
    ),
    **dict.fromkeys(
        [
            "_softmax",
            "_safe_softmax",
            "_log_softmax",
            "cumsum",
            "cumprod",
            "cummax",
            "cummin",
            "logcumsumexp",
            "topk",
            "glu",
            "index_select",
            "_fft_c2c",
            "_fft_r2c",
            "_fft_c2r",
        ],
        _along,
    ),
    **dict.fromkeys(
        [
            "constant_pad_nd",
            "reflection_pad1d",
            "reflection_pad2d",
            "reflection_pad3d",
            "replication_pad1d",
            "replication_pad2d",
            "replication_pad3d",
        ],
        _pad,
    ),
    **dict.fromkeys(
        [
            "upsample_nearest1d",
            "upsample_nearest2d",
            "upsample_nearest3d",
            "_upsample_nearest_exact1d",
            "_upsample_nearest_exact2d",
            "_upsample_nearest_exact3d",
            "upsample_linear1d",
            "upsample_bilinear2d",
            "upsample_bicubic2d",
            "upsample_trilinear3d",
            "_upsample_bilinear2d_aa",
            "_upsample_bicubic2d_aa",
        ],
        _upsample,
    ),
}


def parts_of_split(
    a: Arguments, output: Sequence[Tensor]
) -> Iterator[tuple[Tensor, dict[str, Any]]]:
    """Give each part with the attributes of the slice (or, of `unbind`, the selection) it is."""
    value: Tensor = a["self"]
    dim, start = _axis(value, a.get("dim", 0)), 0
    for position, part in enumerate(output):
        if part.dim() < value.dim():
            yield part, {"dim": dim, "position": position}
            continue
        end = start + part.shape[dim]
        yield part, {"dim": dim, "start": start, "end": end, "step": 1}
        start = end
