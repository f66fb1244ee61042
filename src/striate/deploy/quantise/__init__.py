"""From an exported file to the same one with integers of 8 bits in its network.

Read ``quantise`` first, which puts the rest in order: which images (``images``), which layers
(``graph``), the conversion itself (``convert``), how much of each layer's signal it costs
(``layer_errors``), float against integer in every engine (``measuring``, ``figures``) and on
processors that can do less (``processor``), and the steps that are tried (``guard``).
"""
