"""``mggc inspect``: what a network is made of."""

from typing import Annotated

from cyclopts import Parameter

from mggc.cli.options import JsonOption
from mggc.config import PositiveInt


def inspect_command(
    network: Annotated[
        str,
        Parameter(
            help="A run, a network's folder, a weights file, or one of unet_256, unet_128, resnet_9blocks, "
            "resnet_6blocks, basic, n_layers, pixel."
        ),
    ],
    /,
    *,
    image_size: Annotated[PositiveInt, Parameter(help="Side of the square image, in pixels.")] = 256,
    json: JsonOption = False,
) -> None:
    """Show layers, channel groups, parameters, and MACs in both conventions."""
    from mggc.cli.console import print_json, quantity, show, table_of
    from mggc.stages.inspect import inspect

    found = inspect(network, image_size=image_size)
    layers = [
        [layer["name"], str(layer["reads"]), str(layer["writes"]), quantity(layer["macs"])]
        for layer in found.layers
    ]
    groups = [[group["name"], str(group["channels"])] for group in found.groups]
    title = f"{network} at {image_size} px"
    show(table_of(title, ["convolution", "reads", "writes", "MACs"], layers), as_json=json)
    show(table_of("\nChannel groups, by first writer", ["group", "channels"], groups), as_json=json)
    channels = sum(group["channels"] for group in found.groups)
    show(
        f"\n{len(groups)} groups, {channels:,} prunable channels\n{found.parameters:,} parameters\n"
        f"{found.macs['exact']:,} MACs (exact)\n{found.macs['paper']:,} MACs (paper)",
        as_json=json,
    )
    if json:
        print_json(found.to_json())
