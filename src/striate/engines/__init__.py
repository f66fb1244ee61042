"""What executes a network: precision and devices, capture to ONNX, the pre-processing graph."""
