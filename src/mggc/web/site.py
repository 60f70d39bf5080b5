"""Everything that the page consists of, as one table: address to content. What is not in it does not exist."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from mggc import __version__
from mggc.data.images import Subset
from mggc.data.loaders import stack
from mggc.data.pillow import to_pillow
from mggc.shapes import ByteImage, ByteImages
from mggc.web.models import WebModel, WebRun
from mggc.web.runtime_files import FILES, VERSION
from mggc.web.source_kind import source_kind

PAGE = Path(__file__).parent / "page"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".wasm": "application/wasm",
    ".onnx": "application/octet-stream",
    ".png": "image/png",
    ".txt": "text/plain; charset=utf-8",
    ".svg": "image/svg+xml",
}
JUDGED = 12
"""Source images that are looked at to tell drawings from photographs."""


@dataclass(frozen=True)
class Resource:
    """What an address stands for: bytes, or a file that is read when it is asked for."""

    content: bytes | Path
    type: str

    @property
    def size(self) -> int:
        """In bytes."""
        return len(self.content) if isinstance(self.content, bytes) else self.content.stat().st_size


Site = dict[str, Resource]
"""By address, relative to the page: ``index.html``, ``models/….onnx``."""


def make_site(runs: Sequence[WebRun], runtime: Path, *, examples: int, static: bool) -> Site:
    """The page on some runs.

    Args:
        runs: Prepared ones.
        runtime: The folder of the runtime's files.
        examples: Test images of each run's data to begin with; 0: none are part of the page.
        static: The page will lie on somebody's server, and has to help itself where that sends no headers for threads.
    """
    site = {path.name: _file(path) for path in sorted(PAGE.iterdir()) if path.suffix in TYPES}
    site |= {f"runtime/{name}": _file(runtime / name) for name in FILES}
    tasks = [_task(members, number, site, examples=examples) for number, members in enumerate(_grouped(runs))]
    description = {
        "version": __version__,
        "runtime": {"version": VERSION, "bytes": {name: site[f"runtime/{name}"].size for name in FILES}},
        "static": static,
        "tasks": tasks,
    }
    site["models.json"] = Resource(json.dumps(description).encode(), TYPES[".json"])
    return site


def _file(path: Path) -> Resource:
    # Some installers link packages; where the link leads is settled once, and later ones are not followed.
    return Resource(path.resolve(strict=True), TYPES[path.suffix])


def _grouped(runs: Sequence[WebRun]) -> list[list[WebRun]]:
    """Runs that compress one and the same original stand beside each other."""
    groups: dict[tuple[object, ...], list[WebRun]] = {}
    for run in runs:
        original = next((model.digest for model in run.models if model.role == "original"), run.run.path)
        groups.setdefault((original, run.image_size), []).append(run)
    return list(groups.values())


def _task(runs: list[WebRun], number: int, site: Site, *, examples: int) -> dict[str, Any]:
    first = runs[0]
    pictures = _examples(first, max(JUDGED, examples))
    names = []
    for index, picture in enumerate(pictures[:examples] if pictures is not None else ()):
        names.append(f"examples/{number}-{index}.png")
        site[names[-1]] = Resource(_png(picture), TYPES[".png"])
    shown = [
        (model, model.role if len(runs) == 1 or model.role == "original" else run.name)
        for run in runs
        for model in run.models
        if run is first or model.role != "original"
    ]
    return {
        "name": " · ".join(run.name for run in runs),
        "data": Path(first.run.config.data.data).name or None,
        "method": first.run.config.model,
        "size": first.image_size,
        "channels": [first.interface.input_channels, first.interface.output_channels],
        "source": source_kind(first, pictures).to_json(),
        "examples": names,
        "models": [
            _model(model, label, f"{number}-{index}", site) for index, (model, label) in enumerate(shown)
        ],
    }


def _model(model: WebModel, label: str, key: str, site: Site) -> dict[str, Any]:
    address = f"models/{key}-{model.digest}.onnx"
    site[address] = _file(model.path)
    return {
        "label": label,
        "role": model.role,
        "url": address,
        "bytes": site[address].size,
        "macs": model.cost.macs,
        "parameters": model.cost.parameters,
        "architecture": model.architecture,
    }


def _examples(run: WebRun, count: int) -> ByteImages | None:
    images = run.pictures.compared
    if images is None:
        return None
    step = max(1, len(images) // count)
    return stack(Subset(images, range(0, len(images), step)[:count]), image_size=run.image_size)


def _png(picture: ByteImage) -> bytes:
    buffer = BytesIO()
    to_pillow(picture).save(buffer, format="PNG")
    return buffer.getvalue()
