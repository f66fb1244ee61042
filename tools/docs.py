"""Build the documentation's site: ``python tools/docs.py [--out FOLDER] [--language en|zh]``.

``make docs`` installs what this needs and runs it; `site/index.html` opens the result, from the
disk and without a network. Anything that Sphinx warns of ends it: a broken link, a page in no list.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from docs_pages.pages import LANGUAGES, ROOT, Language
from docs_pages.staging import stage
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace, patch_docutils

THEME = Path(__file__).with_name("docs_pages") / "theme"
FRONT = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Striate</title>
<meta http-equiv="refresh" content="0; url=en/index.html">
<p><a href="en/index.html">English</a> · <a href="zh/index.html" lang="zh-CN">中文</a></p>
</html>
"""


def build(out: Path, languages: Sequence[Language] = LANGUAGES) -> None:
    """Write the site into the folder `out`, in place of one that it holds."""
    for language in languages:
        with tempfile.TemporaryDirectory() as work:
            source = Path(work) / "source"
            source.mkdir()
            stage(language, source)
            _sphinx(language, source, out / language, Path(work) / "read")
    (out / "index.html").write_text(FRONT, encoding="utf-8")


def _sphinx(language: Language, source: Path, out: Path, read: Path) -> None:
    shutil.rmtree(out, ignore_errors=True)
    os.environ["STRIATE_DOCS"] = language
    with patch_docutils(str(THEME)), docutils_namespace():
        app = Sphinx(
            source, THEME, out, read, "html", warningiserror=True, status=None, keep_going=True
        )
        app.build(force_all=True)
    if app.statuscode:
        raise SystemExit("the site has faults: see above")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Build the documentation's site.")
    parser.add_argument("--out", type=Path, default=ROOT / "site", help="default: site")
    parser.add_argument("--language", choices=LANGUAGES, help="default: both")
    asked = parser.parse_args()
    build(asked.out, [asked.language] if asked.language else LANGUAGES)
