"""The documentation's site: every page has its place, links lead somewhere, nothing is fetched."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).parents[1]
LANGUAGES = ("en", "zh")
#: Attributes by which a page makes a browser load something.
LOADED = {"script": "src", "img": "src", "link": "href", "source": "srcset", "iframe": "src"}


@pytest.fixture(scope="module")
def tools() -> ModuleType:
    """`tools/docs_pages`, whose modules `importlib` finds from then on."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "tools"))
        names = ("docs_pages.links", "docs_pages.pages", "docs_pages.staging")
        for name in names:
            importlib.import_module(name)
        return importlib.import_module("docs_pages")


def test_every_page_has_its_place_and_every_place_a_page(tools: ModuleType) -> None:
    pages = tools.pages
    placed = [name for part in pages.sections("en") for name in part.pages]
    assert len(placed) == len(set(placed))
    # Pages in a folder stand below that folder's first.
    written = {*map(first_of, pages.written("en")), *pages.GENERATED}
    assert written - {"index"} == set(placed)
    chinese = {name for part in pages.sections("zh") for name in part.pages}
    assert {*map(first_of, pages.written("zh"))} - {"index"} <= chinese


def first_of(name: str) -> str:
    return f"{name.rpartition('/')[0]}/index" if "/" in name else name


@pytest.mark.parametrize("language", LANGUAGES)
def test_links_in_the_sources_lead_to_pages(tools: ModuleType, language: str) -> None:
    links = tools.links.Links(language)
    there = {*tools.pages.written(language), *(one.name for one in tools.pages.sections(language))}
    there |= set(tools.pages.GENERATED) if language == "en" else set()
    broken = []
    for name, path in tools.pages.written(language).items():
        text = links.rewritten(path)
        for target in re.findall(r"\]\(([^)#:\s]+)\.md(?:#[^)]*)?\)", text):
            whole = (Path("/") / Path(name).parent / target).resolve().relative_to("/")
            if str(whole) not in there and not str(whole).startswith("source/"):
                broken.append((name, target))
    assert broken == []
    assert [file for file in links.shown if not file.is_file()] == []


def test_every_key_of_a_recipe_has_its_row_in_words(tools: ModuleType) -> None:
    page = importlib.import_module("docs_pages.recipe_keys").recipe_keys()
    rows = [line.split(" | ") for line in page.splitlines() if line.startswith("| `")]
    assert {"`rate`", "`epochs`", "`huber_delta`"} <= {row[0].strip("| ") for row in rows}
    assert [row for row in rows if re.search(r"Bounds|typing|<class", "".join(row))] == []
    assert [row for row in rows if not row[-1].strip(" |")] == []


def test_code_is_left_as_it_is(tools: ModuleType) -> None:
    text = "[a](b.md)\n\n```sh\necho '[a](b.md)'\n```\n"
    changed = tools.links.outside_code(text, lambda part: part.replace("b.md", "c.md"))
    assert changed == "[a](c.md)\n\n```sh\necho '[a](b.md)'\n```\n"


class Page(HTMLParser):
    """What a page links to, what it loads, and which places in it can be linked to."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.places: set[str] = set()
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.places |= {value for key in ("id", "name") if (value := found.get(key))}
        if tag == "a" and (target := found.get("href")):
            self.links.append(target)
        if (key := LOADED.get(tag)) and (target := found.get(key)):
            self.loaded.append(target)


def build(out: Path, *words: str) -> Path:
    if importlib.util.find_spec("sphinx") is None:
        pytest.skip("the site's generator is not installed: pip install -e '.[docs]'")
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "docs.py", "--out", out, *words],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return out


def faults(site: Path, languages: tuple[str, ...]) -> list[str]:
    """Links of the pages below `site` that lead nowhere, and what they load from elsewhere."""
    found = [path for one in languages for path in (site / one).rglob("*.html")]
    pages = {path: Page(path) for path in found if path.parent.name != "_static"}
    assert pages
    wrong = []
    for path, page in pages.items():
        wrong += [f"{path}: loads {one}" for one in page.loaded if urlsplit(one).netloc]
        wrong += [
            f"{path}: {one}"
            for one in page.links + page.loaded
            if not urlsplit(one).scheme and not _leads_somewhere(one, path, site, pages)
        ]
    for style in site.rglob("*.css"):
        urls = re.findall(r"url\(\s*[\"']?([^)\"']+)|@import\s+[\"']([^\"']+)", style.read_text())
        wrong += [f"{style}: loads {one}" for pair in urls for one in pair if urlsplit(one).netloc]
    return wrong


def _leads_somewhere(target: str, path: Path, site: Path, pages: dict[Path, Page]) -> bool:
    parts = urlsplit(target)
    other = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if not (site / other.relative_to(site).parts[0]).is_dir():
        return True  # of the language that was not built
    place = unquote(parts.fragment)
    return other.is_file() and (not place or other not in pages or place in pages[other].places)


@pytest.fixture(scope="module")
def chinese(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("site"), "--language", "zh")


@pytest.mark.slow
def test_the_chinese_site_is_whole_and_fetches_nothing(chinese: Path) -> None:
    assert faults(chinese, ("zh",)) == []
    page = (chinese / "zh" / "callbacks.html").read_text("utf-8")
    assert 'lang="en" href="./../en/callbacks.html"' in page


@pytest.mark.exhaustive
def test_the_whole_site_is_whole_and_fetches_nothing(tmp_path: Path) -> None:
    site = build(tmp_path / "site")
    assert faults(site, LANGUAGES) == []
    assert (site / "en" / "networks" / "googlenet.html").is_file()
    assert "striate.train" in (site / "en" / "api" / "training.html").read_text("utf-8")


@pytest.mark.slow
@pytest.mark.browser
def test_chinese_is_found_without_a_server(browser: Any, chinese: Path) -> None:
    page = browser.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: complaints.extend(outside(request.url)))
    for words in ("回调", "训练过程", "callback"):
        page.goto(f"{(chinese / 'zh' / 'search.html').as_uri()}?q={words}")
        page.wait_for_selector("#search-results li a")
        found = page.eval_on_selector_all("#search-results li a", "all => all.map(a => a.href)")
        assert any("callbacks.html" in one for one in found), words
    assert complaints == []
    page.close()


def outside(url: str) -> list[str]:
    return [] if urlsplit(url).scheme in ("file", "data") else [url]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    chromes = map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))
    found = next(filter(None, chromes), "")
    if not found:
        pytest.skip("no Chromium is installed")
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield opened
        opened.close()
