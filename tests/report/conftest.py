import shutil
from pathlib import Path

import pytest

from mggc.networks.build import build, initialize
from mggc.networks.files import save_network
from mggc.networks.specs import named_spec
from mggc.runtime import step_generator
from mggc.stages.compress import compress_run
from mggc.stages.source import GeneratorSource
from pipeline_toys import tiny_config, write_domains, write_pairs


@pytest.fixture(scope="session")
def paired_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished Pix2Pix run; not to be changed."""
    folder = tmp_path_factory.mktemp("paired")
    compress_run(tiny_config("pix2pix", write_pairs(folder / "pairs", test=6)), folder / "paired")
    return folder / "paired"


@pytest.fixture(scope="session")
def one_way_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished CycleGAN run of a generator that came without its way back; not to be changed."""
    folder = tmp_path_factory.mktemp("one-way")
    spec = named_spec("resnet_6blocks", ngf=4)
    save_network(folder / "generator", initialize(build(spec), step_generator(0, "toy")), spec=spec)
    config = tiny_config("cyclegan", write_domains(folder / "domains"))
    compress_run(config, folder / "one-way", generator=GeneratorSource(str(folder / "generator")))
    return folder / "one-way"


@pytest.fixture
def run(paired_run: Path, tmp_path: Path) -> Path:
    """A copy of the Pix2Pix run to work with."""
    return Path(shutil.copytree(paired_run, tmp_path / "run"))
