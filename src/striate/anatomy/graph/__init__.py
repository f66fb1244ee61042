"""One forward recorded as a graph: operators, their arguments and shapes, and modules."""
