"""The run directory: all that a training run consists of.

Read in this order: ``layout`` (which files it holds), ``lock`` and ``claim`` (whose a folder is,
and who may write into it), ``origins`` and ``config`` (``run.toml``), ``weights``
(``model.safetensors``), ``networks`` (the network that they belong to), ``records`` (an entry an
epoch), ``run`` (a run opened for use), ``images`` and ``samples`` (what it was made with).
``create`` makes a run of weights as they are, ``starting_weights`` finds those that a network
starts from, ``open_network`` opens whatever a person names, a run among others.
"""
