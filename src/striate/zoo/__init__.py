"""The networks: one file a paper family, plain `torch.nn.Module`s.

Read `layers.py` (blocks that several papers share) first, then the families in order of years:
`lenet.py`, `alexnet.py`, `zfnet.py`, `nin.py`, `vgg.py`, `googlenet.py`, `inception_v2.py`,
`inception_v3.py`, `resnet.py` with `resnet_cifar.py`, `inception_v4.py` with `inception_resnet.py`,
`preact_resnet.py`, `xception.py`, `attention.py`, `darknet.py`, `hrnet.py`, `cspdarknet.py`,
`mnist_example.py`. `create.py` turns a name into a network; `catalogue.py` lists the names with
their sizes without importing torch, from `catalogue.json`, which `generate.py` counts. `weights.py`
gives networks the weights that others published: `mapping.py` says how those are named,
`weight_files.py` reads them.
"""
