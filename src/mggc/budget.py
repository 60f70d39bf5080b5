"""The one dial: a budget as people write it."""

import re

BUDGET_PATTERN = re.compile(r"(?P<number>\d+(\.\d*)?|\.\d+)(?P<unit>%|[KMGT])?", re.IGNORECASE)
UNITS = {"K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}


def parse_budget(budget: str, *, total_macs: int) -> int:
    """The MACs that a budget allows.

    Args:
        budget: A share (``0.2``, ``20%``) or a number of MACs with a unit (``950M``, ``3.05G``).
        total_macs: MACs of the original network, in the same convention as the budget.

    Raises:
        ValueError: The text is neither, or the share is not between 0 and 1.
    """
    match = BUDGET_PATTERN.fullmatch(budget.strip())
    if match is None:
        raise ValueError(f"A budget is a share (0.165 or 16.5%) or MACs (3.05G). Found {budget!r}.")
    number, unit = float(match["number"]), (match["unit"] or "").upper()
    if unit in UNITS:
        return round(number * UNITS[unit])
    share = number / 100 if unit == "%" else number
    if not 0 < share <= 1:
        raise ValueError(f"A budget given as a share lies between 0 and 1 (or 100%). Found {budget!r}.")
    return int(share * total_macs)
