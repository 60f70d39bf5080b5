"""All commands and their options, as Markdown: ``python -m mggc.cli.reference > docs/cli.md``."""

from mggc.cli.app import make_app

HEADER = "<!-- Made by `python -m mggc.cli.reference > docs/cli.md`; a test compares. -->\n\n"


def reference() -> str:
    """The content of ``docs/cli.md``."""
    return f"{HEADER}{make_app().generate_docs().strip()}\n"


if __name__ == "__main__":
    print(reference(), end="")
