"""What executes a network: one `Session`, whichever engine is behind it.

Read ``session`` first (batches of pixels in, numbers out), then an engine (``pytorch``,
``onnx_runtime``, ``openvino``) and ``choosing``, which puts a network or a graph into one.
``capture`` turns a network into an ONNX graph, ``preprocessing`` writes the pre-processing into it,
``seam`` cuts an exported file between the two, ``onnx_bytes`` reads one without the package onnx,
and ``precision`` chooses device and precision.
"""
