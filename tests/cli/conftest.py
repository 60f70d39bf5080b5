import shutil
from pathlib import Path

import pytest

from mggc.stages.compress import compress_run
from pipeline_toys import tiny_config, write_pairs


@pytest.fixture(scope="session")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small aligned data set; not to be changed."""
    return write_pairs(tmp_path_factory.mktemp("data") / "pairs")


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, pairs: Path) -> Path:
    """A finished run on it; not to be changed."""
    out = tmp_path_factory.mktemp("runs") / "finished"
    compress_run(tiny_config("pix2pix", pairs), out)
    return out


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    """A copy of it to work with."""
    return Path(shutil.copytree(finished, tmp_path / "run"))
