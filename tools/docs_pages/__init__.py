"""What `tools/docs.py` builds the documentation's site with.

`navigation.toml` says which page stands where; `pages.py` reads it and finds what there is in each
language; `links.py` makes links between files of the repository links between pages; `reference.py`
writes the pages on functions, classes and recipe keys out of the code; `staging.py` puts everything
into the folder that Sphinx reads. `theme/` holds Sphinx's configuration and what is ours of the
looks, `chinese.py` how Chinese is searched.
"""
