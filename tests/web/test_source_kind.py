import dataclasses

import pytest
import torch
from torch.nn import functional as F

from mggc.config import CompressConfig
from mggc.metrics.palette import load_palette
from mggc.shapes import ByteImages
from mggc.web.models import WebRun
from mggc.web.source_kind import source_kind


def drawn(seed: int, *, size: int = 96) -> ByteImages:
    """White pictures with a few black lines."""
    random = torch.Generator().manual_seed(seed)
    images = torch.full((3, 1, size, size), 255, dtype=torch.uint8)
    for row in torch.randint(0, size, (4,), generator=random).tolist():
        images[:, :, row] = 0
    return images


def painted(*, size: int = 96) -> ByteImages:
    """Façade labels, resized as a data loader does, with the noise of a JPEG file."""
    colors = torch.tensor(load_palette("facades").colors)
    classes = torch.ones(3, 24, 24, dtype=torch.long)
    classes[:, 4:9, 4:9], classes[:, 12:18, 4:20], classes[:, 20:] = 2, 4, 0
    images = F.interpolate(colors[classes].permute(0, 3, 1, 2).float(), size=(size, size), mode="bilinear")
    noise = torch.rand(images.shape, generator=torch.Generator().manual_seed(0)) * 6 - 3
    return (images + noise).clamp(0, 255).byte()


def photographed(*, size: int = 96) -> ByteImages:
    coarse = torch.rand(3, 3, 6, 6, generator=torch.Generator().manual_seed(1))
    return (F.interpolate(coarse, size=(size, size), mode="bicubic") * 255).clamp(0, 255).byte()


def named(prepared: WebRun, data: str, size: int = 256) -> WebRun:
    config = CompressConfig.model_validate({"data": {"data": data}})
    run = type(prepared.run)(prepared.run.path, config)
    return dataclasses.replace(prepared, run=run, image_size=size)


def test_pictures_say_how_they_are_made(prepared: WebRun) -> None:
    subject = named(prepared, "anything", 96)
    lines, labels, photo = (source_kind(subject, images) for images in (drawn(0), painted(), photographed()))
    assert (lines.kind, lines.paper, lines.pen) == ("lines", (255, 255, 255), (0, 0, 0))
    inverted = source_kind(subject, 255 - drawn(0))
    assert (inverted.paper, inverted.pen) == ((0, 0, 0), (255, 255, 255))
    facades = load_palette("facades")
    assert (labels.kind, labels.palette, labels.paper) == ("labels", facades, facades.colors[1])
    assert labels.pen == facades.colors[4]
    assert photo.kind == "photo"


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        ("glyphs", "lines"),
        ("data/edges2shoes", "lines"),
        ("/a/facades/", "labels"),
        ("cityscapes", "labels"),
        ("horse2zebra", "photo"),
        ("", "photo"),
    ],
)
def test_without_pictures_the_name_has_to_do(prepared: WebRun, data: str, kind: str) -> None:
    assert source_kind(named(prepared, data), None).kind == kind


def test_the_brush_fits_what_is_drawn(prepared: WebRun) -> None:
    assert source_kind(named(prepared, "glyphs", 64), None).brush == pytest.approx(4.5, abs=0.1)
    assert source_kind(named(prepared, "edges2shoes", 256), None).brush == 2
    assert source_kind(named(prepared, "edges2shoes", 64), None).brush == 1.5
    content = source_kind(named(prepared, "facades"), None).to_json()
    assert len(content["palette"]) == 12
    assert content["palette"][2] == {"name": "window", "color": [0, 128, 255]}
