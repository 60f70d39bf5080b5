"""Seconds per iteration of training, game and finetuning, side by side in one process, and each stage's peak memory.

python benchmarks/iterations.py --image-size 128 --ngf 32 --batch-size 4
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import numpy as np
import torch
from lightning_fabric import Fabric
from PIL import Image

from mggc.config import CompressConfig, DataConfig, NetworkConfig
from mggc.data.dataset import Dataset
from mggc.data.loaders import Batch, stack, training_batches
from mggc.data.open import open_dataset
from mggc.data.prefetch import Prefetch
from mggc.finetune.distill import Distillation
from mggc.gan.pix2pix import Pix2Pix
from mggc.manifold.encoder import build_encoder, embed, encoder_spec
from mggc.manifold.neighbors import nearest_neighbors
from mggc.networks.build import build
from mggc.pruning.channels import trace_channels
from mggc.pruning.cut import cut
from mggc.pruning.game import Game
from mggc.pruning.macs import MacsCounter
from mggc.pruning.plan import uniform_plan
from mggc.pruning.rounds import rounds
from mggc.stages.networks import original_specs
from mggc.stages.resolve import resolve

STAGES = ("train", "game", "finetune", "neighbors")
PAIRS = 40


def write_pairs(folder: Path, size: int) -> None:
    """Smooth noise as JPEG pairs, side by side: as expensive to decode as photographs."""
    random = np.random.default_rng(0)
    for phase in ("train", "val", "test"):
        (folder / phase).mkdir(parents=True)
        for number in range(PAIRS):
            small = Image.fromarray(random.integers(0, 255, (size // 8, size // 4, 3), dtype=np.uint8))
            small.resize((2 * size, size), Image.Resampling.BICUBIC).save(folder / phase / f"{number}.jpg")


class Bench:
    """Everything an iteration of each stage needs, built on demand."""

    def __init__(self, arguments: argparse.Namespace, folder: Path) -> None:
        self.batch_size = arguments.batch_size
        self.config = resolve(
            CompressConfig(
                data=DataConfig(data=str(folder), image_size=arguments.image_size),
                network=NetworkConfig(ngf=arguments.ngf),
            )
        )
        self.dataset: Dataset = open_dataset(self.config.data, "pix2pix")
        self.fabric = Fabric(accelerator="cpu", precision=arguments.precision)
        self.specs = original_specs(self.config)

    def network(self, role: str) -> torch.nn.Module:
        return build(self.specs[role])  # type: ignore[index]

    def batches(self) -> Iterator[Batch]:
        return training_batches(
            self.dataset.train, self.config.data, batch_size=self.batch_size, seed=0, augment=True
        )

    def train(self) -> tuple[Callable[[Batch], object], Iterator[Batch]]:
        gan = Pix2Pix(
            self.network("generator"), self.network("discriminator"), self.config.train, self.fabric
        )
        return lambda batch: gan.update(batch.source, batch.target), self.batches()

    def finetune(self) -> tuple[Callable[[Batch], object], Iterator[Batch]]:
        generator, discriminator = self.network("generator"), self.network("discriminator")
        size = self.config.data.image_size
        counter = MacsCounter(trace_channels(generator, image_size=size))
        scores = torch.zeros(counter.table.prunable)
        student = cut(
            generator, counter.table, uniform_plan(scores, counter, budget=round(0.2 * counter.total))
        )
        teacher = Distillation(
            student,
            generator,
            discriminator,
            torch.zeros(2, 3, size, size),
            self.fabric,
            model="pix2pix",
            conditional=True,
            content_weight=50,
            texture_weight=1e4,
        )
        gan = Pix2Pix(
            student, self.network("discriminator"), self.config.finetune, self.fabric, teacher=teacher
        )
        return lambda batch: gan.update(batch.source, batch.target), self.batches()

    def game(self) -> tuple[Callable[[object], object], Iterator[object]]:
        generator, discriminator = self.network("generator"), self.network("discriminator")
        size = self.config.data.image_size
        tables = [trace_channels(network, image_size=size) for network in (generator, discriminator)]
        game = Game(
            generator,
            discriminator,
            *tables,
            self.config.prune,
            self.fabric,
            budget=round(0.2 * MacsCounter(tables[0]).total),
            convention="exact",
            conditional=True,
            gan_mode="hinge",
        )
        images = stack(self.dataset.train.target, image_size=size).numpy()
        indices = torch.arange(len(images))[:, None].repeat(1, 5)
        batches = rounds(
            self.dataset.train.source, images, indices, batch_size=self.batch_size, seed=0, flip=True
        )
        return lambda batch: game.step(*batch), batches  # type: ignore[misc]

    def neighbors(self) -> tuple[Callable[[object], object], Iterator[object]]:
        encoder = build_encoder(encoder_spec(self.config.encode, data_image_size=self.config.data.image_size))
        images = stack(self.dataset.train.target, image_size=self.config.data.image_size)
        return lambda _: nearest_neighbors(embed(encoder, images), 5), iter(lambda: None, 0)


def run(arguments: argparse.Namespace, folder: Path) -> None:
    """Time the three stages in turns, round after round, so that a busy machine slows all of them."""
    bench = Bench(arguments, folder)
    prepared = {name: getattr(bench, name)() for name in STAGES[:3]}
    seconds: dict[str, list[float]] = {name: [] for name in prepared}
    waits: dict[str, float] = {}
    loaders = {name: Prefetch(batches) for name, (_, batches) in prepared.items()}
    for name, loader in loaders.items():
        for _ in range(2):
            prepared[name][0](next(loader))
        waits[name] = -loader.waited_seconds
    for _ in range(arguments.rounds):
        for name, (update, _) in prepared.items():
            begun = time.perf_counter()
            update(next(loaders[name]))
            seconds[name].append(time.perf_counter() - begun)
    print(f"{'stage':<10}{'s/iteration':>12}{'to training':>12}{'loader wait':>12}{'peak memory':>14}")
    base = median(seconds["train"])
    for name, loader in loaders.items():
        share = (waits[name] + loader.waited_seconds) / sum(seconds[name])
        loader.close()
        middle = median(seconds[name])
        print(
            f"{name:<10}{middle:>12.3f}{middle / base:>12.2f}{share:>12.1%}{peak(arguments, name, folder):>10.0f} MiB"
        )
    print(f"{'neighbors':<10}{'':>36}{peak(arguments, 'neighbors', folder):>10.0f} MiB")


def peak(arguments: argparse.Namespace, stage: str, folder: Path) -> float:
    """Peak resident memory in MiB of a process that does a few iterations of one stage."""
    command = [sys.executable, __file__, "--stage", stage, "--folder", str(folder)]
    for name in ("image_size", "ngf", "batch_size", "precision", "threads"):
        command += [f"--{name.replace('_', '-')}", str(getattr(arguments, name))]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return float(json.loads(output.splitlines()[-1])["peak_mib"])


def run_one(arguments: argparse.Namespace) -> None:
    update, batches = getattr(Bench(arguments, Path(arguments.folder)), arguments.stage)()
    for _ in range(3):
        update(next(batches))
    print(json.dumps({"peak_mib": peak_kibibytes() / 1024}))


def peak_kibibytes() -> int:
    status = Path("/proc/self/status")
    if status.exists():  # unlike getrusage's figure, this one is not inherited from the parent process
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--image-size", type=int, default=128)
    parser.add_argument("--ngf", type=int, default=32)
    parser.add_argument("--batch-size", type=int, default=4)
    parser.add_argument("--precision", default="32")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--stage", choices=STAGES)
    parser.add_argument("--folder")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.stage:
        run_one(arguments)
        return
    with tempfile.TemporaryDirectory() as folder:
        write_pairs(Path(folder), arguments.image_size)
        run(arguments, Path(folder))


if __name__ == "__main__":
    main()
