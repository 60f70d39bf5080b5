"""Seconds and peak memory of the exact neighbour search (Eq. 1) on random unit vectors.

python benchmarks/neighbor_search.py --images 50000 --dim 512
"""

import argparse
import time
from pathlib import Path

import torch

from mggc.manifold.neighbors import nearest_neighbors


def peak_gib() -> float:
    status = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in status if line.startswith("VmHWM")).split()[1]) / 1024**2


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=50_000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--k", type=int, default=5)
    arguments = parser.parse_args()
    generator = torch.Generator().manual_seed(0)
    # After a ReLU, as encoders give them: no negative features.
    embeddings = torch.randn(arguments.images, arguments.dim, generator=generator).relu()
    before = peak_gib()
    begun = time.perf_counter()
    nearest_neighbors(embeddings, arguments.k, backend="exact")
    print(
        f"{arguments.images:,} × {arguments.dim}, k = {arguments.k}, {torch.get_num_threads()} threads: "
        f"{time.perf_counter() - begun:.1f} s, peak {peak_gib():.2f} GiB ({before:.2f} before the search)"
    )


if __name__ == "__main__":
    main()
