"""From a file that somebody trained to a network's tensors, whatever wrote it.

Read in this order: ``order`` (Darknet's convolutions in a network of ours), ``darknet`` (the format
of ``.weights`` files), ``layouts`` (state dicts of other repositories), ``configuration`` (what a
``.cfg`` changes), ``opening`` (which of these a file is).
"""
