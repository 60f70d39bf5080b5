import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mggc.config import CompressConfig
from mggc.runs.settings import to_toml
from pipeline_toys import leftovers, tiny_settings, write_pairs

DEVICES = ("--devices", "2", "--device", "cpu", "--json")
SCRIPT = Path(__file__).with_name("ranks.py")


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """The folder and the output of a tiny run on two processes, which the command launches itself."""
    folder = tmp_path_factory.mktemp("two")
    config, data = folder / "tiny.toml", write_pairs(folder / "pairs")
    config.write_text(to_toml(CompressConfig.model_validate(tiny_settings("pix2pix"))))
    (folder / "ranks").mkdir()
    finished = subprocess.run(
        [sys.executable, SCRIPT, "compress", data, "--config", config, "--out", folder / "run", *DEVICES],
        env={**os.environ, "OMP_NUM_THREADS": "1", "RANKS": str(folder / "ranks")},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert finished.returncode == 0, finished.stderr
    return folder, finished


@pytest.mark.slow
def test_two_processes_print_once(both: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    folder, finished = both
    (line,) = finished.stdout.splitlines()
    assert json.loads(line)["run"] == str(folder / "run")
    assert finished.stderr.count("Original and compressed, test split") == 1
    assert finished.stderr.count("\nfinetune ") == 1
    assert "GLOBAL_RANK" not in finished.stderr


@pytest.mark.slow
def test_two_processes_train_one_model_and_write_one_set_of_files(
    both: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    folder, _ = both
    for stage in ("original", "prune", "finetune"):
        ranks = [(folder / "ranks" / f"{stage}-{rank}").read_text() for rank in (0, 1)]
        assert ranks[0] == ranks[1], stage
    assert leftovers(folder) == []
    steps = [json.loads(line)["step"] for line in (folder / "run/prune/log.jsonl").read_text().splitlines()]
    assert steps == [1, 2, 3, 4, 5]
