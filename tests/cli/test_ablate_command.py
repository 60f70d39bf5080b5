from pathlib import Path

import pytest

from cli_toys import mggc
from mggc.config import CompressConfig
from mggc.runs.settings import to_toml
from pipeline_toys import tiny_settings

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def toml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "tiny.toml"
    path.write_text(to_toml(CompressConfig.model_validate(tiny_settings("pix2pix"))))
    return path


def test_ablate_prints_the_six_rows(capsys: Capture, toml: Path, pairs: Path) -> None:
    answer = mggc(
        capsys,
        "ablate",
        pairs,
        "--config",
        toml,
        "--seeds",
        "1",
        "--budgets",
        "0.4",
        "--out",
        "out",
        "--json",
    )
    rows = [
        "Baseline",
        "+ D pruning",
        "+ pruning agents",
        "+ feedback",
        "+ manifold pruning",
        "+ distillation",
    ]
    assert answer.json["methods"] == rows
    assert answer.json["failed"] == 0
    assert "# Ablation: pairs, pix2pix" in answer.err
    names = [
        "ablate.csv",
        "ablate.json",
        "ablate.md",
        "ablate.png",
        "ablate.svg",
        "cells",
        "shared",
        "shared-k0",
    ]
    assert sorted(path.name for path in Path("out").iterdir()) == names


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ("--prune.neighbors 0", "set --prune.neighbors"),
        ("--prune.no-agents", "--prune.agents is what the runs differ in"),
        ("--finetune.no-distillation", "--finetune.distillation is what the runs differ in"),
        ("--seeds none", "--seeds is their number"),
    ],
)
def test_a_mistake_is_refused_in_one_line(
    capsys: Capture, toml: Path, pairs: Path, arguments: str, part: str
) -> None:
    answer = mggc(capsys, "ablate", pairs, "--config", toml, *arguments.split())
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.count("\n") == 1
    assert part in answer.err
    assert not Path("runs").exists()
