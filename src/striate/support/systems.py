"""What operating systems put into folders by themselves."""

from __future__ import annotations

import re

_LEFT = re.compile(
    # Looking at a folder with a file manager is enough for these.
    r"\.ds_store|\._.*|\.localized|icon\r|__macosx|\.directory|thumbs\.db|ehthumbs\.db|desktop\.ini|"
    # The roots of disks and of what is mounted.
    r"lost\+found|\$recycle\.bin|recycler|\$extend|system volume information|"
    r"\.trashes|\.trash-\d+|\.spotlight-v100|\.fseventsd|\.temporaryitems|\.documentrevisions-v100|"
    # Network drives.
    r"@eadir|@recycle|#recycle|\.snapshots?|\.appledouble|\.nfs[0-9a-f]{8,}",
    re.IGNORECASE,
)


def is_left_by_system(name: str) -> bool:
    """Whether a file or folder of that name was put there by a system, and by nobody.

    Args:
        name: without the folder that it lies in.

    Examples:
        >>> is_left_by_system(".DS_Store"), is_left_by_system(".gitignore")
        (True, False)
    """
    return _LEFT.fullmatch(name) is not None
