"""The networks: one file a paper family, plain `torch.nn.Module`s.

Read `layers.py` (blocks that several papers share) first, then the families in order of years:
`lenet.py` (1998), `alexnet.py` (2012), `zfnet.py` and `nin.py` (2013), `vgg.py` and `googlenet.py`
(2014), `inception_v2.py`, `inception_v3.py`, `resnet.py` with `resnet_cifar.py` (2015),
`inception_v4.py` with `inception_resnet.py`, `preact_resnet.py`, `xception.py` (2016),
`attention.py` (2017 and 2018), `darknet.py` (2018), `hrnet.py`, `cspdarknet.py` (2019). Last,
`mnist_example.py`, which has no paper. `checkpointing.py` lets the deepest of them train in little
memory.

From names to networks: `create.py` knows every constructor, and `variants.py` what each takes;
`weightless.py` makes a network without memory for weights. `catalogue.py` lists the names with
their sizes without importing torch, from `catalogue.json`, which `tools/catalogue.py` counts;
`published.py` gives the errors that papers report, from `published.json`. What other libraries
have, and weights that others published, are in `striate.hub`.
"""
