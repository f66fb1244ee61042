"""From a name, a prefix, a file or a run's description to a network, with weights where asked for.

`names` says what may be written, `resolve` makes what it names, `user_code` loads a person's own
file, `libraries` fetches what torchvision and timm publish. A file of weights is opened by
`weight_files`, its tensors are found by `state_dicts`, renamed by `conversion` and given to a
network by `fitting`; `weights` does all of it for the catalogue's networks. `surgery` and `heads`
put something else in a classifier's place; `input_shapes` says what a network takes.
"""
