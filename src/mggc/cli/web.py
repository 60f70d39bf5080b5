"""``mggc web``: a page in the browser where runs' generators can be tried."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.types import NonNegativeInt, UInt16

from mggc.cli.options import JsonOption
from mggc.errors import MggcError

HostOption = Annotated[
    str,
    Parameter(
        help="Address to listen at. Others than this machine reach 0.0.0.0, where browsers grant neither threads, "
        "WebGPU nor camera: publish with --static instead."
    ),
]
StaticOption = Annotated[
    Path | None,
    Parameter(help="Write the page into this folder, for any static host, and serve nothing."),
]
ExamplesOption = Annotated[
    NonNegativeInt,
    Parameter(help="Test images of each run's data that are part of the page, to begin with; 0: none."),
]
FetchOption = Annotated[
    bool,
    Parameter(
        name="--fetch-runtime",
        negative="",
        help="Get ONNX Runtime for browsers (33 MB) from the npm registry first, where it is not at hand.",
    ),
]


def web_command(
    runs: Annotated[
        list[Path] | None,
        Parameter(help="Finished runs; those of one original stand beside each other."),
    ] = None,
    /,
    *,
    port: Annotated[UInt16, Parameter(help="Where the page is served; 0: any free port.")] = 8000,
    host: HostOption = "127.0.0.1",
    static: StaticOption = None,
    examples: ExamplesOption = 6,
    fetch_runtime: FetchOption = False,
    force: Annotated[
        bool, Parameter(name="--force", negative="", help="Replace an earlier page of --static.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Open a page where people try compressed and original generator, both running in their browser.

    They draw, drop a picture or use the camera, and both results follow; each says how many milliseconds it took there,
    its size and its multiply-adds. Nothing leaves the machine. Ctrl-C ends the server.
    """
    from mggc.cli.console import print_json, show

    if not runs and not fetch_runtime:
        raise MggcError("A run was wanted: mggc web RUN. Make one with mggc demo.")
    if fetch_runtime:
        from mggc.web.runtime_files import fetch_runtime as fetch

        show(f"ONNX Runtime for browsers: {fetch()}", as_json=json)
    if not runs:
        return
    from mggc.web.models import prepare_run
    from mggc.web.runtime_files import find_runtime
    from mggc.web.site import make_site
    from mggc.web.static import check_static_folder, write_static

    runtime = find_runtime()
    if static is not None:
        check_static_folder(static, force=force, sources=runs)
    prepared = [prepare_run(run, lambda text: show(text, as_json=json)) for run in runs]
    site = make_site(prepared, runtime, examples=examples, static=static is not None)
    if static is not None:
        write_static(site, static)
        show(f"Page: {static}", as_json=json)
        if json:
            print_json({"out": str(static), "files": sorted(site)})
        return
    from mggc.web.server import PageServer

    with PageServer(site, host=host, port=port) as server:
        show(f"Page: {server.url} (Ctrl-C ends it)", as_json=json)
        if json:
            print_json({"url": server.url})
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            show("Ended.", as_json=json)
