"""How Sphinx builds the site; `tools/docs.py` says for which language."""

from __future__ import annotations

import os
from typing import Any

from docs_pages.chinese import SearchPairs
from docs_pages.pages import GENERATED, written
from pygments.lexers.special import TextLexer
from sphinx.application import Sphinx

import striate

language = {"en": "en", "zh": "zh_CN"}[os.environ["STRIATE_DOCS"]]
_chinese = language != "en"

project = "Striate"
version = release = striate.__version__
copyright = "the authors of Striate. Apache License 2.0"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
source_suffix = {".md": "markdown"}
default_role = "py:obj"

myst_heading_anchors = 4
myst_enable_extensions = ["attrs_inline"]

autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
autodoc_member_order = "bysource"
autodoc_class_signature = "separated"
# Two classes of one name: which is meant is told by the page, not by a link. Levels of headings
# that are left out are seen in the Markdown too.
suppress_warnings = ["ref.python", "myst.header"]
napoleon_google_docstring = True
napoleon_numpy_docstring = False

html_theme = "pydata_sphinx_theme"
html_title = "Striate"
html_show_sourcelink = False
html_copy_source = False
html_show_sphinx = False
html_static_path = ["static"]
html_css_files = ["ours.css"]
html_js_files = ["ours.js"]
templates_path = ["templates"]
html_sidebars = {"**": ["sidebar-nav-bs"]}
html_theme_options = {
    "navbar_end": ["language", "theme-switcher"],
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "navigation_with_keys": False,
    "show_toc_level": 2,
    "search_bar_text": "搜索文档…" if _chinese else "Search",
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
html_context = {
    "default_mode": "auto",
    "other": "en" if _chinese else "zh",
    "other_name": "English" if _chinese else "中文",
    "translated": sorted({*written("en"), *GENERATED} & {*written("zh")}),
}
copybutton_prompt_text = "$ "


def setup(app: Sphinx) -> dict[str, Any]:
    """Put our way to search Chinese in place of Sphinx's, and let tables in text be shown."""
    app.add_search_language(SearchPairs)
    app.add_lexer("csv", TextLexer)
    return {"parallel_read_safe": True}
