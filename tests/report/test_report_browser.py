"""The page in Chromium, headless: what it shows, at two widths, and what it does by keyboard alone."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from report_toys import toy_comparison, toy_sweep, write_results

from chromium_flags import FLAGS, WIDTHS
from mggc.report.render import write_report

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def pages(paired_run: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A run's report, and one of a run and a grid together."""
    folder = tmp_path_factory.mktemp("pages")
    grid = write_results(folder / "grid", "compare.json", toy_comparison())
    write_results(grid, "sweep.json", toy_sweep())
    for method in ("uniform", "game"):
        shutil.copytree(paired_run, grid / "cells" / f"{method}-0")
    sizes = {"pictures": 3, "map_images": 6}
    return {
        "run": write_report([paired_run], folder / "run.html", **sizes),
        "grid": write_report([paired_run, grid], folder / "grid.html", **sizes),
    }


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator["BrowserContext"]:
    # Imported here: who leaves these tests out needs neither package nor browser.
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.fail("Tests marked browser need Chromium: no chromium on PATH.")
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            tmp_path_factory.mktemp("profile"), executable_path=chromium, headless=True, args=FLAGS
        )
        yield context
        context.close()


@pytest.fixture
def page(browser: "BrowserContext", pages: dict[str, Path]) -> Iterator["Page"]:
    """The run's report, open; an error in its script or a request to anywhere fails the test."""
    page = browser.new_page()
    trouble: list[str] = []
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on("request", lambda request: trouble.append(request.url) if not _local(request.url) else None)
    page.set_viewport_size({"width": WIDTHS[0], "height": 900})
    page.goto(pages["run"].as_uri())
    yield page
    page.close()
    assert trouble == []


def _local(url: str) -> bool:
    return url.startswith(("file:", "data:"))


def test_pictures_and_plots_are_found_by_role_and_name(page: "Page") -> None:
    for column in ("source", "original", "compressed", "target"):
        pictures = page.get_by_role("img", name=f"{column}, ").all()
        assert len([picture for picture in pictures if picture.is_visible()]) >= 3
    for name in (
        "Channels that the generator keeps",
        "Channels that the discriminator keeps",
        "Generator's loss, by iteration",
        "Budget penalty, by iteration",
        "Map of 6 images",
    ):
        plot = page.get_by_role("img", name=name)
        assert plot.count() == 1
        assert min(plot.bounding_box()["width"], plot.bounding_box()["height"]) > 60
    for heading in ("What it costs", "How close it comes", "Neighbourhoods", "Where it comes from"):
        assert page.get_by_role("heading", name=heading).is_visible()
    assert page.get_by_role("img", name="Neighbour 1").count() == 8


def test_every_picture_decodes(page: "Page") -> None:
    broken = "[...document.querySelectorAll('td img, .neighborhood img')].filter(i => !i.naturalWidth).length"
    assert page.evaluate(broken) == 0


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["run", "grid"])
def test_no_page_is_wider_than_the_window(
    page: "Page", pages: dict[str, Path], name: str, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(pages[name].as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_slider_moves_by_keyboard(page: "Page") -> None:
    slider = page.get_by_role("slider", name="Divider")
    picture = page.locator(".stage .right")
    before = picture.evaluate("i => getComputedStyle(i).clipPath")
    slider.focus()
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    assert slider.input_value() == "60"
    assert picture.evaluate("i => getComputedStyle(i).clipPath") != before
    page.keyboard.press("Home")
    assert slider.input_value() == "0"


def test_the_next_image_is_a_key_away(page: "Page") -> None:
    first = page.locator(".stage .left").get_attribute("src")
    page.get_by_role("button", name="Next image").focus()
    page.keyboard.press("Enter")
    second = page.locator(".stage .left")
    assert second.get_attribute("src") != first
    assert second.get_attribute("alt") == page.locator("tbody tr:nth-child(2) img").nth(1).get_attribute(
        "alt"
    )
    assert page.locator(".slider .name").inner_text().endswith("(2 of 3)")


def test_a_picture_is_enlarged_and_left_by_keyboard(page: "Page") -> None:
    opener = page.get_by_role("button", name="Enlarge original").first
    opener.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Enlarged picture")
    assert dialog.is_visible()
    assert dialog.locator("figcaption").inner_text().startswith("original: ")
    assert dialog.locator("img").bounding_box()["width"] > 300
    page.keyboard.press("ArrowRight")
    assert dialog.locator("figcaption").inner_text().startswith("compressed: ")
    page.keyboard.press("Escape")
    assert not dialog.is_visible()
    assert opener.evaluate("button => button === document.activeElement")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_the_page(page: "Page", scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)
    colors = {
        selector: page.locator(selector).first.evaluate("e => getComputedStyle(e).color")
        for selector in ("body", ".caption", ".tile .value", "summary", "figcaption")
    }
    paper = page.locator("body").evaluate("e => getComputedStyle(e).backgroundColor")
    for selector, color in colors.items():
        assert contrast(color, paper) >= 4.5, selector
    for name in (
        "--original",
        "--compressed",
        "--series-1",
        "--series-2",
        "--series-8",
        "--shared",
        "--center",
    ):
        color = page.evaluate(f"getComputedStyle(document.documentElement).getPropertyValue('{name}')")
        assert contrast(color, paper) >= 3, name


def contrast(one: str, other: str) -> float:
    """WCAG's ratio of luminances, of ``rgb(…)`` or ``#rrggbb``."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(color: str) -> float:
    if color.startswith("#"):
        levels = [int(color[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    else:
        levels = [int(level) / 255 for level in color.removeprefix("rgb(").removesuffix(")").split(",")]
    linear = [level / 12.92 if level <= 0.04045 else ((level + 0.055) / 1.055) ** 2.4 for level in levels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_on_paper_there_are_pictures_and_no_controls(page: "Page") -> None:
    page.emulate_media(media="print", color_scheme="dark")
    assert page.locator(".slider").is_hidden()
    assert page.locator("td img").first.is_visible()
    ink = page.locator("body").evaluate("e => getComputedStyle(e).color")
    assert contrast(ink, "#ffffff") > 10


def test_a_grid_lets_the_reader_choose_what_stands_at_the_right(page: "Page", pages: dict[str, Path]) -> None:
    page.goto(pages["grid"].as_uri())
    choice = page.get_by_role("combobox", name="Shown at the right").first
    assert choice.locator("option").all_inner_texts() == ["uniform →", "game →"]
    choice.select_option(index=1)
    assert page.locator(".stage .right").first.get_attribute("alt").startswith("game, ")
    assert page.get_by_role("img", name="mean IoU against the share of multiply-adds left").is_visible()
    assert page.get_by_role("cell", name="0.810 ± 0.014").is_visible()
