"""The command line's commands and how their errors look. Nothing heavy is imported before a command runs."""

import errno
import os
import sys
from collections.abc import Sequence
from typing import Any

from cyclopts import App, CycloptsError
from docstring_parser.attrdoc import AttributeDocstrings

from mggc import __version__
from mggc.cli.processes import leads
from mggc.errors import MggcError

SUMMARIES = {
    "demo": "The whole pipeline on the embedded data set, in a few minutes on a laptop.",
    "compress": "Compress a generator (trained first when none is given) to a budget of MACs.",
    "train": "Train the original networks and start a run with them.",
    "import": "Start a run from a trained generator, for example latest_net_G.pth.",
    "encode": "Train the encoder that defines neighbourhoods, in an existing run.",
    "neighbors": "Make the teacher images and find their neighbourhoods, in an existing run.",
    "prune": "Choose the channels that stay, in an existing run.",
    "finetune": "Cut and finetune, in an existing run.",
    "compare": "Compare methods from one original, at the same budgets, over several seeds.",
    "ablate": "Run the six rows of Table 2: what each part of the method adds.",
    "sweep": "Play the game with several values of one of its settings: the curves of Figure 4.",
    "evaluate": "Measure original and compressed generator, in an existing run.",
    "report": "Write one HTML file on runs: pictures, costs, metrics, curves and settings.",
    "translate": "Translate a folder of images with a generator.",
    "export": "Write a run's networks for other software: ONNX, torch.export, safetensors, Hugging Face, …",
    "bench": "Measure networks side by side on this machine: latency, cold start, memory.",
    "web": "Open a page where people try original and compressed generator in their browser.",
    "inspect": "Show a network's layers, channel groups, parameters and MACs.",
}

UNPREFIXED = {"data", "network", "runtime"}
"""Sections of the configuration whose options stand alone."""
MODULES = {"import": "import_"}
USER_ERRNOS = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.EEXIST,
    errno.EFBIG,
    errno.ENAMETOOLONG,
    errno.EIO,
}
"""What an operating system says when disk or permissions are in the way; anything else would be our mistake."""
PEER_GONE = "Connection closed by peer"
"""What gloo says in one process when another has ended."""


def make_app() -> App:
    """The command line with all commands, each imported when it is asked for."""
    _take_documentation_from_settings()
    app = App(
        name="mggc",
        help="Compress image-to-image GANs: prune on the learned manifold, distil, and measure.",
        version=__version__,
        suppress_keyboard_interrupt=False,
        help_format="plaintext",
    )
    for name, summary in SUMMARIES.items():
        module = MODULES.get(name, name)
        app.command(f"mggc.cli.{module}:{module.rstrip('_')}_command", name=name, help=summary)
    return app


def _take_documentation_from_settings() -> None:
    """Let Cyclopts ask pydantic for the fields' documentation.

    It would parse the source of every settings class and of all its bases again and again, pydantic's long BaseModel
    included, which is more than half of the time that ``--help`` takes.
    """

    def attribute_docs(_: AttributeDocstrings, component: Any) -> dict[str, tuple[str, None, None]]:
        fields = getattr(component, "model_fields", {})
        return {name: (field.description or "", None, None) for name, field in fields.items()}

    AttributeDocstrings.get_attr_docs = attribute_docs  # type: ignore[assignment, method-assign]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; exit with 0, with 2 after bad input, or with 130 after Ctrl-C.

    Args:
        arguments: Those of this process when absent.
    """
    try:
        make_app()(
            sys.argv[1:] if arguments is None else arguments,
            print_error=False,
            exit_on_error=False,
            result_action="return_none",
        )
    except (MggcError, CycloptsError) as error:
        fail(one_line(error))
    except KeyboardInterrupt:
        if leads():
            print("\nmggc: interrupted; the same command continues a run.", file=sys.stderr)
        sys.exit(130)
    except RuntimeError as error:
        if PEER_GONE not in str(error):
            raise
        if leads():
            fail("another process of this run has ended; what it said stands above.")
        sys.exit(2)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        if error.errno not in USER_ERRNOS:
            raise
        where = f" at {error.filename}" if error.filename else ""
        fail(
            f"{os.strerror(error.errno)}{where}. Nothing half-written is left; make room or access and run it again."
        )


def fail(message: str) -> None:
    """Print one line about what was wrong and exit with code 2."""
    print(f"mggc: {message}", file=sys.stderr)
    sys.exit(2)


def one_line(error: Exception) -> str:
    """An error's message as one line; of a settings error, the first thing wrong, by the name of its option."""
    cause = error.__cause__ or error.__context__
    if isinstance(error, CycloptsError) and hasattr(cause, "errors"):
        from mggc.runs.settings import describe

        return describe(cause, name=_option)  # type: ignore[arg-type]  # pydantic's, told apart without importing it
    return " ".join(str(error).split())


def _option(location: tuple[int | str, ...]) -> str:
    """The option of a setting: ``--ngf`` of ``network.ngf``, ``--train.batch-size`` of ``train.batch_size``."""
    parts = [str(part) for part in location if part not in UNPREFIXED]
    return f"--{'.'.join(parts)}".replace("_", "-")
