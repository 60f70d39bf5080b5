"""Do SwAV's neighborhoods on letters make sense? Share of neighbors with the same base letter (e, é, è, ê).

    OMP_NUM_THREADS=1 python benchmarks/encoder_glyphs.py [--moved 5] [--updates 900] ... [--picture grid.png]

Compared with raw pixels and with the same network at random weights. Any field of EncodeConfig is a flag; the demo's
encoder is the default. The data set's letters all stand on one baseline, which makes pixels hard to beat; with
--moved each letter is shifted at random first.
"""

import argparse
import time
import unicodedata
from pathlib import Path

import matplotlib
import torch
from lightning_fabric import Fabric
from PIL import ImageFont
from torch import Tensor

from mggc.config import EncodeConfig
from mggc.data.glyphs import FONTS, draw_letter, open_glyphs
from mggc.data.loaders import stack
from mggc.manifold import (
    Encoder,
    build_encoder,
    check_collapse,
    crop_settings,
    embed,
    encoder_spec,
    fit_swav,
    make_swav_state,
    nearest_neighbors,
    neighbor_grid,
    swav_updates,
)
from mggc.presets import DEMO_ENCODER
from mggc.runtime import seed_step

NEIGHBORS = 5
IMAGE_SIZE = 64
SHOWN = 8


def base_looks(names: tuple[str, ...]) -> list[bytes]:
    """How the letter below the accents is drawn, from names such as U+00E9: Latin and Cyrillic a are one look."""
    letters = [chr(int(name.removeprefix("U+"), base=16)) for name in names]
    font = ImageFont.truetype(Path(matplotlib.get_data_path(), "fonts", "ttf", FONTS[1]), 45)
    bases = [unicodedata.normalize("NFD", letter)[0] for letter in letters]
    return [draw_letter(base, font, image_size=IMAGE_SIZE).tobytes() for base in bases]


def moved(images: Tensor, *, pixels: int) -> Tensor:
    """Each image shifted by up to so many pixels, down and to the right; what leaves comes in on the other side."""
    shifts = torch.randint(-pixels, pixels + 1, (len(images), 2), generator=torch.Generator().manual_seed(0))
    pairs = zip(images, shifts.tolist(), strict=True)
    return torch.stack([image.roll(shift, dims=(1, 2)) for image, shift in pairs])


def same_base_share(features: Tensor, bases: list[bytes]) -> str:
    """Among letters that share their base with others: of the nearest neighbor, and of as many as five."""
    number = {base: index for index, base in enumerate(dict.fromkeys(bases))}
    base = torch.tensor([number[base] for base in bases])
    reachable = ((base[:, None] == base).sum(1) - 1).clamp(max=NEIGHBORS)
    same = base[nearest_neighbors(features, NEIGHBORS).indices] == base[:, None]
    counted = reachable > 0
    within = torch.arange(NEIGHBORS) < reachable[:, None]
    top = (same & within).sum(1)[counted] / reachable[counted]
    return f"nearest {same[counted, 0].float().mean():.3f}  top-{NEIGHBORS} {top.mean():.3f}"


def train(encoder: Encoder, images: Tensor, config: EncodeConfig, *, seed: int) -> str:
    """Train in place; time and signs of a collapse."""
    fabric = Fabric(accelerator="cpu")
    state = make_swav_state(encoder, config, seed=seed, fabric=fabric)
    views = crop_settings(encoder, config, flip=False)
    total = swav_updates(config, images=len(images))
    begun = time.process_time()
    training = fit_swav(state, images, config, seed=seed, total=total, crop_settings=views, fabric=fabric)
    losses = [record.loss for record in training][-10:]
    seconds = time.process_time() - begun
    report = check_collapse(
        embed(encoder, images), loss=sum(losses) / len(losses), prototypes=config.prototypes
    )
    return (
        f"{seconds:.0f} CPU s  {total} updates  loss/ln(P) {report.loss_ratio:.2f}  cosine {report.mean_cosine:.2f}  "
        f"rank {report.effective_rank:.0f}  {report.warning or 'no collapse'}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name, value in DEMO_ENCODER.model_dump().items():
        parser.add_argument("--" + name.replace("_", "-"), default=value)
    parser.add_argument("--seeds", type=int, default=1, help="trainings, from seed 0 upwards")
    parser.add_argument("--moved", type=int, default=0, metavar="PIXELS", help="shift letters by up to this")
    parser.add_argument("--picture", type=Path, help="where to draw some neighborhoods")
    arguments = vars(parser.parse_args())
    seeds, shift, picture = (arguments.pop(name) for name in ("seeds", "moved", "picture"))
    config = EncodeConfig(**arguments)

    letters = open_glyphs(image_size=IMAGE_SIZE, paired=True).train.target
    images, bases = stack(letters, image_size=IMAGE_SIZE), base_looks(letters.names)
    images = moved(images, pixels=shift)
    print(f"{len(letters)} letters moved by up to {shift} pixels, {torch.get_num_threads()} thread(s)")
    print(f"raw pixels      {same_base_share(255.0 - images.flatten(1).float(), bases)}")
    for seed in range(seeds):
        seed_step(seed, "encoder")
        encoder = build_encoder(encoder_spec(config, data_image_size=IMAGE_SIZE))
        print(f"random, seed {seed}  {same_base_share(embed(encoder, images), bases)}", flush=True)
        signs = train(encoder, images, config, seed=seed)
        print(f"SwAV,   seed {seed}  {same_base_share(embed(encoder, images), bases)}  {signs}", flush=True)

    if picture:
        related = [index for index, base in enumerate(bases) if bases.count(base) > NEIGHBORS]
        neighbors = nearest_neighbors(embed(encoder, images), NEIGHBORS).indices
        neighbor_grid(images.numpy(), neighbors, torch.tensor(related[:SHOWN])).save(picture)


if __name__ == "__main__":
    main()
