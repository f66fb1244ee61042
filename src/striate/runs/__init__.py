"""The run directory: all that a training run knows about itself.

Read in this order: ``claim`` (whose a folder is, and who may write into it), ``config``
(``run.toml``), ``weights`` (``model.safetensors``), ``networks`` (the network that they belong
to), ``run`` (a run opened for use), ``images`` and ``samples`` (what it was made with).
"""
