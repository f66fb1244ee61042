"""Functions and commands are made of the same classes of options."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path
from typing import get_overloads

import pytest

import striate
from striate.cli.main import COMMANDS, load
from striate.support.options import Option, options_of

SRC = Path(str(striate.__file__)).parent
#: Take no options that Python and the command line could share.
APART = ("what-if", "completion")
#: Where a room has the command's name already.
OTHERWISE = {"lab": "run_experiment", "runs": "compare_runs"}
MADE = [name for name in COMMANDS if name not in APART]


@pytest.mark.parametrize("name", MADE)
def test_a_command_and_its_function_take_the_same_options(name: str) -> None:
    function = getattr(striate, OTHERWISE.get(name, name.replace("-", "_")))
    kind = load(name).options  # type: ignore[attr-defined]
    # Some commands are two functions each, of which the other predicts in bulk, compares runs, or
    # is for detectors.
    both = name in ("evaluate", "export", "lab", "predict", "runs") and issubclass(
        kind, function.options
    )
    assert function.options is kind or both
    options = options_of(function.options)
    assert list(inspect.signature(function).parameters) == [each.name for each in options]
    told = inspect.getdoc(function) or ""
    assert "\nArgs:\n" in told
    for each in options:
        assert f"\n    {each.name}: {each.doc.text[:40]}" in told
    typed = set(inspect.signature(load(name)).parameters)
    assert {each.name for each in options if not each.doc.python_only} <= typed
    assert not typed & {each.name for each in options if each.doc.python_only}


@pytest.mark.parametrize("name", MADE)
def test_every_option_is_described_in_sentences(name: str) -> None:
    for each in options_of(load(name).options):  # type: ignore[attr-defined]
        text = each.doc.text
        assert text.endswith((".", "…")), each.name
        assert text[0].isupper() or text.startswith("``"), each.name
        assert text.count("`") % 2 == 0, each.name


@pytest.mark.parametrize("name", ["explain", "predict"])
def test_overloads_written_by_hand_have_the_options_of_the_class(name: str) -> None:
    function = getattr(striate, name)
    options: dict[str, Option] = {each.name: each for each in options_of(function.options)}
    overloads = get_overloads(function)
    assert len(overloads) == 2
    seen = set()
    for each in overloads:
        for parameter in inspect.signature(each).parameters.values():
            option = options[parameter.name]
            seen.add(option.name)
            by_place = parameter.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
            assert by_place == option.positional
            if parameter.default is not inspect.Parameter.empty:
                assert parameter.default == option.default
    assert seen == set(options)


def test_options_are_loaded_without_what_takes_long() -> None:
    modules = [
        ".".join(("striate", *path.relative_to(SRC).with_suffix("").parts))
        for path in SRC.rglob("options.py")
    ]
    assert len(modules) > 8
    heavy = {"torch", "torchvision", "numpy", "scipy", "sklearn", "PIL"}
    code = (
        f"import sys\nfor name in {modules!r}: __import__(name)\n"
        f"print({heavy!r} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
