import shutil
from pathlib import Path

import pytest

from mggc.stages.compress import compress_run
from mggc.web.models import WebRun, prepare_run
from mggc.web.runtime_files import FILES
from pipeline_toys import tiny_config, write_pairs


@pytest.fixture(scope="session")
def web_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished Pix2Pix run whose files for the browser are there already; not to be changed."""
    folder = tmp_path_factory.mktemp("web")
    compress_run(tiny_config("pix2pix", write_pairs(folder / "pairs", test=6)), folder / "tiny")
    prepare_run(folder / "tiny", lambda _: None)
    return folder / "tiny"


@pytest.fixture(scope="session")
def prepared(web_run: Path) -> WebRun:
    return prepare_run(web_run, lambda _: None)


@pytest.fixture
def run(web_run: Path, tmp_path: Path) -> Path:
    """A copy of it to work with."""
    return Path(shutil.copytree(web_run, tmp_path / "run"))


@pytest.fixture(scope="session")
def stand_ins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files with the names of the runtime's: what only passes them on does not look inside."""
    folder = tmp_path_factory.mktemp("runtime")
    for name in FILES:
        (folder / name).write_text(name)
    return folder
