import json
from itertools import pairwise
from pathlib import Path

import pytest

from mggc.config import CompressConfig
from mggc.errors import MggcError
from mggc.runs.rundir import RunDir
from mggc.runs.settings import differences
from mggc.stages.comparison.ablation import VARIED, ablation_rows
from mggc.stages.comparison.compare import compare
from mggc.stages.comparison.grid import Cell, Grid, cell_config, shared_config
from mggc.stages.resolve import resolve
from mggc.stages.source import GeneratorSource
from pipeline_toys import tiny_config, write_domains, write_generator, write_pairs

STEPS = [
    {"prune.prune_discriminator"},
    {"prune.agents"},
    {"prune.feedback"},
    {"prune.neighbors"},
    {"finetune.distillation"},
]


def configs(base: CompressConfig) -> list[CompressConfig]:
    shared = shared_config(resolve(base))
    return [cell_config(shared, Cell(row, "20%", 0)) for row in ablation_rows(base.prune.neighbors)]


def test_each_row_adds_one_part_and_the_last_is_the_whole_method() -> None:
    rows = configs(CompressConfig())
    changes = [differences(before, after) for before, after in pairwise(rows)]
    assert [set(change) for change in changes] == STEPS
    seeded = {"prune": {"seed": 0}, "finetune": {"seed": 0}}
    whole = resolve(CompressConfig.model_validate({"budget": "20%", **seeded}))
    assert rows[-1] == whole


def test_the_rows_override_what_the_settings_say_of_the_parts() -> None:
    base = CompressConfig.model_validate(
        {"prune": {"agents": False, "method": "uniform"}, "finetune": {"distillation": False}}
    )
    assert configs(base) == configs(CompressConfig())
    fixed = {name for change in STEPS for name in change} | {"prune.method"}
    assert set(VARIED) == fixed - {"prune.neighbors"}


def test_without_neighbourhoods_there_is_nothing_to_ablate() -> None:
    with pytest.raises(MggcError, match=r"--prune.neighbors"):
        ablation_rows(0)


def test_rows_without_neighbourhoods_share_a_neighbours_stage_of_their_own(tmp_path: Path) -> None:
    out = tmp_path / "out"
    config = tiny_config("pix2pix", write_pairs(tmp_path / "pairs"))
    rows = ablation_rows(config.prune.neighbors)
    found = compare(config, Grid((rows[0], rows[-1]), ("30%",), (0,)), out, name="ablate", title="Ablation")
    assert found.failed == 0
    content = json.loads((out / "ablate.json").read_text())
    assert content["methods"] == ["Baseline", "+ distillation"]
    twins = {
        cell.name: next(
            name
            for name in ("shared", "shared-k0")
            if (cell / "neighbors" / "teacher_images.npy").samefile(
                out / name / "neighbors" / "teacher_images.npy"
            )
        )
        for cell in (out / "cells").iterdir()
    }
    assert twins == {
        "baseline-30pct-s0": "shared-k0",
        "distillation-30pct-s0": "shared",
    }
    weights = "original/generator/model.safetensors"
    assert (out / "shared" / weights).samefile(out / "shared-k0" / weights)
    assert RunDir.open(out / "shared-k0").stage("neighbors").done()["k"] == 0  # type: ignore[index]


def test_a_row_that_cannot_be_finetuned_fails_before_its_game(tmp_path: Path) -> None:
    config = tiny_config(
        "cyclegan", write_domains(tmp_path / "domains"), network={"generator_name": "unet_32"}
    )
    source = GeneratorSource(str(write_generator(tmp_path / "generator", channels=3)))
    grid = Grid(ablation_rows(config.prune.neighbors)[4:], ("30%",), (0,))
    found = compare(config, grid, tmp_path / "out", generator=source, name="ablate", title="Ablation")
    without, with_distillation = found.results["cells"]
    assert "came without its way back" in without["error"]
    assert not (tmp_path / "out" / without["run"] / "prune").exists()
    assert with_distillation["status"] == "done"
