"""Export to ONNX: written, checked, compared with PyTorch by value, and in fewer bits beside fp32."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from mggc.deploy.card import model_card
from mggc.deploy.extras import require, versions
from mggc.deploy.graph import deployable
from mggc.deploy.interface import InputKind, Interface
from mggc.deploy.onnx_file import OPSET, OnnxGenerator, describe_onnx, write_onnx
from mggc.deploy.parity import (
    Difference,
    Precision,
    Tolerance,
    measure_difference,
    refuse_difference,
    tolerance_of,
)
from mggc.deploy.program import trace
from mggc.deploy.quantize import quantize_onnx
from mggc.networks.files import LoadedNetwork
from mggc.runs.atomic import write_json, write_text
from mggc.stages.export_folder import CARD_NAME, check_folder, fill_folder
from mggc.stages.export_pictures import Pictures, find_pictures
from mggc.stages.export_subject import Subject, open_subject
from mggc.stages.export_table import PrecisionTable, compare_precisions

FILE_NAME = "generator.onnx"
REPORT_NAME = "export.json"
NAMES = (FILE_NAME, REPORT_NAME, CARD_NAME)
USAGE = """```sh
pip install onnxruntime pillow numpy
```

```python
import numpy as np, onnxruntime
from PIL import Image

session = onnxruntime.InferenceSession("generator.onnx")
{code}
```

{sizes}"""
BYTES_CODE = """picture = np.asarray(Image.open("input.png").convert("{mode}"))
(output,) = session.run(None, {{"images": picture[{axes}]}})  # uint8, [batch, height, width, channels]
Image.fromarray(output[0].squeeze()).save("output.png")"""
FLOAT_CODE = """# float32, [batch, {channels}, height, width], in [-1, 1]
(output,) = session.run(None, {{"images": images}})"""


class OnnxExport(NamedTuple):
    """What an export to ONNX made and found."""

    files: list[Path]
    difference: Difference
    tolerance: Tolerance
    pictures: str
    """Which pictures it was compared on."""
    table: PrecisionTable | None
    """Of fewer bits beside fp32; absent for fp32 itself."""
    warnings: list[str]

    def to_json(self) -> dict[str, Any]:
        """Plain values for a JSON file."""
        return {
            "files": [str(path) for path in self.files],
            **self.comparison(),
            "table": self.table.to_json() if self.table else None,
            "warnings": self.warnings,
        }

    def comparison(self) -> dict[str, Any]:
        """The difference to PyTorch."""
        return {
            "difference": {**self.difference._asdict(), "pictures": self.pictures},
            "tolerance": self.tolerance.to_json(),
        }


def export_onnx(
    source: Path,
    folder: Path,
    *,
    kind: InputKind = "uint8",
    precision: Precision = "fp32",
    tolerance: float | None = None,
    images: Path | None = None,
    force: bool = False,
) -> OnnxExport:
    """Write a generator as one ONNX file for images of any size and number, with its model card.

    Args:
        source: A run with a compressed generator, or a generator's folder or weights file.
        folder: Where to.
        kind: Images as bytes [batch, height, width, channels], or as floats [batch, channels, height, width] in [-1, 1].
        precision: ``fp16`` and ``int8`` are measured beside fp32 and the original.
        tolerance: Grey levels by which the file may differ from PyTorch (see `tolerance_of`); absent: the usual.
        images: A folder of pictures to compare and to calibrate with; absent: the run's own.
        force: Replace an earlier export.

    Raises:
        MggcError: There is nothing to export, an operation does not export, the file computes something else, int8 lacks
            images to calibrate with, packages are missing, or the folder is taken. Nothing is written then.
    """
    require("onnx")
    subject = open_subject(source)
    check_folder(folder, NAMES, force=force)
    pictures = find_pictures(subject, images)
    interface = subject.interface(kind)
    found: list[OnnxExport] = []

    def write(made: Path) -> None:
        export = _make(subject, pictures, interface, made / FILE_NAME, precision, tolerance)
        description = _describe(subject, interface, precision, export)
        describe_onnx(made / FILE_NAME, description)
        write_json(made / REPORT_NAME, {**description, "table": export.table and export.table.to_json()})
        write_text(made / CARD_NAME, _card(subject, interface, precision, export))
        found.append(export)

    files = fill_folder(folder, write)
    return found[0]._replace(files=files)


def _make(
    subject: Subject,
    pictures: Pictures,
    interface: Interface,
    path: Path,
    precision: Precision,
    levels: float | None,
) -> OnnxExport:
    """Write the file and compare it with PyTorch; where bits are saved, with the others too."""
    network = subject.loaded.network
    limit = tolerance_of(precision, interface, levels)
    with TemporaryDirectory() as scratch:
        full = path if precision == "fp32" else Path(scratch) / "fp32.onnx"
        if precision == "int8":
            calibration = pictures.to_calibrate()  # refused before anything long, where there are none
        _write(subject.loaded, interface, full)
        if precision == "int8":
            _compare(full, network, interface, pictures, tolerance_of("fp32", interface))
            quantize_onnx(full, path, interface, calibration)
        elif precision == "fp16":
            _write(subject.loaded, interface, path, half=True)
        difference = _compare(path, network, interface, pictures, limit)
        table = None
        if precision != "fp32":
            files = {"fp32": full, precision: path}
            if subject.original is not None:
                original = Path(scratch) / "original.onnx"
                _write(subject.original, interface, original)
                files = {"original": original, **files}
            table = compare_precisions(subject, pictures, files, interface)
    warnings = table.verdict(precision) if table else []
    return OnnxExport([], difference, limit, pictures.origin, table, warnings)


def _write(loaded: LoadedNetwork, interface: Interface, path: Path, *, half: bool = False) -> None:
    write_onnx(trace(deployable(loaded.network, loaded.spec, interface, half=half)), path)


def _compare(
    path: Path, network: Any, interface: Interface, pictures: Pictures, limit: Tolerance
) -> Difference:
    difference = measure_difference(OnnxGenerator(path), network, interface, pictures.to_compare())
    refuse_difference(difference, limit, what="The ONNX file")
    return difference


def _describe(
    subject: Subject, interface: Interface, precision: Precision, export: OnnxExport
) -> dict[str, Any]:
    """The metadata in the file and beside it."""
    return {
        "format": "mggc/onnx/1",
        **subject.facts.to_json(),
        **interface.to_json(),
        "precision": precision,
        "opset": OPSET,
        "batch_norm": "running statistics",
        **export.comparison(),
        "warnings": export.warnings,
        "versions": versions("onnx"),
    }


def _card(subject: Subject, interface: Interface, precision: Precision, export: OnnxExport) -> str:
    channels = interface.input_channels
    code = BYTES_CODE if interface.kind == "uint8" else FLOAT_CODE
    usage = USAGE.format(
        code=code.format(
            mode="L" if channels == 1 else "RGB",
            axes="None, :, :, None" if channels == 1 else "None",
            channels=channels,
        ),
        sizes=f"Sizes: {interface.to_json()['sizes']}.",
    )
    difference = export.difference
    notes = (
        f"## Checks\n\n`generator.onnx` ({precision}, opset {OPSET}) was compared with PyTorch on {difference.images} images "
        f"({export.pictures}): it differs by {difference.max_levels:.3g} grey levels of 255 at most, {difference.mean_levels:.3g} "
        "on average."
    )
    if export.table is not None:
        notes += "\n\n" + markdown(export.table)
    return model_card(subject.facts, usage=usage, notes="\n\n".join([notes, *export.warnings]))


def markdown(table: PrecisionTable) -> str:
    """The table of precisions for a model card."""
    error = table.measure or "error"
    lines = [
        f"| | MB | difference to fp32, mean (max) levels | {error} | latency, ms |",
        "|---|---:|---:|---:|---:|",
    ]
    for row in table.rows:
        difference = "" if row.mean_levels is None else f"{row.mean_levels:.3g} ({row.max_levels:.3g})"
        distance = "" if row.error is None else f"{row.error:.4g}"
        lines.append(
            f"| {row.name} | {row.bytes / 1e6:.2f} | {difference} | {distance} | {row.latency.median_ms:.3g} |"
        )
    said = ", ".join(f"{key} {value}" for key, value in table.protocol.items())
    return "\n".join([*lines, "", f"Protocol: {said}."])
