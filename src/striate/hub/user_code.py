"""A person's own network: loaded from their file or module, and checked before it is called."""

from __future__ import annotations

import contextlib
import copy
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from striate.errors import NetworkError, nearest
from striate.hub.libraries import LIBRARIES
from striate.support.aside import printing_aside

#: What a constructor may call the number of classes, and of the images' channels.
SIZES = {
    "classes": ("classes", "num_classes", "n_classes"),
    "in_channels": ("in_channels", "in_chans"),
}


class OwnNetwork:
    """What makes a person's own network, once its file or module is loaded.

    Attributes:
        files: the file, and those that it has imported from beside itself until now; none of a
            module.
    """

    def __init__(self, build: Callable[..., Any], what: str, file: Path | None = None) -> None:
        """Take `build`, a class, a function or a network, which people call `what`."""
        self._build, self._what = build, what
        self._folder = None if file is None else file.parent
        self.files: set[Path] = set() if file is None else {file}

    def keyword(self, size: str) -> str | None:
        """What its constructor calls `size`, a key of `SIZES`; None where it does not take it."""
        return next((name for name in SIZES[size] if name in self._parameters()), None)

    def needs(self, size: str) -> bool:
        """Whether its constructor takes `size` and has no default for it."""
        name = self.keyword(size)
        return name is not None and self._parameters()[name].default is inspect.Parameter.empty

    def __call__(self, **options: Any) -> Any:
        """The network, made with `options`.

        Raises:
            NetworkError: its constructor needs others, or does not take these.
        """
        if isinstance(self._build, nn.Module):
            if options:
                raise NetworkError(self._what, "is a network already, and takes no options", "")
            # Whoever asks again must not get what somebody has trained meanwhile.
            return copy.deepcopy(self._build)
        self._check(options)
        if self._folder is None:
            return self._build(**options)
        # A constructor may import from beside its file too.
        with _importable(self._folder), _forgetting(self._folder, self.files):
            return self._build(**options)

    def _parameters(self) -> Mapping[str, inspect.Parameter]:
        if isinstance(self._build, nn.Module):
            return {}
        return inspect.signature(self._build).parameters

    def _check(self, options: Mapping[str, Any]) -> None:
        missing = [
            name
            for name, each in self._parameters().items()
            if each.default is each.empty
            and each.kind not in {each.VAR_POSITIONAL, each.VAR_KEYWORD}
            and name not in options
        ]
        if missing:
            raise NetworkError(
                self._what,
                f"needs arguments: {', '.join(missing)}",
                "write a function without arguments that returns the network, and name that",
            )
        try:
            inspect.signature(self._build).bind(**options)
        except TypeError as error:
            raise NetworkError(self._what, f"does not take these options ({error})", "") from error


def load_file(path: str, attribute: str) -> OwnNetwork:
    """Load the Python file at `path` and give what makes its network called `attribute`.

    Modules beside the file can be imported while it loads; they are forgotten afterwards, so that
    two people's files may each have a ``blocks.py`` of their own. No compiled file is left behind.

    Raises:
        NetworkError: there is no such file, it fails, or it has no such network.
    """
    file = Path(path).expanduser().resolve()
    if not file.is_file():
        beside = sorted(each.name for each in file.parent.glob("*.py"))
        remedy = nearest(file.name, beside) if beside else "check the path"
        raise NetworkError(str(file), "there is no such file", remedy)
    # A name that no import statement can mean, so that a file net.py does not hide a package net.
    name = f"{file.stem}@{file.parent}"
    found = importlib.util.spec_from_file_location(name, file)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    files = {file}
    with _importable(file.parent), _forgetting(file.parent, files), _explained(str(file)):
        sys.modules[name] = module  # dataclasses look their module up
        found.loader.exec_module(module)
        build = _found(module, attribute, str(file))
    made = OwnNetwork(build, f"{file}:{attribute}", file)
    made.files |= files
    return made


def load_module(name: str, attribute: str) -> OwnNetwork:
    """Import the module called `name` and give what makes its network called `attribute`.

    Raises:
        NetworkError: there is no such module, it fails, or it has no such network.
    """
    with _importable(Path.cwd()), _explained(name):
        try:
            module = importlib.import_module(name)
        except ModuleNotFoundError as error:
            # One of its own imports may be what is missing; that is told as such.
            if error.name is None or not (name == error.name or name.startswith(f"{error.name}.")):
                raise
            close = nearest(name, LIBRARIES)
            raise NetworkError(
                f"module '{name}'",
                f"not found from {Path.cwd()}",
                close if "did you mean" in close else "give FILE.py:CLASS or PACKAGE.MODULE:NAME",
            ) from error
        return OwnNetwork(_found(module, attribute, name), f"{name}:{attribute}")


def _found(module: ModuleType, attribute: str, where: str) -> Any:
    """What gives the network: a class, a function, or a network that is there already."""
    public = {name: value for name, value in vars(module).items() if not name.startswith("_")}
    defined = {
        name: value
        for name, value in public.items()
        if isinstance(value, nn.Module) or getattr(value, "__module__", None) == module.__name__
    }
    networks = [name for name, value in defined.items() if _is_network(value)]
    here = networks or [name for name, value in defined.items() if callable(value)]
    if not attribute:
        remedy = f"give {where}:NAME; it has {', '.join(here[-6:])}" if here else "it defines none"
        raise NetworkError(where, "which of its networks is not said", remedy)
    found: Any = module
    for part in attribute.split("."):
        if not hasattr(found, part):
            remedy = nearest(part, defined) if defined else "it defines nothing"
            raise NetworkError(f"{where}:{attribute}", "there is no such name", remedy)
        found = getattr(found, part)
    if isinstance(found, nn.Module):
        return found
    if inspect.isclass(found) and not issubclass(found, nn.Module):
        raise NetworkError(
            f"{where}:{attribute}", "is a class, but not of torch.nn.Module", "name a network"
        )
    if not callable(found):
        raise NetworkError(
            f"{where}:{attribute}",
            f"is {type(found).__name__}, not a network",
            "name a module, a class of modules, or a function that returns one",
        )
    return found


def _is_network(value: object) -> bool:
    return isinstance(value, nn.Module) or (inspect.isclass(value) and issubclass(value, nn.Module))


@contextlib.contextmanager
def _importable(folder: Path) -> Iterator[None]:
    """`folder` is where imports look first, as it is for a script in it; it stays as it is."""
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.dont_write_bytecode = before
        with contextlib.suppress(ValueError):
            sys.path.remove(str(folder))


@contextlib.contextmanager
def _forgetting(folder: Path, files: set[Path]) -> Iterator[None]:
    """Forget modules that lie directly in `folder`, with all below them, after the block.

    The files that they were read from are added to `files`. What has such a name already, of this
    folder or another, steps aside meanwhile: it may be a program's that calls us.

    Directly, because a virtual environment below the folder is not the person's own code, and
    libraries cannot be loaded twice.
    """
    beside = _loaded_beside(folder)
    aside = {name: sys.modules.pop(name) for name in [*sys.modules] if _top(name) in beside}
    before = set(sys.modules)
    try:
        yield
    finally:
        new = {name for name in set(sys.modules) - before if "@" not in name}
        tops = {_top(name) for name in new}
        defined = {top for top in tops if top in sys.modules and _lies_in(sys.modules[top], folder)}
        for name in [each for each in sys.modules if _top(each) in defined]:
            file = getattr(sys.modules.pop(name), "__file__", None)
            if file is not None and Path(file).is_relative_to(folder):
                files.add(Path(file))
        sys.modules.update(aside)


def _top(name: str) -> str:
    return name.partition(".")[0]


def _loaded_beside(folder: Path) -> set[str]:
    """Names of what is loaded, and what an import from `folder` would find there; no libraries."""
    with contextlib.suppress(OSError):
        named = {each.name.removesuffix(".py") for each in folder.iterdir()}
        ours = {"__main__", _top(__name__), *sys.stdlib_module_names}
        return {name for name in named & {*sys.modules} - ours if not _is_installed(name)}
    return set()


def _is_installed(name: str) -> bool:
    parts = Path(getattr(sys.modules[name], "__file__", None) or "/").parts
    return "site-packages" in parts or "dist-packages" in parts


def _lies_in(module: ModuleType, folder: Path) -> bool:
    if getattr(module, "__file__", None) is None:  # a folder without an __init__.py
        places = [Path(each).parent for each in getattr(module, "__path__", ())]
        return bool(places) and all(each == folder for each in places)
    file = Path(str(module.__file__))
    return file.parent == folder or (file.name == "__init__.py" and file.parent.parent == folder)


@contextlib.contextmanager
def _explained(where: str) -> Iterator[None]:
    """Turn whatever a person's own code throws into an error that names it; its prints step aside.

    A file that parses arguments or trains at its foot leaves by `SystemExit`.
    """
    try:
        with printing_aside():
            yield
    except NetworkError:
        raise
    except (Exception, SystemExit) as error:
        lines = str(error).strip().splitlines() or ["no message"]
        raise NetworkError(
            where, f"fails when loaded ({type(error).__name__}: {lines[0]})", "mend it first"
        ) from error
