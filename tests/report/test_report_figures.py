import re

import numpy as np
import pytest
import torch
from markupsafe import Markup

from mggc.report.curves import Curve, thin
from mggc.report.figures import VARIABLES
from mggc.report.figures_game import game_legend, game_panels
from mggc.report.figures_map import manifold_map
from mggc.report.figures_widths import width_bars
from mggc.report.manifold import principal_plane
from mggc.report.pictures import Translations
from mggc.report.widths import LayerWidth

HOSTILE = "$a_{1}$ --><script>alert(1)</script> & 語"


def line(length: int = 5) -> Curve:
    steps = np.arange(1.0, length + 1)
    return Curve(steps, 1 / steps, 0.9 / steps, 1.1 / steps)


def draw() -> list[Markup]:
    """One of each kind, with names that try to break out."""
    games = {
        HOSTILE: {"generator_loss": line(), "generator_kept": line()},
        "other": {"generator_loss": line()},
    }
    images = torch.randint(256, (6, 1, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    plane = principal_plane(torch.rand(6, 4), torch.rand(6, 4))
    translations = Translations(
        tuple("abcdef"), images, {"original": images, "compressed": images}, None, "test", 6
    )
    return [
        *(panel.svg for panel in game_panels(games, key="game")),
        width_bars([LayerWidth(HOSTILE, "conv", 3, 8)], network="generator", key="widths"),
        manifold_map(plane, translations, key="map"),
    ]


@pytest.fixture(scope="module")
def figures() -> list[Markup]:
    torch.manual_seed(0)
    return draw()


def test_a_plot_takes_all_its_colours_from_the_page(figures: list[Markup]) -> None:
    for svg in figures:
        without_pictures = re.sub(r'href="data:[^"]*"', "", svg)
        assert re.findall(r"#[0-9a-f]{6}\b", without_pictures) == []
        assert not any(color in svg for color in VARIABLES)
        assert "var(--" in svg


def test_a_plot_names_no_address_and_has_a_description(figures: list[Markup]) -> None:
    for svg in figures:
        assert "http" not in svg
        assert "<!" not in svg
        assert re.match(r'<svg viewBox="[\d. ]+" [^>]*role="img" aria-label="[^"]{20,}">', svg)


def test_names_in_plots_are_text_and_nothing_else(figures: list[Markup]) -> None:
    for svg in (figures[0], figures[2]):
        assert "<script" not in svg
        assert "&lt;script&gt;" in svg
        assert "$a_{1}$" in svg


def test_ids_are_unique_over_all_plots(figures: list[Markup]) -> None:
    ids = [found for svg in figures for found in re.findall(r'\bid="([^"]*)"', svg)]
    assert len(ids) == len(set(ids)) > 0


def test_the_same_figures_are_the_same_text(figures: list[Markup]) -> None:
    torch.manual_seed(0)
    assert draw() == figures


def test_a_legend_is_for_several_games() -> None:
    curves = {"generator_loss": line()}
    assert game_legend({"one": curves}) == []
    legend = game_legend({str(number): curves for number in range(10)})
    assert len({(entry.color, entry.dashed) for entry in legend}) == 10


def test_thinning_keeps_means_and_percentiles_of_each_bin() -> None:
    values = np.random.default_rng(0).normal(size=1001).tolist()
    curve = thin(range(1, 1002), values, points=10)
    bins = np.array_split(np.array(values), 10)
    assert curve.mean == pytest.approx([part.mean() for part in bins])
    assert curve.low == pytest.approx([np.percentile(part, 10) for part in bins])
    assert curve.high == pytest.approx([np.percentile(part, 90) for part in bins])
    assert curve.steps[0] == pytest.approx(np.arange(1, len(bins[0]) + 1).mean())


def test_numbers_that_are_not_finite_leave_gaps() -> None:
    curve = thin([1, 2, 3, 4], [1.0, float("nan"), None, 4.0])
    assert curve.steps.tolist() == [1, 4]
    assert curve.mean.tolist() == [1.0, 4.0]
