"""Results files of a small made-up grid, and what a page says in plain text."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

METHODS = {"uniform": 0.0, "game": 0.1}


def toy_comparison(**changes: Any) -> dict[str, Any]:
    """Two methods, two budgets, two seeds; the game is better by 0.1 in mean IoU and its last run failed."""
    budgets, seeds = {"20%": 0.2, "5%": 0.05}, [0, 1]
    cells, summary = [], []
    for method, bonus in METHODS.items():
        for budget, share in budgets.items():
            values = [0.5 + bonus + share + 0.02 * seed for seed in seeds]
            for seed, value in zip(seeds, values, strict=True):
                failed = (method, budget, seed) == ("game", "5%", 1)
                cells.append(
                    {
                        "method": method,
                        "budget": budget,
                        "seed": seed,
                        "run": f"cells/{method}-{seed}",
                        "status": "failed" if failed else "done",
                        "error": "The disk <is> full." if failed else None,
                        "macs": None if failed else {"original": 1000, "compressed": round(1000 * share)},
                        "metrics": {} if failed else {"mean_iou": {"value": value, "unit": "share"}},
                        "seconds": {} if failed else {"prune": 3.0, "finetune": 4.0},
                    }
                )
            mean = sum(values) / 2
            figures = {
                "mean_iou": {"mean": mean, "sd": 0.0141, "n": 2},
                "frechet[f]": {"mean": 1 / mean, "n": 2},
            }
            summary.append({"method": method, "budget": budget, "metrics": figures})
    return {
        "data": "letters",
        "model": "pix2pix",
        "budgets": list(budgets),
        "seeds": seeds,
        "methods": list(METHODS),
        "original": {"mean_iou": {"value": 0.9, "unit": "share", "protocol": {}, "sd": None}},
        "cells": cells,
        "summary": summary,
        **changes,
    }


def toy_sweep() -> dict[str, Any]:
    """Two games of 30 iterations."""
    steps = list(range(1, 31))
    return {
        "values": [1.0, 3.0],
        "curves": [
            {
                "value": value,
                "step": steps,
                "generator_loss": [1 / step for step in steps],
                "discriminator_loss": [value / step for step in steps],
                "budget_penalty": [max(0.0, 1 - value * step / 30) for step in steps],
                "generator_kept": [1 - step / 40 for step in steps],
                "discriminator_kept": [1 - step / 60 for step in steps],
            }
            for value in (1.0, 3.0)
        ],
    }


def write_results(folder: Path, name: str, content: Any) -> Path:
    """A results file in a folder of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(json.dumps(content))
    return folder


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._inside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag in ("style", "script"):
            self._inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in ("style", "script"):
            self._inside.pop()

    def handle_data(self, data: str) -> None:
        if not self._inside:
            self.words.append(data)


class Seen:
    """A page as a browser without style and script understands it."""

    def __init__(self, html: str) -> None:
        parser = _Text()
        parser.feed(html)
        self.tags = parser.tags
        self.text = re.sub(r"\s+", " ", " ".join(parser.words))

    def attributes(self, tag: str, name: str) -> list[str]:
        """An attribute's values in all elements of a kind."""
        return [found[name] or "" for kind, found in self.tags if kind == tag and name in found]

    @property
    def figures(self) -> list[str]:
        """What plots are called for those who do not see them."""
        return self.attributes("svg", "aria-label")

    @property
    def headings(self) -> int:
        """How many first-level headings there are."""
        return sum(tag == "h1" for tag, _ in self.tags)
