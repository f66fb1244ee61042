"""The run directory: all that a training run knows about itself.

Read in this order: ``files`` (how a file is replaced so that a crash leaves the old one or the
new one), ``config`` (``run.toml``), ``weights`` (``model.safetensors``), ``networks`` (the
network that they belong to), ``run`` (a run opened for use).
"""
