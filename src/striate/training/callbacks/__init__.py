"""What happens during a training, for whoever wants to know of it.

``base`` (`Callback`, to derive from, and what its methods are given), ``several`` (all callbacks of
a training as one), ``terminal`` (what the command line shows), ``tracker`` (`Tracker`, which keeps
figures somewhere else for as long as that can be reached) and those that derive from it:
``csv_file``, ``tensorboard``, ``mlflow`` and ``wandb``, which ``named`` makes by their names.
"""
