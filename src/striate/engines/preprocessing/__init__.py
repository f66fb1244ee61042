"""Pre-processing written as ONNX operators, so that a file takes pictures of any size."""
