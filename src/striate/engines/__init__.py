"""What executes a network: one `Session`, whichever engine is behind it.

Read ``session`` first (batches of pixels in, numbers out), then an engine (``pytorch``,
``onnx_runtime``, ``openvino``) and ``choosing``, which puts a network or a graph into one.
``capture`` turns a network into an ONNX graph, ``preprocessing`` writes the pre-processing into it,
``precision`` says on what device and with how many threads is computed.
"""
