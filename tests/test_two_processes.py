import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from mggc.baselines.learned import LEARNED

SCRIPT = Path(__file__).with_name("two_processes.py")


@pytest.mark.slow
def test_two_processes_end_with_the_same_weights(tmp_path: Path) -> None:
    """Batch norms, distillation, pools, agents: each rank sees images of its own, and all agree in the end."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(SCRIPT.parent)}
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(tmp_path)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for training in ("finetune", "online", "cycle", "game", *LEARNED):
        zero, one = (torch.load(tmp_path / f"{training}-{rank}.pt", weights_only=True) for rank in range(2))
        assert zero.keys() == one.keys()
        assert len(zero) > 4
        for name in zero:
            assert torch.equal(zero[name], one[name]), f"{training}: {name}"
