"""What happens during a training, for whoever wants to know of it.

``base`` (`Callback`, to derive from, and what its methods are given), ``several`` (all callbacks of
a training as one), ``terminal`` (what the command line shows), ``tensorboard`` (event files).
"""
