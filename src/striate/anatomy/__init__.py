"""What any `nn.Module` is made of, costs and sees; no network is known here by name.

Read `record.py` first: one forward of a copy (`shadow.py`) on meta tensors gives a `Graph` of
`Node`s. `shapes.py` runs operators on shapes alone, `shortcuts.py` makes that quick, `tape.py`
listens, `operators.py` and `attributes.py` name what it hears; `backward.py` asks autograd what it
keeps. `examples.py` says what goes in, `failures.py` what went wrong. `rules.py` says what a node
costs, `memory.py` what it takes, `receptive_field.py` what it sees: `geometry.py` holds the
arithmetic of one axis, `spatial.py` where a tensor lies over the image, `moves.py` how each
operator moves it, `follow.py` walks through the graph. `table.py` puts all that into rows and
totals; `embedding.py` finds what the classifier sees, `stages.py` what is frozen and unfrozen as
one.

For people: `formulas.py`, `arithmetic.py` and `growth.py` fill numbers into formulas,
`definitions.py` gives those of operators, `explain.py`, `chains.py` and `compare.py` answer
questions, `text.py`, `terminal.py` and `draw.py` show the answers, and `view/` makes a page to
explore.
"""
