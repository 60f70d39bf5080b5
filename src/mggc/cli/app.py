"""The command line's commands and how their errors look. Nothing heavy is imported before a command runs."""

import errno
import os
import sys
from typing import Any

from cyclopts import App, CycloptsError
from docstring_parser.attrdoc import AttributeDocstrings

from mggc import __version__
from mggc.errors import MggcError

SUMMARIES = {
    "demo": "The whole pipeline on the embedded data set, in a few minutes on a laptop.",
    "compress": "Compress a generator (trained first when none is given) to a budget of MACs.",
    "train": "Train the original networks and start a run with them.",
    "encode": "Train the encoder that defines neighbourhoods, in an existing run.",
    "neighbors": "Make the teacher images and find their neighbourhoods, in an existing run.",
    "prune": "Choose the channels that stay, in an existing run.",
    "finetune": "Cut and finetune, in an existing run.",
    "evaluate": "Measure original and compressed generator, in an existing run.",
    "translate": "Translate a folder of images with a generator.",
    "inspect": "Show a network's layers, channel groups, parameters and MACs.",
}

MODULES = {"import": "import_"}
USER_ERRNOS = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOTDIR,
    errno.EISDIR,
}


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


def main() -> None:
    """Run the command line; exit with 0, with 2 after bad input, or with 130 after Ctrl-C."""
    try:
        make_app()(print_error=False, exit_on_error=False, result_action="return_none")
    except (MggcError, CycloptsError) as error:
        fail(one_line(error))
    except KeyboardInterrupt:
        print("\nmggc: interrupted; the same command continues.", file=sys.stderr)
        sys.exit(130)
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
    """An error's message as one line; of a settings error, the first thing wrong."""
    cause = error.__cause__ or error.__context__
    if isinstance(error, CycloptsError) and hasattr(cause, "errors"):
        from mggc.runs.settings import describe

        return describe(cause)  # type: ignore[arg-type]  # pydantic's, told apart without importing it
    return " ".join(str(error).split())
