"""Heat maps as an output of an exported file: where the picture speaks for a class.

`gradients` writes the gradient of a network's head down as ONNX operators, `output` adds to a graph
the output that is made with it, and `reference` is what PyTorch's own gradients give, with which
the output is compared before the file counts.
"""
