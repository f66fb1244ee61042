"""What is known of the process that is running."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path


def command_line() -> str:
    """The command line that is being carried out, as a shell takes it."""
    return shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])
