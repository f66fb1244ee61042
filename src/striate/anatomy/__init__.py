"""What any `nn.Module` is made of, costs and sees; no network is known here by name.

Read `record.py` first: one forward on meta tensors gives a `Graph` of `Node`s (`tape.py` listens,
`operators.py` names what it hears). `rules.py` says what a node costs, `receptive_field.py` what it
sees (`geometry.py` holds the arithmetic of one axis, `spatial.py` where each operator leaves
height and width), `table.py` puts both into rows and totals, `embedding.py` finds what the
classifier sees.
"""
