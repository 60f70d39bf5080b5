import subprocess
import sys
from pathlib import Path

import pytest

from cli_toys import mggc
from mggc.cli.app import SUMMARIES, make_app
from mggc.cli.reference import reference

HEAVY = {"torch", "numpy", "PIL", "matplotlib", "lightning_fabric", "safetensors", "torch_pruning"}


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    answer = mggc(capsys, "--help")
    assert (answer.code, answer.err) == (0, "")
    assert all(f"│ {command} " in answer.out for command in SUMMARIES)


@pytest.mark.parametrize("command", SUMMARIES)
def test_every_command_has_help_and_so_has_each_of_its_options(
    capsys: pytest.CaptureFixture[str], command: str
) -> None:
    answer = mggc(capsys, command, "--help")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.startswith(f"Usage: mggc {command} ")
    for argument in make_app()[command].assemble_argument_collection(parse_docstring=True):
        if argument.show:
            assert argument.parameter.help, argument.name


def test_help_of_any_command_imports_nothing_heavy() -> None:
    script = f"""
import sys
from mggc.cli.app import SUMMARIES, main
for arguments in [["--help"], ["--version"], *([command, "--help"] for command in SUMMARIES)]:
    main(arguments)
print(*({HEAVY!r} & set(sys.modules)), file=sys.stderr)
"""
    finished = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert finished.stderr.split() == []
    assert finished.stdout.count("Usage: mggc") == 1 + len(SUMMARIES)


def test_importing_the_package_imports_nothing_heavy() -> None:
    script = f"import sys, mggc; mggc.MggcError; print(*({HEAVY!r} & set(sys.modules)))"
    finished = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert finished.stdout.split() == []


def test_the_reference_is_current_and_has_a_section_for_every_command() -> None:
    path, current = Path(__file__).parents[2] / "docs" / "cli.md", reference()
    assert path.read_text(encoding="utf-8") == current, "Run python -m mggc.cli.reference > docs/cli.md."
    assert all(f"\n## mggc {command}\n" in current for command in SUMMARIES)
