"""The page in Chromium, headless: both networks follow the pen, and compute what PyTorch does."""

import base64
import json
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from PIL import Image

import chromium_flags
from chromium_flags import WIDTHS
from mggc.deploy.parity import expected_levels
from mggc.networks.files import load_network
from mggc.shapes import ByteImages
from mggc.stages.networks import load_original
from mggc.web import runtime_files
from mggc.web.models import WebRun
from mggc.web.runtime_files import FILES
from mggc.web.server import PageServer
from mggc.web.site import Site, make_site
from mggc.web.static import write_static

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page, Route

pytestmark = pytest.mark.browser

FLAGS = [
    *chromium_flags.FLAGS,
    "--use-fake-device-for-media-stream",  # a test picture that moves, in the place of a camera
    "--use-fake-ui-for-media-stream",
]
SOFTWARE_GPU = [
    *(flag for flag in FLAGS if flag != "--disable-gpu"),
    "--enable-unsafe-webgpu",
    "--use-webgpu-adapter=swiftshader",
    "--enable-features=Vulkan",
    "--use-vulkan=swiftshader",
    "--ignore-gpu-blocklist",
]
"""Chromium's own GPU in software: slow, but it takes the same way through the page and the runtime."""
PATIENCE = 60.0
"""Seconds in which a page has loaded its networks and computed, on a busy machine too."""
SIZE = 32
READ = """canvas => {
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    return btoa(String.fromCharCode(...data));
}"""


@pytest.fixture(scope="module")
def site(prepared: WebRun) -> Site:
    folder = runtime_files.VENDORED
    if not all((folder / name).is_file() for name in FILES):
        pytest.fail(f"Tests marked browser need the runtime's files in {folder}: make runtime.")
    return make_site([prepared], runtime_files.find_runtime(), examples=2, static=False)


@pytest.fixture(scope="module")
def url(site: Site) -> Iterator[str]:
    yield from serve(site)


def serve(site: Site) -> Iterator[str]:
    with PageServer(site, port=0) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server.url
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator["BrowserContext"]:
    with chromium(tmp_path_factory.mktemp("profile"), FLAGS) as context:
        yield context


@contextmanager
def chromium(profile: Path, flags: list[str]) -> Iterator["BrowserContext"]:
    # Imported here: who leaves these tests out needs neither package nor browser.
    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium")
    if program is None:
        pytest.fail("Tests marked browser need Chromium: no chromium on PATH.")
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            profile, executable_path=program, headless=True, args=flags
        )
        yield context
        context.close()


@pytest.fixture
def page(browser: "BrowserContext", url: str) -> Iterator["Page"]:
    """The page, open; an error in its script or a request to anywhere else fails the test."""
    page, trouble = open_page(browser, url)
    yield page
    page.close()
    assert trouble == []


def open_page(browser: "BrowserContext", url: str) -> tuple["Page", list[str]]:
    page = browser.new_page()
    trouble: list[str] = []
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on("console", lambda said: trouble.append(said.text) if said.type == "error" else None)
    page.on(
        "request",
        lambda request: trouble.append(request.url) if not request.url.startswith((url, "blob:")) else None,
    )
    page.set_viewport_size({"width": WIDTHS[0], "height": 900})
    page.goto(url)
    wait_for_results(page)
    return page, trouble


def wait_for_results(page: "Page") -> None:
    """Until both networks have computed what the source canvas shows now; it may change once more meanwhile."""
    deadline = time.monotonic() + PATIENCE
    page.wait_for_timeout(100)
    while True:
        wanted = page.locator("#drawing").get_attribute("data-id")
        found = [page.locator(f'.result[data-model="{number}"][data-shown="{wanted}"]') for number in (0, 1)]
        if wanted is not None and all(result.count() == 1 and result.is_visible() for result in found):
            return
        assert time.monotonic() < deadline, "The networks have not shown what the canvas holds."
        page.wait_for_timeout(50)


def read(page: "Page", selector: str) -> ByteImages:
    """A canvas as an image of three channels."""
    pixels = np.frombuffer(base64.b64decode(page.locator(selector).evaluate(READ)), dtype=np.uint8)
    return torch.tensor(pixels.reshape(1, SIZE, SIZE, 4)[..., :3]).permute(0, 3, 1, 2)


def results(page: "Page") -> list[ByteImages]:
    return [read(page, f'.result[data-model="{number}"] canvas') for number in (0, 1)]


def draw_stroke(page: "Page") -> None:
    box = page.locator("#drawing").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 0.2 * box["width"], box["y"] + 0.3 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.8 * box["width"], box["y"] + 0.6 * box["height"], steps=5)
    page.mouse.up()
    wait_for_results(page)


def assert_equals_pytorch(page: "Page", prepared: WebRun) -> None:
    source = read(page, "#drawing")
    networks = (load_original(prepared.run, "generator"), load_network(prepared.run.compressed))
    for loaded, shown in zip(networks, results(page), strict=True):
        expected = expected_levels(loaded.network, prepared.interface, source)
        assert (expected - shown.float()).abs().max() <= 2
        assert shown.float().std() > 0


def test_both_results_follow_the_pen_and_equal_pytorchs(page: "Page", prepared: WebRun) -> None:
    assert_equals_pytorch(page, prepared)
    source, before = read(page, "#drawing"), results(page)
    draw_stroke(page)
    assert not torch.equal(read(page, "#drawing"), source)
    for old, new in zip(before, results(page), strict=True):
        assert not torch.equal(old, new)
    assert_equals_pytorch(page, prepared)
    page.get_by_role("button", name="Undo").click()
    wait_for_results(page)
    assert torch.equal(read(page, "#drawing"), source)
    page.get_by_role("button", name="Clear").click()
    wait_for_results(page)
    assert read(page, "#drawing").unique().tolist() == [255]
    assert_equals_pytorch(page, prepared)


def test_threads_are_at_work_and_figures_are_shown(page: "Page") -> None:
    assert page.evaluate("crossOriginIsolated") is True
    if page.evaluate("navigator.hardwareConcurrency") > 1:
        assert " threads" in page.locator("#runtime").inner_text()
    for name in ("Original", "Compressed"):
        card = page.locator(".result").filter(has=page.get_by_role("heading", name=name, exact=True))
        assert float(card.locator(".time strong").inner_text()) > 0
        assert card.get_by_text("MB").count() >= 1
        assert card.get_by_text("MACs").is_visible()
    assert page.locator("#tiles .value").first.inner_text().endswith("×")


def test_it_is_drawn_and_compared_by_keyboard(page: "Page") -> None:
    before = read(page, "#drawing")
    page.locator("#drawing").focus()
    for key in ("Space", "ArrowRight", "ArrowRight", "ArrowDown", "Space", "ArrowDown"):
        page.keyboard.press(key)
    wait_for_results(page)
    assert not torch.equal(read(page, "#drawing"), before)
    page.keyboard.press("Control+z")
    wait_for_results(page)
    assert torch.equal(read(page, "#drawing"), before)
    slider = page.get_by_role("slider", name="Divider between the two results")
    slider.focus()
    page.keyboard.press("Home")
    assert page.locator("#right").evaluate("c => getComputedStyle(c).clipPath") in (
        "inset(0px)",
        "inset(0px 0px 0px 0%)",
    )


def test_a_dropped_picture_is_translated_and_anything_else_is_named(
    page: "Page", prepared: WebRun, tmp_path: Path
) -> None:
    Image.new("RGB", (80, 50), (200, 30, 30)).save(tmp_path / "red.png")
    page.locator("#file").set_input_files(tmp_path / "red.png")
    page.wait_for_timeout(200)
    wait_for_results(page)
    assert read(page, "#drawing").float().mean((0, 2, 3)).tolist() == pytest.approx([200, 30, 30], abs=1)
    assert_equals_pytorch(page, prepared)
    (tmp_path / "words.txt").write_text("no picture")
    page.locator("#file").set_input_files(tmp_path / "words.txt")
    page.get_by_text("A picture was wanted").wait_for()
    (tmp_path / "broken.png").write_text("no picture")
    page.locator("#file").set_input_files(tmp_path / "broken.png")
    page.get_by_text("cannot be read").wait_for()


def test_both_results_follow_the_camera_until_it_is_stopped(page: "Page", prepared: WebRun) -> None:
    still, before = read(page, "#drawing"), results(page)
    page.get_by_role("button", name="Camera").click()
    stop = page.get_by_role("button", name="Stop camera", pressed=True)
    stop.wait_for()
    page.wait_for_timeout(500)
    stop.click()
    wait_for_results(page)
    assert not torch.equal(read(page, "#drawing"), still)
    for old, new in zip(before, results(page), strict=True):
        assert not torch.equal(old, new)
    assert_equals_pytorch(page, prepared)


@pytest.mark.parametrize("width", WIDTHS)
def test_the_page_is_not_wider_than_the_window(page: "Page", width: int) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    drawing = page.locator("#drawing").bounding_box()
    result = page.locator(".result canvas").last.bounding_box()
    assert drawing is not None
    assert result is not None
    # Whoever draws sees what comes out.
    assert max(drawing["y"] + drawing["height"], result["y"] + result["height"]) <= 844


def test_a_model_that_does_not_load_says_so_and_the_other_runs(browser: "BrowserContext", url: str) -> None:
    page = browser.new_page()
    page.route("**/models/0-0-*", lambda route: route.abort())
    page.goto(url)
    page.locator('.result[data-model="1"][data-shown]').wait_for(timeout=60_000)
    page.get_by_text("Not shown: ").wait_for()
    page.close()


def test_a_model_that_may_be_too_large_waits_and_the_other_runs(browser: "BrowserContext", url: str) -> None:
    page = browser.new_page()

    def enlarge(route: "Route") -> None:
        site = route.fetch().json()
        site["tasks"][0]["models"][0]["bytes"] = 600_000_000
        route.fulfill(json=site)

    page.route("**/models.json", enlarge)
    page.goto(url)
    page.locator('.result[data-model="1"][data-shown]').wait_for(timeout=60_000)
    page.get_by_text("600 MB may be too large for this device.").wait_for()
    page.get_by_role("button", name="Load it anyway").click()
    page.get_by_text("Not shown: ").wait_for()  # it is not as long as it was said to be
    page.close()


def test_a_static_host_without_headers_gets_threads_by_the_pages_own_means(
    browser: "BrowserContext", prepared: WebRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_static(
        make_site([prepared], runtime_files.find_runtime(), examples=1, static=True), tmp_path / "out"
    )
    assert json.loads((tmp_path / "out" / "models.json").read_text())["static"]
    monkeypatch.setattr(SimpleHTTPRequestHandler, "log_message", lambda *_: None)
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path / "out"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{server.server_port}/index.html")
        page.locator(".result[data-shown]").nth(1).wait_for(timeout=60_000)
        wait_for_results(page)
        isolated = page.evaluate("crossOriginIsolated")
        assert_equals_pytorch(page, prepared)
        page.close()
        server.shutdown()
        thread.join()
    assert isolated is True
