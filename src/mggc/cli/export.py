"""``mggc export``: networks for other software."""

from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from mggc.cli.options import ForceOption, JsonOption
from mggc.errors import MggcError

Layout = Literal["pytorch-CycleGAN-and-pix2pix", "onnx", "torch-export", "safetensors", "hub"]
USED_BY: dict[str, tuple[str, ...]] = {
    "--input": ("onnx", "torch-export"),
    "--precision": ("onnx",),
    "--tolerance": ("onnx", "torch-export"),
    "--images": ("onnx", "torch-export"),
    "--push": ("hub",),
}
"""Which layouts an option means something for."""

ToOption = Annotated[
    Layout,
    Parameter(
        help="onnx, torch-export, safetensors and hub take the compressed generator; "
        "pytorch-CycleGAN-and-pix2pix takes the uncompressed networks home."
    ),
]
InputOption = Annotated[
    Literal["uint8", "float"] | None,
    Parameter(
        name="--input",
        help="Images of an ONNX file or program: uint8 [batch, height, width, channels], 0 to 255 (the default), or "
        "float [batch, channels, height, width] in [-1, 1].",
    ),
]
PrecisionOption = Annotated[
    Literal["fp32", "fp16", "int8"] | None,
    Parameter(help="Of an ONNX file; fp16 and int8 are measured beside fp32 (the default) and the original."),
]
ToleranceOption = Annotated[
    float | None,
    Parameter(
        help="Grey levels by which the result may differ from PyTorch: at most in fp32, on average in fp16 and int8. "
        "Absent: 1 (uint8) or 0.013 (float) in fp32, 0.5 in fp16, 8 in int8."
    ),
]
ImagesOption = Annotated[
    Path | None, Parameter(help="Folder of images to compare and calibrate with; absent: the run's own.")
]
PushOption = Annotated[
    str | None, Parameter(help="With --to hub: push to this Hugging Face repository, user/model.")
]


def export_command(
    source: Annotated[Path, Parameter(help="A run, a network's folder or a weights file.")],
    /,
    out: Annotated[Path | None, Parameter(help="Folder to write to; absent: a folder of the run's.")] = None,
    *,
    to: ToOption = "pytorch-CycleGAN-and-pix2pix",
    input_: InputOption = None,
    precision: PrecisionOption = None,
    tolerance: ToleranceOption = None,
    images: ImagesOption = None,
    push: PushOption = None,
    force: ForceOption = False,
    json: JsonOption = False,
) -> None:
    """Write a run's networks for other software: the compressed generator, or the originals as checkpoints."""
    from mggc.cli.console import print_json, show
    from mggc.stages.export_folder import export_folder

    given = {
        "--input": input_,
        "--precision": precision,
        "--tolerance": tolerance,
        "--images": images,
        "--push": push,
    }
    _refuse_idle(to, given)
    suffix = f"-{precision}" if precision not in (None, "fp32") else ""
    folder = out or export_folder(source, f"{to}{suffix}")
    settings: dict[str, Any] = {"kind": input_ or "uint8", "tolerance": tolerance, "images": images}
    match to:
        case "onnx":
            content = _onnx(source, folder, precision or "fp32", settings, as_json=json, force=force)
        case "torch-export":
            from mggc.stages.export_program import export_program

            program = export_program(source, folder, force=force, **settings)
            content = program.to_json()
            show(_compared(content), as_json=json)
        case _:
            content = {"files": [str(path) for path in _plain(source, folder, to, push=push, force=force)]}
    show("\n".join(content["files"]), as_json=json)
    if json:
        print_json({"layout": to, **content})


def _refuse_idle(to: Layout, given: dict[str, Any]) -> None:
    """An option that would do nothing is a misunderstanding.

    Raises:
        MggcError: There is one.
    """
    for name, value in given.items():
        if value is not None and to not in USED_BY[name]:
            raise MggcError(f"{name} goes with --to {' or '.join(USED_BY[name])}; found --to {to}.")


def _onnx(
    source: Path, folder: Path, precision: Any, settings: dict[str, Any], *, as_json: bool, force: bool
) -> dict[str, Any]:
    from mggc.cli.console import show, table_of
    from mggc.stages.export_onnx import export_onnx

    export = export_onnx(source, folder, precision=precision, force=force, **settings)
    content = export.to_json()
    if export.table is not None:
        columns = [
            "",
            "MB",
            "difference to fp32, mean",
            "max",
            export.table.measure or "error",
            "latency, ms",
        ]
        rows = [
            [
                row.name,
                f"{row.bytes / 1e6:.2f}",
                _number(row.mean_levels),
                _number(row.max_levels),
                _number(row.error),
                _number(row.latency.median_ms),
            ]
            for row in export.table.rows
        ]
        show(table_of("Differences in grey levels; ONNX Runtime on the CPU", columns, rows), as_json=as_json)
    show(
        "\n".join([_compared(content), *(f"Warning: {warning}" for warning in export.warnings)]),
        as_json=as_json,
    )
    return content


def _plain(source: Path, folder: Path, to: Layout, *, push: str | None, force: bool) -> list[Path]:
    """The layouts whose files need no comparison: weights as they are."""
    if to == "pytorch-CycleGAN-and-pix2pix":
        from mggc.stages.export_checkpoints import export_checkpoints

        return export_checkpoints(source, folder, force=force)
    from mggc.stages.export_weights import export_hub, export_weights

    return (
        export_hub(source, folder, push=push, force=force)
        if to == "hub"
        else export_weights(source, folder, force=force)
    )


def _compared(content: dict[str, Any]) -> str:
    """The comparison with PyTorch in a line."""
    found, limit = content["difference"], content["tolerance"]
    return (
        f"Compared with PyTorch on {found['images']} images ({found['pictures']}): at most {found['max_levels']:.3g} grey "
        f"levels apart, {found['mean_levels']:.3g} on average; allowed: {limit['measure']} {limit['levels']:.3g}."
    )


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"
