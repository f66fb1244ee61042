"""The page in a browser: every way in, what comes out, and that nothing goes out or wrong."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from .conftest import CLASSES, as_file, expected, noise, write_file  # type: ignore[import-not-found]

pytestmark = [pytest.mark.browser, pytest.mark.slow]

Serve = Callable[..., Any]
FAKES = ("device", "ui")  # a camera that shows a pattern, and nobody who is asked


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    found = next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
    )
    if not found:
        pytest.skip("no Chromium is installed")
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=found,
            args=["--no-sandbox", *(f"--use-fake-{each}-for-media-stream" for each in FAKES)],
        )
        yield opened
        opened.close()


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[..., Any]]:
    """Opens a page; at the end, nothing may have been logged and no other address asked for."""
    complaints: list[str] = []
    contexts = []

    def open_(address: str, *, status: tuple[int, ...] = (), **settings: Any) -> Any:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **settings})
        contexts.append(context)
        page = context.new_page()
        # Chromium logs every answer that is an error; those that a test wants are no complaint.
        page.on(
            "console",
            lambda message: (
                None
                if any(f"status of {code}" in message.text for code in status)
                else complaints.append(message.text)
            ),
        )
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "request",
            lambda request: (
                None
                if request.url.startswith((address, "data:", "blob:"))
                else complaints.append(request.url)
            ),
        )
        page.goto(address)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert complaints == []


def files(count: int) -> list[dict[str, Any]]:
    return [
        {"name": f"{k} <i>&.png", "mimeType": "image/png", "buffer": as_file(noise(60, 90, k))}
        for k in range(count)
    ]


def best(seed: int) -> tuple[str, str]:
    """The likeliest class of `noise(60, 90, seed)`, and its probability as the page writes it."""
    row = expected(noise(60, 90, seed))
    return CLASSES[row.argmax()], f"{100 * row.max():.1f}%"


def result(page: Any) -> tuple[str, str]:
    page.locator("#bars li").first.wait_for()
    return page.locator("#class").inner_text(), page.locator("#share").inner_text()


def test_chosen_pictures_get_their_classes_and_are_gone_through_by_keys(
    shared: Any, visit: Callable[..., Any]
) -> None:
    page = visit(shared.address)
    assert page.locator("#nothing").is_visible()
    page.set_input_files("#file", files(5))
    assert result(page) == best(0)
    assert page.locator("#bars li").all_inner_texts()[0].split("\n")[0] == best(0)[0]
    assert page.locator("#thumbs .thumb").count() == 5
    for seed in (1, 2):
        page.keyboard.press("ArrowRight")
        page.locator("#name", has_text=f"{seed} <i>&.png").wait_for()
        assert result(page) == best(seed)
    page.keyboard.press("ArrowLeft")
    page.locator("#name", has_text="1 <i>&.png").wait_for()
    page.locator("#thumbs .thumb").nth(4).click()
    page.locator("#name", has_text="4 <i>&.png").wait_for()
    assert result(page) == best(4)
    captions = page.locator("#thumbs .caption").all_inner_texts()
    assert captions == [best(seed)[0] for seed in range(5)]
    assert best(4)[0] in page.title()
    page.evaluate("document.getElementById('file').click = () => { document.title = 'asked' }")
    page.keyboard.press("o")
    assert page.title() == "asked"


def transfer(page: Any, kind: str) -> None:
    """Drops or pastes a picture as a person does, as far as a script can."""
    import base64

    page.evaluate(
        """async ([kind, text]) => {
          const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
          const moved = new DataTransfer();
          moved.items.add(new File([bytes], "moved.png", { type: "image/png" }));
          const event = kind === "paste"
            ? new ClipboardEvent("paste", { clipboardData: moved, bubbles: true })
            : new DragEvent("drop", { dataTransfer: moved, bubbles: true, cancelable: true });
          document.body.dispatchEvent(event);
        }""",
        [kind, base64.b64encode(as_file(noise(60, 90, 7))).decode()],
    )


@pytest.mark.parametrize("kind", ["drop", "paste"])
def test_dropped_and_pasted(shared: Any, visit: Callable[..., Any], kind: str) -> None:
    page = visit(shared.address)
    transfer(page, kind)
    assert result(page) == best(7)
    assert page.locator("#name").inner_text() == "moved.png"


def test_a_photograph_from_the_camera(shared: Any, visit: Callable[..., Any]) -> None:
    page = visit(shared.address, permissions=["camera"])
    page.click("#camera")
    page.locator("#studio[open]").wait_for()
    page.click("#shoot")
    assert result(page)[0] in CLASSES
    assert not page.locator("#studio").is_visible()


def test_a_slow_camera_is_waited_for(shared: Any, visit: Callable[..., Any]) -> None:
    page = visit(shared.address, permissions=["camera"])
    page.evaluate("navigator.mediaDevices.getUserMedia = async () => new MediaStream()")
    page.click("#camera")
    page.locator("#studio[open]").wait_for()
    assert page.locator("#shoot").is_disabled()  # there is nothing to take yet
    page.click("#cancel")
    assert not page.locator("#studio").is_visible()
    page.evaluate("delete navigator.mediaDevices.getUserMedia")
    page.click("#camera")
    page.click("#shoot")
    assert result(page)[0] in CLASSES


def test_examples_and_several_models(
    serve: Serve, visit: Callable[..., Any], file: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "examples"
    folder.mkdir()
    (folder / "odd <b>'\" 名.png").write_bytes(as_file(noise(60, 90, 3)))
    (folder / "bad.jpg").write_bytes(b"bad")
    hostile = ("<img src=x onerror=alert(1)>", "</script><b>", "c")
    other = write_file(tmp_path / "o.onnx", classes=hostile)
    _, client = serve([file, f"other <b>={other}"], examples=folder)
    page = visit(client.address)
    assert page.locator("#samples .caption").all_inner_texts() == ["odd <b>'\" 名.png"]
    page.locator("#samples .thumb").click()
    assert result(page) == best(3)
    page.select_option("#model", "other <b>")
    page.locator("#class", has_text=hostile[expected(noise(60, 90, 3)).argmax()]).wait_for()
    assert "other <b>" in page.locator("#about").inner_text()
    with page.expect_response("**/examples/**"):
        page.locator("#samples .thumb").click()
    assert page.locator("#thumbs .thumb").count() == 1


def test_what_cannot_be_read_is_told_in_place(shared: Any, visit: Callable[..., Any]) -> None:
    page = visit(shared.address, status=(422,))
    broken = {"name": "x.jpg", "mimeType": "image/jpeg", "buffer": b"\xff\xd8\xff" + bytes(9)}
    page.set_input_files("#file", [broken, *files(2)])
    page.locator(".failed #class", has_text="the picture is truncated").wait_for()
    assert page.locator("#blank").is_visible()
    page.keyboard.press("ArrowRight")
    assert result(page) == best(0)
    assert page.locator("#thumbs .caption").first.inner_text() == "cannot be read"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone_in_either_colours(
    shared: Any, visit: Callable[..., Any], scheme: str
) -> None:
    page = visit(
        shared.address,
        viewport={"width": 390, "height": 844},
        is_mobile=True,
        has_touch=True,
        color_scheme=scheme,
    )
    page.set_input_files("#photograph", files(1))
    assert result(page) == best(0)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    low = page.locator("#bars").bounding_box()
    assert low["y"] + low["height"] < 844
    assert page.locator(".button.phone").is_visible()
    assert not page.locator("footer").is_visible()
    ink, paper = page.evaluate(
        "[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"
    )
    dark = sum(map(int, paper[4:-1].split(","))) < sum(map(int, ink[4:-1].split(",")))
    assert dark == (scheme == "dark")


def test_the_token_is_entered_once(serve: Serve, visit: Callable[..., Any]) -> None:
    _, client = serve(token="abc-123")
    page = visit(client.address, status=(401,))
    page.fill("#token", "wrong")
    page.keyboard.press("Enter")
    page.locator("#wrong").wait_for()
    page.fill("#token", "abc-123")
    page.keyboard.press("Enter")
    page.set_input_files("#file", files(1))
    assert result(page) == best(0)


def test_it_says_that_no_model_is_loaded(serve: Serve, visit: Callable[..., Any]) -> None:
    _, client = serve()
    client.json("/v2/repository/models/colours/unload", b"")
    page = visit(client.address)
    assert page.locator("h2", has_text="No model is loaded").is_visible()
    assert not page.locator("#file").is_visible()
    page.keyboard.press("ArrowRight")  # which leads nowhere, and says nothing
    client.json("/v2/repository/models/colours/load", b"")
    page.reload()
    page.set_input_files("#file", files(1))
    assert result(page) == best(0)


def test_numbers_are_shown_with_their_intervals(serve: Serve, visit: Any, numbers: Path) -> None:
    _, service = serve([f"ages={numbers}"])
    page = visit(service.address)
    assert page.locator("#title").inner_text() == "age, <i>count"
    page.set_input_files("#file", files(2))
    row = page.locator("#bars li")
    row.nth(1).wait_for()
    assert "± 9 (90 %)" in page.locator("#class").inner_text()
    assert "年 <b>" in page.locator("#share").inner_text()
    assert row.nth(1).inner_text().startswith("<i>count")
    # The first picture stays on show. Thousands are given in full, and not as four digits of them.
    found = service.json("/predict", files(1)[0]["buffer"])["results"][0]["values"]
    assert row.nth(1).inner_text().split("\n")[1].strip() == f"{found[1]['value']:,.0f}"
    assert page.locator("#yours .caption").first.inner_text().endswith("年 <b>")
