"""A model card: ``README.md`` as Hugging Face lays it out, with the facts that we have and none that we have not."""

import json
from collections.abc import Mapping
from typing import Any

from mggc.deploy.facts import Facts, architecture
from mggc.networks.specs import FactorySpec

LIBRARY = "mggc"
TASK = "image-to-image"
COSTS = ("macs", "macs_paper", "parameters", "file_size", "latency")
"""Figures that are no results in the sense of the hub's leaderboards."""


def model_card(facts: Facts, *, usage: str, notes: str = "") -> str:
    """The text of a model card.

    Args:
        facts: What is known about the generator.
        usage: Markdown that says how to use the files beside the card.
        notes: Markdown about how the files were made and checked.
    """
    parts = [
        _front_matter(facts),
        f"# {facts.name}\n\n{facts.title}. Made with mggc, which prunes a generator in a "
        "game that keeps the density of every neighbourhood of its images, and finetunes it with distillation.",
        f"## Use\n\n{usage}",
        f"## What it is\n\n{_cost_table(facts)}",
        _metrics_table(facts),
        notes,
    ]
    return "\n\n".join(part.strip() for part in parts if part) + "\n"


def _front_matter(facts: Facts) -> str:
    """YAML between dashes; every scalar is written as JSON, which YAML reads."""
    tags = [TASK, "gan", "model-compression", "pruning", "distillation", facts.spec.kind, facts.model]
    lines = ["---", f"library_name: {LIBRARY}", f"pipeline_tag: {TASK}", "tags:"]
    lines += [f"- {json.dumps(tag)}" for tag in dict.fromkeys(tags) if tag]
    results = [
        result
        for name, figure in _own(facts).items()
        if name not in COSTS
        for result in _result(name, figure)
    ]
    if results and facts.data:
        lines += ["model-index:", f"- name: {json.dumps(facts.name)}", "  results:"]
        lines += [f"  - task: {{type: {TASK}}}"]
        lines += [f"    dataset: {{type: {json.dumps(facts.data)}, name: {json.dumps(facts.data)}}}"]
        lines += ["    metrics:", *results]
    return "\n".join([*lines, "---"])


def _result(name: str, figure: Mapping[str, Any]) -> list[str]:
    if figure["value"] is None:
        return []
    return [
        f"    - {{type: {json.dumps(name)}, name: {json.dumps(name)}, value: {json.dumps(figure['value'])}}}"
    ]


def _own(facts: Facts) -> Mapping[str, Mapping[str, Any]]:
    return facts.metrics.get("compressed", {})


def _cost_table(facts: Facts) -> str:
    size = facts.image_size
    rows = [
        (
            "multiply-adds of one image, exact",
            f"{facts.cost.macs:,}",
            facts.original and f"{facts.original.macs:,}",
        ),
        ("parameters", f"{facts.cost.parameters:,}", facts.original and f"{facts.original.parameters:,}"),
    ]
    lines = [f"| images of {size}×{size} | this generator | original |", "|---|---:|---:|"]
    lines += [f"| {label} | {own} | {original or '–'} |" for label, own, original in rows]
    lines += ["", f"Design before the cut: {architecture(facts.spec)}."]
    if facts.budget:
        lines[-1] += (
            f" Budget: {facts.budget['asked']} ({facts.budget['macs']:,} MACs, {facts.budget['convention']})."
        )
    if isinstance(facts.spec, FactorySpec):
        lines[-1] += " Its layers are defined by that module, which has to be importable."
    return "\n".join(lines)


def _metrics_table(facts: Facts) -> str:
    if not _own(facts):
        return "## Metrics\n\nThe run has not been evaluated."
    original = facts.metrics.get("original", {})
    lines = ["## Metrics", "", "| metric | this generator | original | unit |", "|---|---:|---:|---|"]
    for name, figure in _own(facts).items():
        before = original.get(name, {}).get("value")
        lines.append(f"| {name} | {_number(figure['value'])} | {_number(before)} | {figure['unit']} |")
    protocol = next(iter(_own(facts).values()))["protocol"]
    said = ", ".join(f"{key} {value}" for key, value in protocol.items() if key != "sd")
    return "\n".join([*lines, "", f"Protocol: {said}."])


def _number(value: float | int | None) -> str:
    if value is None:
        return "–"
    return f"{value:,}" if isinstance(value, int) else f"{value:.5g}"
