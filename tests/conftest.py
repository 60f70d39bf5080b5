import os
import tempfile
from pathlib import Path

import pytest
import torch


def pytest_configure(config: pytest.Config) -> None:
    # Pretrained files of whoever runs the tests are not for them: figures would depend on what is there.
    os.environ["MGGC_CACHE"] = str(Path(tempfile.gettempdir()) / f"mggc-test-cache-{os.getpid()}")
    # Two workers with two threads each stall each other; a lone process may use all cores.
    if "PYTEST_XDIST_WORKER" in os.environ:
        torch.set_num_threads(1)


@pytest.fixture(scope="session")
def real_images() -> Path:
    """The folder of real image sets; asked for and missing is a failure, not a skip."""
    folder = os.environ.get("MGGC_REAL_IMAGES")
    if folder is None or not Path(folder).is_dir():
        pytest.fail("MGGC_REAL_IMAGES should name the folder with facades/, edges2shoes/ and horse2zebra/.")
    return Path(folder)
