"""Many views of one image, whose probabilities are averaged.

Read in this order: ``views`` (which parts of an image, at which sizes), ``filling`` (batches filled
across images, and the mean of what comes back), ``dense`` (a network applied to whole images).
"""
