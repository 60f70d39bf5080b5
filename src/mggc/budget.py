"""The one dial: a budget as people write it."""

import re

BUDGET_PATTERN = re.compile(r"(?P<number>\d+(\.\d*)?|\.\d+)(?P<unit>%|[KMGT])?", re.IGNORECASE)
LATENCY_PATTERN = re.compile(r"(?P<number>\d+(\.\d*)?|\.\d+)(?P<unit>ms|s)", re.IGNORECASE)
UNITS = {"K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
MILLISECONDS = {"ms": 1.0, "s": 1e3}


def parse_budget(budget: str, *, total_macs: int) -> int:
    """The MACs that a budget allows.

    Args:
        budget: A share (``0.2``, ``20%``) or a number of MACs with a unit (``950M``, ``3.05G``).
        total_macs: MACs of the original network, in the same convention as the budget.

    Raises:
        ValueError: The text is neither, or the share is not between 0 and 1; or it is a latency, which becomes MACs by
            measurement only.
    """
    if parse_latency(budget) is not None:
        raise ValueError(f"MACs were wanted, as a share (16.5%) or a number (3.05G). Found {budget!r}.")
    match = BUDGET_PATTERN.fullmatch(budget.strip())
    if match is None:
        raise ValueError(
            f"A budget is a share (0.165 or 16.5%), MACs (3.05G) or a latency (30ms). Found {budget!r}."
        )
    number, unit = float(match["number"]), (match["unit"] or "").upper()
    if unit in UNITS:
        return round(number * UNITS[unit])
    share = number / 100 if unit == "%" else number
    if not 0 < share <= 1:
        raise ValueError(f"A budget given as a share lies between 0 and 1 (or 100%). Found {budget!r}.")
    return int(share * total_macs)


def parse_latency(budget: str) -> float | None:
    """The milliseconds that a budget such as ``30ms`` or ``0.5s`` allows; None for one of MACs.

    Raises:
        ValueError: They are none at all.
    """
    match = LATENCY_PATTERN.fullmatch(budget.strip())
    if match is None:
        return None
    milliseconds = float(match["number"]) * MILLISECONDS[match["unit"].lower()]
    if milliseconds <= 0:
        raise ValueError(f"A budget given as a latency is more than nothing. Found {budget!r}.")
    return milliseconds


def check_budget_text(budget: str) -> None:
    """Refuse what is neither a share, nor MACs, nor a latency.

    Raises:
        ValueError: It is none of them.
    """
    if parse_latency(budget) is None:
        parse_budget(budget, total_macs=1)


def macs_text(macs: int) -> str:
    """A number of MACs as a budget that means exactly that many."""
    return f"{macs / 1e3:.3f}K"
