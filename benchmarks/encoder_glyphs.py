"""Do SwAV's neighborhoods on letters make sense? Share of neighbors with the same base letter (e, é, è, ê).

    OMP_NUM_THREADS=1 python benchmarks/encoder_glyphs.py [--updates 300] [--width 16] ... [--picture grid.png]

Compared with raw pixels and with the same network at random weights. Any field of EncodeConfig is a flag.
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
from mggc.runtime import seed_step

NEIGHBORS = 5
SHOWN = "eEaoиωçÑ"


def base_looks(names: tuple[str, ...]) -> list[bytes]:
    """How the letter below the accents is drawn, from names such as U+00E9: Latin and Cyrillic a are one look."""
    letters = [chr(int(name.removeprefix("U+"), base=16)) for name in names]
    font = ImageFont.truetype(Path(matplotlib.get_data_path(), "fonts", "ttf", FONTS[1]), 45)
    bases = [unicodedata.normalize("NFD", letter)[0] for letter in letters]
    return [draw_letter(base, font, image_size=64).tobytes() for base in bases]


def same_base_share(features: Tensor, bases: list[bytes]) -> tuple[float, float]:
    """Among letters that share their base with others: of the nearest neighbor, and of as many as five."""
    number = {base: index for index, base in enumerate(dict.fromkeys(bases))}
    base = torch.tensor([number[base] for base in bases])
    relatives = (base[:, None] == base).sum(1) - 1
    same = base[nearest_neighbors(features, NEIGHBORS).indices] == base[:, None]
    reachable = relatives.clamp(max=NEIGHBORS)
    counted = relatives > 0
    within = torch.arange(NEIGHBORS) < reachable[:, None]
    top = (same & within).sum(1)[counted] / reachable[counted]
    return same[counted, 0].float().mean().item(), top.mean().item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name, field in EncodeConfig.model_fields.items():
        parser.add_argument("--" + name.replace("_", "-"), default=field.default)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument(
        "--crop", action="append", default=[], metavar="FIELD=VALUE", help="a field of CropSettings"
    )
    parser.add_argument("--picture", type=Path)
    arguments = vars(parser.parse_args())
    seeds, picture = arguments.pop("seeds"), arguments.pop("picture")
    crop = {name: eval(value) for name, _, value in (text.partition("=") for text in arguments.pop("crop"))}
    config = EncodeConfig(**arguments)

    letters = open_glyphs(image_size=64, paired=True).train.target
    images, bases = stack(letters, image_size=64), base_looks(letters.names)
    print(
        f"{len(letters)} letters, {torch.get_num_threads()} thread(s), {config.model_dump(exclude_unset=True)} {crop}"
    )
    show = "{:>22}  nearest {:.3f}  top-5 {:.3f}".format
    print(show("raw pixels", *same_base_share(255.0 - images.flatten(1).float(), bases)))

    for seed in range(seeds):
        fabric = Fabric(accelerator="cpu")
        seed_step(seed, "encoder")
        encoder = build_encoder(encoder_spec(config, data_image_size=64))
        if seed == 0:
            print(show("random encoder", *same_base_share(embed(encoder, images), bases)))
        state = make_swav_state(encoder, config, seed=seed, fabric=fabric)
        total = swav_updates(config, images=len(images))
        settings = crop_settings(encoder, config, flip=False)._replace(**crop)
        start = time.perf_counter()
        training = fit_swav(
            state, images, config, seed=seed, total=total, crop_settings=settings, fabric=fabric
        )
        records = list(training)
        seconds = time.perf_counter() - start
        features = embed(encoder, images)
        loss = sum(record.loss for record in records[-10:]) / 10
        report = check_collapse(features, loss=loss, prototypes=config.prototypes)
        print(show(f"{encoder.name}, seed {seed}", *same_base_share(features, bases)), end="  ")
        print(
            f"{seconds:.0f} s  {total} updates  loss/ln(P) {report.loss_ratio:.2f}  cosine {report.mean_cosine:.2f}",
            end="  ",
        )
        print(
            f"rank {report.effective_rank:.0f}  used {records[-1].prototypes_used:.0f}  {report.warning or ''}",
            flush=True,
        )

    if picture:
        centers = torch.tensor(
            [letters.names.index(f"U+{ord(c):04X}") for c in SHOWN if f"U+{ord(c):04X}" in letters.names]
        )
        neighbors = nearest_neighbors(features, NEIGHBORS).indices
        neighbor_grid(images.numpy(), neighbors, centers).save(picture)


if __name__ == "__main__":
    main()
