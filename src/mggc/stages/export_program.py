"""Export as a traced PyTorch program, ``.pt2``, which runs without this package."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from mggc.deploy.card import model_card
from mggc.deploy.extras import versions
from mggc.deploy.graph import deployable
from mggc.deploy.interface import InputKind, Interface
from mggc.deploy.parity import (
    Difference,
    Tolerance,
    measure_difference,
    refuse_difference,
    tolerance_of,
)
from mggc.deploy.program import trace
from mggc.runs.atomic import write_json, write_text
from mggc.stages.export_folder import CARD_NAME, check_folder, fill_folder
from mggc.stages.export_pictures import find_pictures
from mggc.stages.export_subject import open_subject

FILE_NAME = "generator.pt2"
REPORT_NAME = "export.json"
EXTRA_NAME = "mggc.json"
"""The metadata inside the file."""
USAGE = """```python
import torch
from torch import Tensor

generator = torch.export.load("generator.pt2").module()
translated = generator(images)  # {shape}, {type}, {range}
```

Sizes: {sizes}. The metadata is in the file too: `torch.export.load(path, extra_files=found)` with `found = {{"mggc.json": ""}}`."""


class ProgramExport(NamedTuple):
    """What an export made and found."""

    files: list[Path]
    difference: Difference
    tolerance: Tolerance
    pictures: str
    """Which pictures it was compared on."""

    def to_json(self) -> dict[str, Any]:
        """Plain values for a JSON file."""
        return {
            "files": [str(path) for path in self.files],
            "difference": {**self.difference._asdict(), "pictures": self.pictures},
            "tolerance": self.tolerance.to_json(),
        }


def export_program(
    source: Path,
    folder: Path,
    *,
    kind: InputKind = "uint8",
    tolerance: float | None = None,
    images: Path | None = None,
    force: bool = False,
) -> ProgramExport:
    """Write a generator as a ``.pt2`` file of `torch.export` for images of any size and number.

    Args:
        source: A run with a compressed generator, or a generator's folder or weights file.
        folder: Where to.
        kind: Images as bytes [batch, height, width, channels], or as floats [batch, channels, height, width] in [-1, 1].
        tolerance: Grey levels by which the file may differ from PyTorch's eager network; absent: the usual.
        images: A folder of pictures to compare with; absent: the run's own.
        force: Replace an earlier export.

    Raises:
        MggcError: There is nothing to export, the network cannot be traced, the file computes something else, or the
            folder is taken. Nothing is written then.
    """
    subject = open_subject(source)
    check_folder(folder, (FILE_NAME, REPORT_NAME, CARD_NAME), force=force)
    pictures = find_pictures(subject, images)
    interface = subject.interface(kind)
    limit = tolerance_of("fp32", interface, tolerance)
    program = trace(deployable(subject.loaded.network, subject.loaded.spec, interface))
    found: list[Difference] = []

    def write(made: Path) -> None:
        path = made / FILE_NAME
        description = {
            "format": "mggc/torch-export/1",
            **subject.facts.to_json(),
            **interface.to_json(),
            "batch_norm": "running statistics",
            "versions": versions(),
        }
        torch.export.save(program, path, extra_files={EXTRA_NAME: json.dumps(description)})
        difference = measure_difference(
            _Program(path), subject.loaded.network, interface, pictures.to_compare()
        )
        refuse_difference(difference, limit, what="The program")
        export = ProgramExport([], difference, limit, pictures.origin)
        write_json(made / REPORT_NAME, {**description, **export.to_json(), "files": [FILE_NAME]})
        write_text(made / CARD_NAME, model_card(subject.facts, usage=_usage(interface)))
        found.append(difference)

    files = fill_folder(folder, write)
    return ProgramExport(files, found[0], limit, pictures.origin)


class _Program:
    """A program from its file."""

    def __init__(self, path: Path) -> None:
        self._module = torch.export.load(path).module()

    def __call__(self, images: Tensor) -> Tensor:
        with torch.inference_mode():
            output: Tensor = self._module(images)
        return output


def _usage(interface: Interface) -> str:
    described = interface.to_json()
    end = described["input"]
    return USAGE.format(
        shape=f"[{', '.join(map(str, end['shape']))}]",
        type=end["type"],
        range=f"{end['range'][0]} to {end['range'][1]}",
        sizes=described["sizes"],
    )
