"""The networks: one file a paper family, plain `torch.nn.Module`s.

Read `layers.py` (blocks that several papers share) first, then any family: `lenet.py`,
`alexnet.py`, `vgg.py`, `googlenet.py`, `resnet.py`. `create.py` turns a name into a network;
`catalogue.py` lists the names with their sizes without importing torch, from `catalogue.json`,
which `generate.py` counts.
"""
