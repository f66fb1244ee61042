"""A detector as one ONNX file: resize, network, decoding and suppression."""
