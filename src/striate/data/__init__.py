"""Finding, checking, splitting, decoding, augmenting and batching images.

==================  ===============================================================================
`sources.py`        read it first: from a path or a name to splits, by way of `contents.py` (all
                    that is there) and `split.py` (what is held out)
`images.py`         the set of images that all else works on
`finding/`          which folders are splits or classes, data sets by name, IDX files
`decoding/`         from a file to pixels: `decode.py`, and a reader for each format
`checking/`         duplicates, imbalance, sizes: `striate check`
`augmentation/`     random crops, flips, colours, mixing
`loader.py`         batches for training; `preprocessing.py` brings images to the network's input
`manifest.py`       which images a run was made with
`known.py`          what was seen of files before; `reading.py` reads the others, `scan.py` in one
                    pass, to `records.py` and `pixels.py`, in the columns of `columns.py`
==================  ===============================================================================
"""
