"""WebDataset's shards: tar archives of samples, read where they are."""
