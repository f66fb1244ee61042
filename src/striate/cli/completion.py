"""``striate completion``: what makes a shell complete the command line."""

from __future__ import annotations

import os
from pathlib import PurePath
from typing import Annotated

from striate.cli.flags import Argument
from striate.errors import StriateError, nearest, parameter

SHELLS = ("bash", "zsh", "fish")
#: What Click reads of the environment, named after the program.
VARIABLE = "_STRIATE_COMPLETE"


def completion(
    shell: Annotated[
        str | None, Argument("bash, zsh or fish; by default the shell that you are in.")
    ] = None,
) -> None:
    """Print what makes a shell complete commands and names.

    Commands, options, networks, recipes, runs and files. In bash and zsh it is taken in by
    eval "$(striate completion bash)", in fish by striate completion fish | source. That line
    belongs into ~/.bashrc, behind compinit into ~/.zshrc, or into ~/.config/fish/config.fish.
    """
    from click.shell_completion import get_completion_class

    from striate.cli.main import app

    name = shell or PurePath(os.environ.get("SHELL", "")).name
    if name not in SHELLS:
        what = "the shell that you are in" if shell is None else parameter("shell", shell)
        raise StriateError(what, "cannot be completed", nearest(name, SHELLS))
    kind = get_completion_class(name)
    assert kind is not None
    print(kind(app, {}, "striate", VARIABLE).source())
