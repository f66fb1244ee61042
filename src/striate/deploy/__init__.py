"""A trained network as one ONNX file that anybody can run.

Read `preprocess_graph.py` first (the pre-processing as a module that every engine computes alike),
then `verify.py` (what two engines answer, compared with PyTorch), then `export.py`, which puts the
two together and moves the file into place only when they agree.
"""
