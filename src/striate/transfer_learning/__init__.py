"""From a network that was trained on some images to a classifier of others.

Read in this order: ``backbone`` (a network with weights, without its classifier, and the
pre-processing that it was trained with), ``cache`` (what stays on disk), ``features`` (the
embedding of every image, computed once), ``heads`` (what is fitted to them: ``fit`` first, then
``cross_validation``, ``search``, ``softmax``, ``svm``; ``regression`` for numbers), ``fine_tuning``
(training the backbone too), ``transfer`` (all of it, to a run), ``learning_curves`` (what more
images would give), ``options`` and ``result`` (what goes in and comes out).
"""
