"""Finding, checking, splitting, decoding, augmenting and batching images.

To read in this order: `sources` (from a path or name to splits), `decode` (from a file to pixels;
`readers` for one format each), `images` (the set of images that all else works on), `split`,
`check`, `preprocessing`, `random`, `augment`, `loader`.
"""
