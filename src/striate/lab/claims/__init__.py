"""One file a claim; `striate.lab` says what is in it, `striate.lab.book` which there are."""
