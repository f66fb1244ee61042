"""From a name, a prefix, a file or a run's description to a network, with weights where asked for.

`library` says what a library of networks answers; `striate` (the catalogue), `torchvision`, `timm`
and `pretrained`, whose networks come with their weights, are four, of which `libraries` has the
list. `names` says what may be written for a network,
`resolve` makes what it names, `user_code` loads a person's file; `input_shapes` and `first_layer`
say what a network takes, `figures` what was published of it.

`weights` finds the weights for a network (`found`): a library's, which `downloads` fetches, or
those in a person's file (`from_file`), which `weight_files` opens and `state_dicts` searches for
the network's tensors. `conversion`, `from_torchvision`, `from_timm` and `from_efficientnet_lite`
rename them, `fitting` gives them to the network, `misfits` says what to do where they do not fit.

`surgery` and `heads` put something else in a classifier's place.
"""
