"""Reference pages made of the code: public functions, what they return, and keys of recipes."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import striate
from docs_pages.pages import GENERATED
from docs_pages.recipe_keys import recipe_keys

HEAD = f"""# {GENERATED["api/index"]}

Every command is a function of the package `striate`, which loads nothing before it is used. What
stands here is what `help()` shows.
"""
#: Modules beside the package itself whose classes are for everybody, with titles.
MODULES = {"striate.sklearn": "Estimators of scikit-learn"}
TREE = "\n```{{toctree}}\n:hidden:\n\n{names}\n```\n"


def pages() -> Iterator[tuple[str, str]]:
    """Names and Markdown of the pages."""
    listed = []
    for name, title, text, entries in _parts():
        yield f"api/{name}", f"# {title}\n\n{text}" + "".join(entries.values())
        called = ", ".join(f"{{py:obj}}`{path}`" for path in entries)
        listed.append((name, f"- [{title}]({name}.md): {called}\n"))
    tree = TREE.format(names="\n".join(name for name, _ in listed))
    yield "api/index", f"{HEAD}\n{''.join(line for _, line in listed)}{tree}"
    yield "recipe-keys", recipe_keys()


def _parts() -> Iterator[tuple[str, str, str, dict[str, str]]]:
    """Name, title, introduction and entries of each page."""
    functions = _functions()
    for module, names in functions.items():
        entries = {f"striate.{name}": _entry(f"striate.{name}", "function") for name in names}
        yield module.rpartition(".")[2], _first_line(module), "", entries
    for module, title in MODULES.items():
        names = [f"{module}.{name}" for name in importlib.import_module(module).__all__]
        entries = {path: _entry(path, "class") for path in names}
        yield module.rpartition(".")[2], title, "", entries
    classes = [f"striate.{name}" for name in _public() if _is_class(name)]
    entries = {path: _entry(path, "class") for path in classes}
    yield "classes", "Classes to build on", "", entries
    entries = {path: _entry(path, "class") for path in returned(functions)}
    yield "results", "What functions return", "", entries


def _public() -> list[str]:
    return [name for name in striate.__all__ if not name.startswith("_")]


def _is_class(name: str) -> bool:
    return inspect.isclass(getattr(striate, name))


def _functions() -> dict[str, list[str]]:
    """Public functions by the module that they are defined in."""
    found: dict[str, list[str]] = {}
    for name in _public():
        if not _is_class(name):
            found.setdefault(getattr(striate, name).__module__, []).append(name)
    return found


def _first_line(module: str) -> str:
    """What a module is for, as a heading."""
    text = inspect.getdoc(sys.modules[module]) or module
    return text.partition("\n")[0].rstrip(".")


def returned(functions: dict[str, list[str]]) -> Sequence[str]:
    """The classes of ours that functions of these modules return, by their whole names."""
    found: dict[str, None] = {}
    for module, names in functions.items():
        known = dict(imported(sys.modules[module]))
        for name in names:
            words = re.findall(r"\w+", _annotation(getattr(striate, name)))
            found |= dict.fromkeys(known[word] for word in words if word in known)
    public = {
        f"{getattr(striate, name).__module__}.{name}" for name in _public() if _is_class(name)
    }
    return [path for path in found if path not in public and inspect.isclass(_object(path))]


def _annotation(function: Callable[..., Any]) -> str:
    return str(inspect.signature(function).return_annotation)


def imported(module: Any) -> Iterable[tuple[str, str]]:
    """What a module imports of ours, for type checkers alone too: name, and whole name."""
    for one in ast.walk(ast.parse(inspect.getsource(module))):
        if isinstance(one, ast.ImportFrom) and (one.module or "").startswith("striate."):
            for each in one.names:
                yield each.asname or each.name, f"{one.module}.{each.name}"


def _object(path: str) -> Any:
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


def _entry(path: str, kind: str) -> str:
    options = ""
    if kind == "class":
        # scikit-learn gives its estimators methods whose text links into its own site.
        others = [name for name in dir(_object(path)) if re.match(r"set_\w+_request$", name)]
        options = f"\n   :members:\n   :exclude-members: {', '.join(others)}"
    return f"```{{eval-rst}}\n.. auto{kind}:: {path}{options}\n```\n\n"
