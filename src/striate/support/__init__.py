"""What several rooms need and none of them owns; nothing here imports torch at import time.

``text`` (what people read, made printable), ``paths`` (questions about a path that never end in a
traceback), ``files`` (whole or absent), ``folders`` (where caches lie), ``settings`` (global
settings that are put back), ``progress``.
"""
