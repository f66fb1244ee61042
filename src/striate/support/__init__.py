"""What several rooms need and none of them owns; nothing here imports torch at import time.

``text`` (what people read, made printable), ``paths`` (questions about a path that never end in a
traceback), ``files`` (whole or absent), ``folders`` (where caches lie), ``tables`` (from TOML to
dataclasses), ``options`` (what a command may be given, written once), ``settings`` (global settings
that are put back), ``prefetch`` (work done ahead, in order), ``progress`` (how far it is).
"""
