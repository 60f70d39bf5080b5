"""Which of a run's processes speaks."""

import os


def leads() -> bool:
    """Whether this process, of perhaps several, is the one that prints."""
    return os.environ.get("LOCAL_RANK", "0") == "0"
