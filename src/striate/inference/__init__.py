"""From images to answers, for whatever network and engine.

Read in this order: ``reading`` (images to batches), ``predictor`` (a session and its
pre-processing: images in, an answer for each out), ``classifier`` (answers that are probabilities).
"""
