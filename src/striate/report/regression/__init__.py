"""The page of a run of numbers.

Read in this order: ``inputs`` (what the page takes from a run), ``insight`` (what is computed of
its images), ``sections`` (sentences and tables), ``charts`` (scatter, errors, coverage), ``misses``
and ``doubts`` (pictures), ``embedding`` (the map). `striate.report.numbers` puts them together.
"""
