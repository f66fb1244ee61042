"""Predictions of more images than fit into memory, as Parquet files that are each whole or absent.

Read in this order: ``entries`` (which images: a folder, a list or a table, streamed), ``listing``
(these, written down once and cut into shards), ``folder`` (where it all goes, and what it was begun
with), ``shards`` (a shard's images to its file: the one piece of work), then who does that work,
``local`` or ``on_ray``, and ``job``, which brings them together.

A shard is a function of the model and of the shard's images alone. That is why a job may be stopped
anywhere and go on, and why it does not matter which machine computes which shard.
"""
