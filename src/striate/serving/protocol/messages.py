"""Requests for inference and their answers: a JSON document, and binary tensors behind it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from striate.errors import nearest
from striate.serving.kinds import Kind, refuse_numbers
from striate.serving.pipeline import Picture
from striate.serving.protocol import tensors
from striate.serving.refusals import malformed

INPUT = "image"
ERROR = "error"

HEADER_LENGTH = "Inference-Header-Content-Length"


@dataclass(frozen=True)
class Wanted:
    """An output that a request asks for.

    Attributes:
        name: of the model's output, or `ERROR`.
        binary: whether it comes behind the JSON document.
        classes: how many of the likeliest classes are wanted instead of all numbers; 0 for these.
    """

    name: str
    binary: bool = False
    classes: int = 0


@dataclass(frozen=True)
class Inference:
    """A request for inference.

    Attributes:
        id: that its answer has too; empty without one.
        pictures: in their order.
        outputs: that are wanted.
    """

    id: str
    pictures: list[Picture]
    outputs: tuple[Wanted, ...]

    @property
    def lenient(self) -> bool:
        """Whether pictures that cannot be read are told of in an output, and do not fail it."""
        return any(each.name == ERROR for each in self.outputs)


def read_inference(
    body: bytes, header_length: str | None, most_pixels: int, kind: Kind
) -> Inference:
    """What a request for inference holds.

    Args:
        body: the JSON document, and the binary tensors behind it.
        header_length: bytes of the document where there are binary tensors: 0 where the whole body
            is one image file.
        most_pixels: that a picture may have.
        kind: of the model's answers.

    Raises:
        Refused: it is not what the protocol asks for.
    """
    if header_length is None:
        return _read(_document(body), memoryview(b""), most_pixels, kind)
    if not (header_length.isascii() and header_length.isdecimal() and len(header_length) < 12):
        raise malformed(f"{HEADER_LENGTH} is no number of bytes")
    size = int(header_length)
    if size > len(body):
        raise malformed(f"{HEADER_LENGTH} is {size:,}, and the body has {len(body):,} bytes")
    if size == 0:
        if not body:
            raise malformed("the body is empty")
        return Inference("", [body], (Wanted(kind.output, binary=True),))
    return _read(_document(body[:size]), memoryview(body)[size:], most_pixels, kind)


def _document(text: bytes) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise malformed("the body is no sound JSON document") from None
    if not isinstance(found, dict):
        raise malformed("the body must be a JSON object with inputs")
    return found


def _read(
    document: Mapping[str, Any], binary: memoryview, most_pixels: int, kind: Kind
) -> Inference:
    given = document.get("id", "")
    if not isinstance(given, str):
        raise malformed("the request's id must be text")
    inputs = document.get("inputs")
    if not isinstance(inputs, list) or len(inputs) != 1 or not isinstance(inputs[0], dict):
        raise malformed(f"a request has one input, '{INPUT}'")
    outputs = _outputs(document, kind)
    return Inference(given, _pictures(inputs[0], binary, most_pixels), outputs)


def _pictures(tensor: Mapping[str, Any], binary: memoryview, most_pixels: int) -> list[Picture]:
    if tensor.get("name") != INPUT:
        raise malformed(f"the input is called '{INPUT}', not {tensors.cut(tensor.get('name'))}")
    kind, shape = tensor.get("datatype"), tensors.shape_of(tensor.get("shape"), INPUT)
    if kind not in ("BYTES", "UINT8"):
        raise malformed(
            f"the input's datatype is {tensors.cut(kind)}; send image files as BYTES, or pixels as "
            "UINT8"
        )
    parameters = _parameters(tensor)
    if "data" in tensor:
        if "binary_data_size" in parameters:
            raise malformed("the input has both data and a binary_data_size")
        if kind == "BYTES":
            return tensors.files_from_json(tensor["data"], shape)
        return tensors.pixels_from_json(tensor["data"], shape, most_pixels)
    size = parameters.get("binary_data_size")
    if size is None:  # as OpenVINO Model Server has it for a single input: all the rest is one file
        if kind == "BYTES" and shape == (1,) and binary:
            return [bytes(binary)]
        size = len(binary)
    if type(size) is not int or size != len(binary) or not size:
        raise malformed(
            f"the input's binary_data_size is {tensors.cut(size)}, and {len(binary):,} bytes "
            "follow the JSON"
        )
    if kind == "BYTES":
        return tensors.files_from_bytes(binary, shape)
    return tensors.pixels_from_bytes(binary, shape, most_pixels)


def _outputs(document: Mapping[str, Any], kind: Kind) -> tuple[Wanted, ...]:
    binary = _parameters(document).get("binary_data_output", False) is True
    wanted = document.get("outputs")
    if wanted is None or wanted == []:
        return (Wanted(kind.output, binary),)
    if not isinstance(wanted, list) or not all(isinstance(each, dict) for each in wanted):
        raise malformed("outputs must be a list of objects with a name")
    found, names = [], (kind.output, ERROR)
    for each in wanted:
        name, parameters = each.get("name"), _parameters(each)
        if name not in names:
            shown = tensors.cut(name)
            raise malformed(f"no output is called {shown}; {nearest(shown, names)}")
        classes = parameters.get("classification", 0)
        if type(classes) is not int or classes < 0:
            raise malformed("classification must be a whole number of classes")
        if classes:
            refuse_numbers(kind, "classification")
        found.append(Wanted(name, parameters.get("binary_data", binary) is True, classes))
    if len({each.name for each in found}) < len(found):
        raise malformed("an output is asked for twice")
    return tuple(found)


def _parameters(of: Mapping[str, Any]) -> Mapping[str, Any]:
    found = of.get("parameters", {})
    if not isinstance(found, dict):
        raise malformed("parameters must be an object")
    return found


# --- the answer --------------------------------------------------------------------------------


def answer(
    asked: Inference,
    rows: NDArray[np.float32],
    errors: Sequence[str],
    *,
    model: str,
    version: str,
    labels: Sequence[str],
) -> tuple[bytes, int | None]:
    """The body of an answer, and the bytes of its JSON document where tensors follow it.

    Args:
        asked: the request.
        rows: (pictures, K).
        errors: of each picture, empty where it could be read.
        model: its name.
        version: its version.
        labels: names of the classes, if any.
    """
    outputs, tails = [], []
    for wanted in asked.outputs:
        texts: list[str] | None = None
        shape = [*rows.shape]
        if wanted.name == ERROR:
            texts, shape = list(errors), [len(rows)]
        elif wanted.classes:
            count = min(wanted.classes, len(labels))
            texts = [text for row in rows for text in tensors.labels_of(row, labels, count)]
            shape = [len(rows), count]
        described: dict[str, Any] = {
            "name": wanted.name,
            "datatype": "FP32" if texts is None else "BYTES",
            "shape": shape,
        }
        if wanted.binary:
            tail = rows.tobytes() if texts is None else tensors.to_bytes(texts)
            described["parameters"] = {"binary_data_size": len(tail)}
            tails.append(tail)
        else:
            described["data"] = rows.ravel().tolist() if texts is None else texts
        outputs.append(described)
    document: dict[str, Any] = {"model_name": model, "model_version": version}
    if asked.id:
        document["id"] = asked.id
    head = json.dumps({**document, "outputs": outputs}, allow_nan=False).encode()
    return b"".join([head, *tails]), len(head) if tails else None
