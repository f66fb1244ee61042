"""What any `nn.Module` is made of, costs and sees; no network is known here by name.

Read `record.py` first: one forward on meta tensors gives a `Graph` of `Node`s. `tape.py` listens,
`operators.py` and `attributes.py` name what it hears, `shortcuts.py` makes it quick. `rules.py`
says what a node costs, `memory.py` what it keeps, `receptive_field.py` what it sees: `geometry.py`
holds the arithmetic of one axis, `spatial.py` where a tensor lies over the image, `follow.py` how
each operator moves it. `table.py` puts all that into rows and totals; `embedding.py` finds what
the classifier sees, `stages.py` what is frozen and thawed as one.

For people: `formulas.py` and `arithmetic.py` fill numbers into formulas, `explain.py`, `chains.py`
and `compare.py` answer questions, `text.py`, `terminal.py` and `draw.py` show the answers, and
`view/` makes a page to explore.
"""
