"""What is wrong with a set of images: damaged files, duplicates, imbalance."""
