"""An ensemble whose members see different pixels as one ONNX graph, with a pre-processing for each.

Members that see the same pixels are one network, which `striate.deploy.export` writes as any other.
"""

from __future__ import annotations

import copy
import importlib.metadata
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from striate.deploy.answering import Answering
from striate.deploy.trial import HALVES_IN, Verified
from striate.deploy.verify import VERIFIED_IN, check_network, check_seam, run_in
from striate.engines.capture import GraphOptions, capture, graphs_of
from striate.engines.onnx_bytes import read_onnx
from striate.engines.packages import need
from striate.engines.parts import PARTS, TEMPERATURE, FilePart, parts_of
from striate.engines.preprocessing.compose import NORMALISED, put_before
from striate.engines.seam import PIXELS
from striate.errors import ExportError, parameter
from striate.runs.calibration import with_temperature
from striate.runs.ensemble import Group, geometry, groups_of, members_of

if TYPE_CHECKING:
    import onnx

    from striate.engines.session import Answers, Pixels
    from striate.runs.run import Run

_ANSWERS = "answers"
_LEAST = 1e-30  # as in `striate.hub.ensemble`, so that nothing has a logarithm


def sees_several(run: Run) -> bool:
    """Whether `run` is an ensemble whose members see different pixels."""
    return len({geometry(member.preprocessing) for member in members_of(run)}) > 1


def refuse_parts(run: Run, options: GraphOptions, **given: bool) -> None:
    """Raise for what one graph with several pre-processings cannot be.

    Args:
        run: the ensemble.
        options: of the graph.
        **given: what else was asked for, by the names of the parameters.

    Raises:
        ExportError: something was asked for that is of one network.
    """
    asked = {
        "dynamic": options.dynamic != ("batch", "height", "width"),
        "params": not options.params,
        **given,
    }
    for name, wanted in asked.items():
        if wanted:
            raise ExportError(
                parameter(name),
                "is of networks that see the same pixels, as this ensemble's members do not",
                "leave it out",
            )
    if len({member.preprocessing.channels for member in members_of(run)}) > 1:
        raise ExportError(
            str(run.path),
            "has members that see colours and members that see grey, and one file takes one kind",
            "export them one by one",
        )


def ensemble_graph(run: Run, options: GraphOptions, answering: Answering) -> onnx.ModelProto:
    """The ONNX graph of an ensemble: images of any size in, the mean of the answers out."""
    helper = need("onnx").helper
    groups = groups_of(run)
    total = sum(len(group.members) for group in groups)
    parts = [_part(group, number, options, answering) for number, group in enumerate(groups)]
    nodes = [node for part in parts for node in part.graph.node]
    constants = [each for part in parts for each in part.graph.initializer]

    def constant(name: str, value: float) -> str:
        array = np.array(value, np.float32)
        constants.append(need("onnx").numpy_helper.from_array(array, name))
        return name

    shares = []
    for number, group in enumerate(groups):
        share = constant(f"/share{number}", len(group.members) / total)
        made = f"/weighted{number}"
        nodes.append(helper.make_node("Mul", [_output(number), share], [made]))
        shares.append(made)
    calibrated = answering.temperature != 1
    mean = "/mean" if calibrated else options.output_name
    nodes.append(helper.make_node("Sum", shares, [mean]))
    if calibrated:
        least, temperature = (
            constant("/least", _LEAST),
            constant("/temperature", answering.temperature),
        )
        nodes += [
            helper.make_node("Max", [mean, least], ["/bounded"]),
            helper.make_node("Log", ["/bounded"], ["/logits"]),
            helper.make_node("Div", ["/logits", temperature], ["/scaled"]),
            helper.make_node("Softmax", ["/scaled"], [options.output_name], axis=1),
        ]
    proto = need("onnx").TensorProto
    channels = groups[0].preprocessing.channels
    image = helper.make_tensor_value_info(
        options.input_name, proto.UINT8, ["batch", "height", "width", channels]
    )
    answer = helper.make_tensor_value_info(
        options.output_name, proto.FLOAT, ["batch", answering.outputs]
    )
    between = [value for part in parts for value in part.graph.value_info]
    graph = helper.make_graph(nodes, "ensemble", [image], [answer], constants, value_info=between)
    imports = [helper.make_opsetid("", options.opset)]
    model: onnx.ModelProto = helper.make_model(graph, opset_imports=imports, ir_version=8)
    _describe(model, run, channels, groups, answering)
    return model


def _output(number: int) -> str:
    return f"group{number}/{_ANSWERS}"


def _part(
    group: Group, number: int, options: GraphOptions, answering: Answering
) -> onnx.ModelProto:
    """The graph of one group with its pre-processing, whose tensors have names of their own."""
    import torch

    network = group.network.eval().requires_grad_(requires_grad=False)
    example = torch.zeros(2, *group.preprocessing.input_size)
    inner = GraphOptions(
        opset=options.opset,
        input_name=NORMALISED,
        output_name=_ANSWERS,
        capture=options.capture,
    )
    model = capture(answering.behind(network).eval(), example, {0: "batch"}, inner)
    put_before(
        model,
        group.preprocessing,
        input_name="image",
        batch="batch",
        opset=options.opset,
        fit=True,
    )
    names = {"image": options.input_name}

    def renamed(name: str) -> str:
        return names.get(name, f"group{number}/{name}") if name else ""

    for graph in graphs_of(model.graph):
        for node in graph.node:
            node.name = f"group{number}/{node.name}"
            node.input[:] = [renamed(name) for name in node.input]
            node.output[:] = [renamed(name) for name in node.output]
        for each in (*graph.initializer, *graph.output):
            each.name = renamed(each.name)
    # What a file can be cut at, and nothing else.
    seam = next(each for each in model.graph.value_info if each.name == PIXELS)
    seam.name = renamed(PIXELS)
    ends = [copy.deepcopy(seam), copy.deepcopy(model.graph.output[0])]
    del model.graph.value_info[:]
    model.graph.value_info.extend(ends)
    return model


def _describe(
    model: onnx.ModelProto, run: Run, channels: int, groups: Sequence[Group], answering: Answering
) -> None:
    ours = importlib.metadata.version("striate")
    model.producer_name, model.producer_version = "striate", ours
    colours = "RGB" if channels == 3 else "grey"
    total = sum(len(group.members) for group in groups)
    parts = [
        FilePart(
            pixels=f"group{number}/{PIXELS}",
            answers=_output(number),
            share=len(group.members) / total,
            preprocessing=group.preprocessing,
        )
        for number, group in enumerate(groups)
    ]
    metadata: dict[str, Any] = {
        **answering.metadata(),
        "network": run.config.network,
        "variant": json.dumps(dict(run.config.variant)),
        "run": run.config.identity,
        # Of the first members; those of all are among the parts.
        "preprocessing": json.dumps(run.preprocessing.to_dict()),
        "epochs": json.dumps({"done": 0, "planned": 0}),
        TEMPERATURE: json.dumps(answering.temperature),
        PARTS: json.dumps([part.to_json() for part in parts]),
        "input": f"uint8 (batch, height, width, {channels}), {colours}, images of any size",
        "producer": f"striate {ours}",
    }
    need("onnx").helper.set_model_props(model, metadata)


def verify_ensemble(
    run: Run,
    content: bytes,
    images: Sequence[Pixels],
    names: Sequence[str] | None,
    answering: Answering,
) -> Verified:
    """Compare the graph with what the ensemble's run gives, in both engines.

    Raises:
        ExportError: it computes something else.
    """
    called = list(names or [f"image {number}" for number in range(1, len(images) + 1)])
    batches = [np.stack([image]) for image in images]
    smallest = min(images, key=lambda image: image.size)
    batches.append(np.stack([smallest, smallest[:, ::-1], smallest[::-1]]))
    called.append("a batch of the smallest and its flipped copies")
    right = answering.computed(run, batches)
    found, seam = {}, None
    for engine in VERIFIED_IN:
        answers = run_in(engine, content, batches)
        if engine == HALVES_IN:
            halves = _by_parts(engine, content, batches)
            seam = check_seam(engine, called, answers, halves, answering.yardstick)
        found[engine] = check_network(engine, called, answers, right, answering.yardstick)
        answering.check_pipeline(engine, called, answers, right)
    return Verified(
        images=len(images),
        onnxruntime=found["onnxruntime"],
        openvino=found["openvino"],
        pipeline=max(found.values()),
        pixel_levels=None,
        seam=seam,
        heat_maps=None,
    )


def _by_parts(engine: str, content: bytes, batches: Sequence[Pixels]) -> list[Answers]:
    """What the graph gives if it is cut at its seams, as whoever fits images himself cuts it."""
    file = read_onnx(content)
    parts, temperature = parts_of("the exported graph", file)
    total: list[Any] = [0.0] * len(batches)
    for part in parts:
        before, network = part.cut(file)
        behind = run_in(engine, network, run_in(engine, before, batches))
        total = [mean + part.share * rows for mean, rows in zip(total, behind, strict=True)]
    return [with_temperature(np.asarray(mean, np.float32), temperature) for mean in total]
