"""Names of other libraries lead to ours, in every function that takes options."""

from __future__ import annotations

import pytest

import striate
from striate.support import first_tries
from striate.support.options import options_of


@pytest.mark.parametrize(
    ("function", "name", "told"),
    [
        ("train", "num_classes", "the images tell how many classes there are"),
        ("train", "pretrained", "did you mean 'weights'?"),
        ("train", "epoch", "did you mean 'epochs'?"),
        ("train", "model", "did you mean 'net'?"),
        ("train", "learning_rate", "did you mean 'lr'?"),
        ("transfer", "net", "did you mean 'backbone'?"),
        ("transfer", "random_state", "did you mean 'seed'?"),
        ("predict", "topk", "did you mean 'top'?"),
        ("predict", "model", "did you mean 'run'?"),
        ("export", "file", "did you mean 'output'?"),
        ("create_run", "num_classes", "did you mean 'classes'?"),
        ("evaluate", "transform", "a run has its own pre-processing"),
    ],
)
def test_what_is_tried_first_is_met_by_the_right_name(function: str, name: str, told: str) -> None:
    with pytest.raises(TypeError) as caught:
        getattr(striate, function)(**{name: 1})
    assert str(caught.value) == f"{function}() got an unexpected keyword argument '{name}'; {told}"


def test_every_name_that_is_promised_is_some_function_s() -> None:
    made = [getattr(striate, name) for name in striate.__all__ if name[0].islower()]
    options = {
        each.name for one in made if hasattr(one, "options") for each in options_of(one.options)
    }
    assert first_tries._CALLED.keys() - options == {"in_channels"}  # of `create`, by itself
