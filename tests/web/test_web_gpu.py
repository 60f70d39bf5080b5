"""The page on WebGPU, in a browser of its own: Chromium brings a GPU in software."""

from pathlib import Path

import pytest
from test_web_browser import SOFTWARE_GPU, assert_equals_pytorch, chromium, draw_stroke, open_page, serve

from mggc.web.models import WebRun
from mggc.web.runtime_files import find_runtime
from mggc.web.site import make_site

pytestmark = pytest.mark.browser


def test_both_results_equal_pytorchs_on_webgpu(prepared: WebRun, tmp_path: Path) -> None:
    site = make_site([prepared], find_runtime(), examples=1, static=False)
    with chromium(tmp_path / "profile", SOFTWARE_GPU) as browser:
        for url in serve(site):
            page, trouble = open_page(browser, url)
            assert page.locator("#runtime").inner_text().endswith("WebGPU")
            assert page.locator("#notices").inner_text() == ""
            draw_stroke(page)
            assert_equals_pytorch(page, prepared)
            page.get_by_role("combobox", name="Runs on").select_option("wasm")
            page.get_by_text("WASM with SIMD").wait_for()
            page.close()
            assert trouble == []
