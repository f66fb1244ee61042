"""What any `nn.Module` is made of, costs and sees; no network is known here by name.

==================  ===============================================================================
`graph/`            one forward of a copy on meta tensors gives a `Graph` of `Node`s: read
                    `record.py` first, then `recorder.py`, `operators.py` and `arguments.py`;
                    `shapes.py` runs operators on shapes alone, `fast_shapes.py` the commonest
                    quickly
`costs/`            `counting.py` counts multiply-accumulates, `memory.py` and `backward.py` bytes;
                    `formulas.py`, `arithmetic.py` and `definitions.py` write it out as formulas
`receptive_field/`  `axis.py` has the arithmetic of one axis, `links.py` where a tensor lies over
                    the image, `operators.py` a rule for each operator, `positions.py` the walk
                    through the graph, `fields.py` and `growth.py` what comes of it
`show/`             results on a terminal, as text and as a chart
`view/`             a page to explore a network
==================  ===============================================================================

On these stand `table.py` (rows and totals), `explain.py` (one layer), `what_if.py` (layers of no
network), `compare.py` (networks side by side), `timing.py` (how long a forward takes), `stages.py`
(what is frozen and unfrozen as one) and `embedding.py` (what the classifier reads).
"""
