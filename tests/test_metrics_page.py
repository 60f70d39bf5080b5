"""The page about metrics says what there is."""

from pathlib import Path

import pytest

from mggc.config import EvaluateConfig
from mggc.metrics.names import LABELS
from mggc.metrics.palette import SHIPPED
from mggc.weights import ALEXNET, DRN_D_105, INCEPTION, LPIPS_ALEX, PretrainedFile

PAGE = (Path(__file__).parents[1] / "docs" / "metrics.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("figure", sorted(LABELS))
def test_every_figure_is_on_the_page(figure: str) -> None:
    assert any(f"`{figure}{end}" in PAGE for end in ("`", "[", "@"))


@pytest.mark.parametrize("file", [INCEPTION, ALEXNET, LPIPS_ALEX, DRN_D_105], ids=lambda file: file.file_name)
def test_every_pretrained_file_is_on_the_page(file: PretrainedFile) -> None:
    assert f"`{file.file_name}`" in PAGE
    assert file.url in PAGE
    assert file.sha256 is None or f"`{file.sha256}`" in PAGE


def test_settings_and_palettes_on_the_page_exist() -> None:
    for word in PAGE.split("--evaluate.")[1:]:
        name = "".join(
            letter for letter in word.split()[0].split("`")[0] if letter.isalpha() or letter == "-"
        )
        assert name.replace("-", "_") in EvaluateConfig.model_fields
    for path in SHIPPED.glob("*.toml"):
        assert f"`{path.stem}`" in PAGE
