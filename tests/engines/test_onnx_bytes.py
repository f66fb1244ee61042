"""ONNX files are read and cut as bytes as the package onnx reads them."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from striate.engines.onnx_bytes import OnnxFile, read_onnx, write_onnx


def make_model() -> onnx.ModelProto:
    """Two nodes with a branch between them that reads and gives what was made outside of it."""
    then = helper.make_graph(
        [helper.make_node("Mul", ["sum", "two"], ["twice"])],
        "then",
        [],
        [helper.make_tensor_value_info("twice", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.float32(2), "two")],
    )
    otherwise = helper.make_graph(
        [], "else", [], [helper.make_tensor_value_info("other", TensorProto.FLOAT, None)]
    )
    nodes = [
        helper.make_node("Add", ["image", "one"], ["sum"], name="add"),
        helper.make_node("If", ["wanted"], ["end"], then_branch=then, else_branch=otherwise),
    ]
    graph = helper.make_graph(
        nodes,
        "graph",
        [
            helper.make_tensor_value_info("image", TensorProto.UINT8, ["batch", None, 300]),
            helper.make_tensor_value_info("one", TensorProto.FLOAT, []),
        ],
        [helper.make_tensor_value_info("end", TensorProto.FLOAT, [70_000])],
        [numpy_helper.from_array(np.ones(200, np.float32), "one")],
        value_info=[helper.make_tensor_value_info("sum", TensorProto.INT64, [1, 2])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    helper.set_model_props(model, {"classes": '["向日葵", "<b>"]', "empty": ""})
    return model


def read(model: onnx.ModelProto) -> OnnxFile:
    return read_onnx(model.SerializeToString())


def test_a_file_is_read_as_onnx_reads_it() -> None:
    found = read(make_model())
    assert found.metadata == {"classes": '["向日葵", "<b>"]', "empty": ""}
    (image,) = found.inputs  # the other has a default
    assert (image.name, image.dtype, image.shape) == ("image", "uint8", ("batch", "", 300))
    assert [(each.name, each.shape) for each in found.outputs] == [("end", (70_000,))]
    assert (found.between["sum"].dtype, found.between["sum"].shape) == ("int64", (1, 2))
    assert [node.makes for node in found.nodes] == [("sum",), ("end",)]
    assert found.nodes[0].reads == ("image", "one")
    assert set(found.nodes[1].reads) == {"wanted", "sum", "two", "twice", "other"}
    assert list(found.initialisers) == ["one"]
    assert not found.scattered


def test_what_is_written_is_what_onnx_would_have_written() -> None:
    model = make_model()
    found = read(model)
    written = write_onnx(found, found.nodes[:1], found.inputs, [found.between["sum"]])
    again = onnx.load_from_string(written)
    assert list(again.graph.node) == [model.graph.node[0]]
    assert list(again.graph.initializer) == list(model.graph.initializer)
    assert list(again.graph.input) == [model.graph.input[0]]
    assert list(again.graph.output) == list(model.graph.value_info)
    assert list(again.metadata_props) == list(model.metadata_props)
    assert (again.opset_import, again.ir_version) == (model.opset_import, model.ir_version)


def elsewhere(tensor: onnx.TensorProto) -> None:
    onnx.external_data_helper.set_external_data(tensor, "/etc/passwd")


@pytest.mark.parametrize("place", ["graph", "attribute", "branch", "function", "sparse"])
def test_numbers_in_other_files_are_noticed_wherever_they_hang(place: str) -> None:
    model = make_model()
    tensor = numpy_helper.from_array(np.ones(3, np.float32), "far")
    elsewhere(tensor)
    constant = helper.make_node("Constant", [], ["far"], value=tensor)
    if place == "graph":
        model.graph.initializer.append(tensor)
    elif place == "attribute":
        model.graph.node.append(constant)
    elif place == "branch":
        model.graph.node[1].attribute[0].g.node.append(constant)
    elif place == "function":
        imports = [helper.make_opsetid("", 18)]
        model.functions.append(helper.make_function("ours", "f", [], ["far"], [constant], imports))
    else:
        indices = numpy_helper.from_array(np.arange(3), "")
        model.graph.sparse_initializer.append(helper.make_sparse_tensor(tensor, indices, [10]))
    assert read(model).scattered


def test_graphs_without_an_end_are_refused() -> None:
    model = make_model()
    node = model.graph.node[1]
    for _ in range(20):
        inner = helper.make_graph([node], "inner", [], [])
        node = helper.make_node("If", ["x"], ["y"], then_branch=inner, else_branch=inner)
        node.attribute.pop()
    model.graph.node.append(node)
    with pytest.raises(ValueError, match="too deep"):
        read(model)


@pytest.mark.parametrize(
    "content", [b"", b"no file", b"\xff" * 20, b"\x3a\x05ab", b"\x3a\x00\x3a\x00"]
)
def test_what_is_no_file(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"cut off|no graph|no known kind|another kind"):
        read_onnx(content)


SOUND = make_model().SerializeToString()


@settings(max_examples=400, deadline=None)
@given(st.integers(0, len(SOUND) - 1), st.binary(max_size=6), st.integers(0, 9))
def test_damage_is_no_error_but_one(place: int, wrong: bytes, lost: int) -> None:
    content = SOUND[:place] + wrong + SOUND[place + lost :]
    try:
        found = read_onnx(content)
    except ValueError:
        return
    assert isinstance(found, OnnxFile)


def test_every_cut_off_file_is_found_out_or_is_shorter() -> None:
    nodes = len(read_onnx(SOUND).nodes)
    for end in range(len(SOUND)):
        try:
            assert len(read_onnx(SOUND[:end]).nodes) <= nodes
        except ValueError:
            continue
