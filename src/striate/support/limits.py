"""The most that numbers may be which a person gives: more is a slip of the keyboard."""

from __future__ import annotations

#: What counts epochs, batches or images.
MOST = 1_000_000
#: The longest side, in pixels, of what a network takes: one such input is 200 MB, and the first
#: feature map of a network on it several gigabytes.
LARGEST_SIDE = 4096
#: The short side, in pixels, of a working copy: no photograph is much larger.
LARGEST_COPY = 1 << 14
#: More threads than any processor has; asking a system for a million ends the process.
MOST_THREADS = 1024
#: What PyTorch's generators take.
LARGEST_SEED = 2**63 - 1
