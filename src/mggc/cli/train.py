"""``mggc train``: the original networks, from scratch."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from mggc.cli.options import ConfigOption, DataArg, ForceOption, JsonOption, OutOption
from mggc.config import DataConfig, Model, NetworkConfig, NonNegativeInt, RuntimeConfig, TrainConfig


def train_command(
    data: DataArg,
    /,
    *,
    model: Annotated[Model | None, Parameter(help="pix2pix (paired) or cyclegan (unpaired).")] = None,
    seed: Annotated[NonNegativeInt | None, Parameter(help="Everything random is a function of it.")] = None,
    settings: Annotated[TrainConfig, Parameter(name="*")] = TrainConfig(),
    images: Annotated[DataConfig, Parameter(name="*")] = DataConfig(),
    network: Annotated[NetworkConfig, Parameter(name="*")] = NetworkConfig(),
    runtime: Annotated[RuntimeConfig, Parameter(name="*")] = RuntimeConfig(),
    out: OutOption = Path("runs/train"),
    config: ConfigOption = None,
    force: ForceOption = False,
    json: JsonOption = False,
) -> None:
    """Train the original networks and start a run with them; the same command continues."""
    from mggc.cli.console import ConsoleReporter, print_json, show
    from mggc.runs.settings import merge, read_toml, validate_config
    from mggc.stages.single import train_run

    flags = {
        **({} if model is None else {"model": model}),
        **({} if seed is None else {"seed": seed}),
        "train": settings.model_dump(exclude_unset=True),
        "network": network.model_dump(exclude_unset=True),
        "runtime": runtime.model_dump(exclude_unset=True),
        "data": {**images.model_dump(exclude_unset=True), "data": data},
    }
    merged = validate_config(
        merge(read_toml(config) if config else {}, flags), source=str(config or "command line")
    )
    with ConsoleReporter() as reporter:
        run = train_run(merged, out, force=force, reporter=reporter)
    show(f"Run: {run.path}\nOriginal generator: {run.path / 'original' / 'generator'}", as_json=json)
    if json:
        print_json({"run": str(run.path), "generator": str(run.path / "original" / "generator")})
