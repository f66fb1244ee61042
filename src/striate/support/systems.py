"""What operating systems put into folders by themselves."""

from __future__ import annotations

import re

# Looking at a folder with a file manager is enough for the first of each; then come the roots of
# disks and of what is mounted, then network drives.
_SEEN = {
    *("icon\r", "__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini"),
    *("lost+found", "$recycle.bin", "recycler", "$extend", "system volume information"),
    *("@eadir", "@recycle", "#recycle"),
}
_HIDDEN = re.compile(
    r"\.ds_store|\._.*|\.localized|\.directory|"
    r"\.trashes|\.trash-\d+|\.spotlight-v100|\.fseventsd|\.temporaryitems|\.documentrevisions-v100|"
    r"\.snapshots?|\.appledouble|\.nfs[0-9a-f]{8,}",
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
    if name.startswith("."):
        return _HIDDEN.fullmatch(name) is not None
    return name.lower() in _SEEN  # of a million names, most are asked about no more than this
