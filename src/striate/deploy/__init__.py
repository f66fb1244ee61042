"""A trained network as one ONNX file that anybody can run.

Read `verify.py` (what an engine's answers are compared with), then `trial.py` (the images that a
file has to be right on), then `export.py`, which writes the graph and moves the file into place
only when two engines agree with PyTorch. The graph itself is made in `striate.engines`.
`layouts.py` puts files into the folders of other servers, `bench.py` measures engines.
"""
