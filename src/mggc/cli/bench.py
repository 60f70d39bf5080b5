"""``mggc bench``: original and compressed side by side."""

from collections.abc import Callable
from typing import Annotated, TypeVar, cast, get_args

from cyclopts import Parameter

from mggc.cli.options import JsonOption
from mggc.config import Backend, PositiveInt
from mggc.errors import MggcError

Item = TypeVar("Item")
UniformOption = Annotated[
    str | None,
    Parameter(help="Budgets (20%,10%): the first network is measured at uniform width for each, too."),
]
BackendsOption = Annotated[
    str | None,
    Parameter(
        help="eager, compiled, onnxruntime, openvino, with commas; absent: all installed but compiled."
    ),
]
ThreadsOption = Annotated[
    str | None, Parameter(help="Threads of one pass (1,2,4); absent: as many as PyTorch takes.")
]


def bench_command(
    network: Annotated[
        str, Parameter(help="A run (both its generators), a network's folder, a weights file, or a name.")
    ],
    /,
    *others: Annotated[
        str, Parameter(help="More of them, such as unet_256 or resnet_9blocks; ratios refer to the first.")
    ],
    image_size: Annotated[
        PositiveInt | None, Parameter(help="Side of the square images, in pixels; absent: the run's, or 256.")
    ] = None,
    ngf: Annotated[PositiveInt, Parameter(help="Channels of a named network's first layer.")] = 64,
    uniform: UniformOption = None,
    backends: BackendsOption = None,
    threads: ThreadsOption = None,
    batch_sizes: Annotated[str, Parameter(help="Images at once (1,4).")] = "1",
    rounds: Annotated[
        PositiveInt, Parameter(help="Timed passes of each network and backend, in turns.")
    ] = 20,
    cold_start: Annotated[
        bool,
        Parameter(help="Measure loading and peak memory too, in a process for each network and backend."),
    ] = True,
    json: JsonOption = False,
) -> None:
    """Measure networks side by side on this machine: latency, cold start, memory, and the realised share.

    The realised share is the measured speed-up over the ratio of exact MACs.
    """
    numbers = None if threads is None else _list("--threads", threads, _positive)
    wanted = None if backends is None else _list("--backends", backends, _backend)
    sizes = _list("--batch-sizes", batch_sizes, _positive)

    from mggc.cli.bench_table import bench_tables
    from mggc.cli.console import ConsoleReporter, print_json, show
    from mggc.stages.bench import BenchRequest, bench_networks

    request = BenchRequest(
        (network, *others),
        image_size=image_size,
        ngf=ngf,
        uniform=() if uniform is None else tuple(uniform.split(",")),
        backends=wanted,
        threads=numbers,
        batch_sizes=sizes,
        rounds=rounds,
        cold_start=cold_start,
    )
    with ConsoleReporter() as reporter:
        result = bench_networks(request, reporter)
    for table in bench_tables(result):
        show(table, as_json=json)
    if json:
        print_json(result.to_json())


def _list(option: str, text: str, read: Callable[[str], Item]) -> tuple[Item, ...]:
    """The items between the commas, each once."""
    try:
        return tuple(dict.fromkeys(read(item.strip()) for item in text.split(",")))
    except ValueError as error:
        raise MggcError(f"{option}: {error}") from error


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(f"positive numbers with commas between them were wanted. Found {text!r}.")
    return int(text)


def _backend(text: str) -> Backend:
    if text not in get_args(Backend):
        raise ValueError(f"backends are {', '.join(get_args(Backend))}. Found {text!r}.")
    return cast(Backend, text)
