"""What `tools/networks.py` writes its pages with.

`counted.py` counts a network, by the parts of `parts.py`; `boxes.py` says what a module is made of,
`modules.py` which are drawn, `layout.py` where their boxes stand and `module_picture.py` how they
look; `picture.py` draws it, `page.py` writes its page out of these and out
of what docstrings, published figures, recipes and `notes.toml` say; `timeline.py` draws all of them
and `index.py` lists them. `drawing.py` has the lines and letters of both pictures.
"""
