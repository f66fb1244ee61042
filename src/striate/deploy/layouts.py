"""Exported files in the folders that other people's servers load models from.

Triton: a model repository, docs.nvidia.com/deeplearning/triton-inference-server, "Model Repository"
and "Model Configuration". OpenVINO Model Server: docs.openvino.ai, "Models repository" and
"Configuration file". KServe: kserve.github.io, "InferenceService v1beta1".
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from striate.engines.exported import open_exported
from striate.engines.onnx_bytes import read_onnx
from striate.errors import ExportError
from striate.support.files import WriteError, write_atomically
from striate.support.paths import expanded, shown

Layout = Literal["file", "triton", "ovms", "kserve"]
"""One ONNX file, or a folder for Triton, OpenVINO Model Server or KServe."""

LARGEST_BATCH = 16
"""What servers put together at most; more gains nothing on a processor."""
WAIT = 500
"""Microseconds that Triton waits for more images; less than any network takes for one."""
QUEUE = 256
"""Requests that may wait in Triton before it refuses one."""
FITTED = "-fitted"
"""What the name of the model ends with that takes images of the network's own size."""
LABELS = "labels.txt"
"""The names of the classes, one a line."""

_ODD = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, kw_only=True)
class Model:
    """A model of a repository.

    Attributes:
        name: under which it is served.
        content: the ONNX file.
        classes: names, in the order of the outputs; none of a model of numbers.
        outputs: how many numbers there are for an image.
        image: what goes in, without the batch: numbers, or names of free axes.
        input: name of the input.
        output: name of the output.
        colour: whether images are RGB.
        fitted: whether images have the network's own size.
    """

    name: str
    content: bytes
    classes: tuple[str, ...]
    outputs: int
    image: tuple[int | str, ...]
    input: str
    output: str
    colour: bool
    fitted: bool


def read_model(file: Path, name: str) -> Model:
    """A file that `export` wrote as a model called `name`.

    Raises:
        ExportError: as `striate.engines.exported.open_exported`; or it takes normalised images.
    """
    known = open_exported(file)
    if known.takes == "normalised":
        raise ExportError(
            shown(file), "takes images that are normalised", "export it with its pre-processing"
        )
    content = file.read_bytes()
    looked = read_onnx(content)
    taken, given = looked.inputs[0], looked.outputs[0]
    return Model(
        name=name,
        content=content,
        classes=known.classes,
        outputs=len(known.classes or known.targets),
        image=taken.shape[1:],
        input=taken.name,
        output=given.name,
        colour=known.preprocessing.channels == 3,
        fitted=known.takes == "fitted",
    )


def write_layout(
    layout: str, folder: Path, export: Callable[[Path, tuple[str, ...]], object]
) -> Path:
    """Make a folder that a server loads two models from: one for any image, one for fitted ones.

    Only images of one size can be computed together by these servers: the second model, whose
    name ends with `FITTED`, takes them at the network's own, resized by whoever sends them.

    Args:
        layout: a name of `Layout` other than ``file``.
        folder: to be made; the models are named after it.
        export: writes the file of a given name, with the given axes of its input free.

    Raises:
        ExportError: there is something at `folder`, or it cannot be written. Nothing is then left.
    """
    folder = expanded(folder, kind=ExportError)
    if folder.exists():
        raise ExportError(shown(folder), "is there already", "choose another folder")
    name = model_name(folder.name)
    try:
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".striate-") as aside:
            models = []
            for ending, axes in (("", ("batch", "height", "width")), (FITTED, ("batch",))):
                file = Path(aside, f"{name}{ending}.onnx")
                export(file, axes)
                models.append(read_model(file, f"{name}{ending}"))
            made = Path(aside, "made")
            for path, content in files_of(layout, models).items():
                made.joinpath(path).parent.mkdir(parents=True, exist_ok=True)
                write_atomically(made / path, content)
            made.rename(folder)
    except (OSError, WriteError) as error:
        why = error.why if isinstance(error, WriteError) else error.strerror or str(error)
        raise ExportError(shown(folder), f"cannot be written ({why})", "choose another") from error
    return folder


def model_name(stem: str) -> str:
    """`stem` as a name that servers, URLs and Kubernetes take.

    Examples:
        >>> model_name("my photos (2)"), model_name("向日葵")
        ('my-photos-2', 'model')
    """
    return _ODD.sub("-", stem).strip("-._").lower() or "model"


def files_of(layout: str, models: Sequence[Model]) -> dict[str, bytes]:
    """The files of a layout, by their path in its folder, with ``/``.

    Args:
        layout: a name of `Layout` other than ``file``.
        models: the one that takes images of any size first.
    """
    files: dict[str, bytes] = {}
    for model in models:
        files[f"{model.name}/1/model.onnx"] = model.content
        if layout != "ovms":
            files[f"{model.name}/config.pbtxt"] = _triton(model).encode()
        if model.classes:
            files[f"{model.name}/{LABELS}"] = _labels(model).encode()
    if layout == "ovms":
        files["config.json"] = (json.dumps(_ovms(models), indent=1) + "\n").encode()
    if layout == "kserve":
        files["inference-service.yaml"] = _kserve(models[0]).encode()
    return files


def _labels(model: Model) -> str:
    """A class a line; what would end the line is a space."""
    return "".join(" ".join(name.split()) + "\n" for name in model.classes)


# --- Triton ------------------------------------------------------------------------------------


def _triton(model: Model) -> str:
    """``config.pbtxt``: text in JSON's escapes, which protobuf's text format has as well."""
    axes = ", ".join(str(axis if isinstance(axis, int) else -1) for axis in model.image)
    labels = f'\n    label_filename: "{LABELS}"' if model.classes else ""
    return f"""\
name: {json.dumps(model.name)}
platform: "onnxruntime_onnx"
max_batch_size: {LARGEST_BATCH}
input [
  {{ name: {json.dumps(model.input)} data_type: TYPE_UINT8 dims: [ {axes} ] }}
]
output [
  {{
    name: {json.dumps(model.output)} data_type: TYPE_FP32 dims: [ {model.outputs} ]{labels}
  }}
]
dynamic_batching {{
  max_queue_delay_microseconds: {WAIT if model.fitted else 0}
  default_queue_policy {{ timeout_action: REJECT max_queue_size: {QUEUE} }}
}}
instance_group [ {{ kind: KIND_CPU count: 1 }} ]
"""


# --- OpenVINO Model Server ---------------------------------------------------------------------


def _ovms(models: Sequence[Model]) -> dict[str, object]:
    """``config.json``.

    The server decodes JPEG to BGR and hands that to the model unless it is told what the model
    takes, and computes in bfloat16 where the processor can, pre-processing included.
    """
    return {
        "model_config_list": [
            {
                "config": {
                    "name": model.name,
                    "base_path": f"/models/{model.name}",
                    "layout": "NHWC",
                    **({"color_format": "RGB:BGR"} if model.colour else {}),
                    "plugin_config": {"INFERENCE_PRECISION_HINT": "f32"},
                }
            }
            for model in models
        ]
    }


# --- KServe ------------------------------------------------------------------------------------


def service_name(model: str) -> str:
    """The name of a service of Kubernetes: a letter first, at most 63 letters, digits and hyphens.

    Examples:
        >>> service_name("2024_flowers.v2"), len(service_name("a" * 100))
        ('m-2024-flowers-v2', 63)
    """
    plain = model.replace("_", "-").replace(".", "-")
    return (plain if plain[0].isalpha() else f"m-{plain}")[:63].rstrip("-")


def _kserve(model: Model) -> str:
    """An InferenceService for KServe's Triton runtime; JSON's strings are YAML's too."""
    return f"""\
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata:
  name: {json.dumps(service_name(model.name))}
spec:
  predictor:
    model:
      modelFormat:
        name: onnx
      # Without it KServe looks for a runtime of the first protocol, and finds none.
      protocolVersion: v2
      runtime: kserve-tritonserver
      # Where this folder has been copied to; the server loads every model in it.
      storageUri: pvc://models
"""
