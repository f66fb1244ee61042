"""Arrays with a note come back as they went, and what is damaged is said in known ways."""

from __future__ import annotations

import json

import numpy as np
import pytest
from safetensors.numpy import load

from striate.support.noted_arrays import DAMAGED, array_file, arrays_in


def test_what_is_written_comes_back() -> None:
    arrays = {"a": np.arange(6, dtype=np.int32).reshape(2, 3), "b": np.ones(0, np.float32)}
    content = array_file(arrays, {"<b>": "花", "n": [1, None]})
    found, note = arrays_in(content)
    assert note == {"<b>": "花", "n": [1, None]}
    for read in (found, load(content)):  # it is a safetensors file like any other
        assert read.keys() == arrays.keys()
        assert all((read[key] == arrays[key]).all() for key in arrays)
    assert array_file(arrays, {"n": [1, None], "<b>": "花"}) == content


def test_what_is_damaged() -> None:
    content = array_file({"a": np.arange(4)}, {"n": 1})
    head = json.dumps({"__metadata__": {"striate": "{"}}).encode()
    for damaged in (b"", content[:-1], content[:20], content.replace(b"striate", b"another")):
        with pytest.raises(DAMAGED):
            arrays_in(damaged)
    with pytest.raises(DAMAGED):
        arrays_in(len(head).to_bytes(8, "little") + head)
