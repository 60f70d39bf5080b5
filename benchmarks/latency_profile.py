"""Where the time goes in ONNX Runtime: a network and the same one at uniform width, operator by operator, in turns.

python benchmarks/latency_profile.py resnet_9blocks --budget 10% --multiple-of 8 --threads 2
"""

import argparse
import json
import statistics
from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import onnxruntime
import torch

from mggc.budget import parse_budget
from mggc.deploy.bench_onnx import to_onnx_bytes
from mggc.networks.build import build
from mggc.networks.specs import named_spec
from mggc.pruning.channels import trace_channels
from mggc.pruning.cut import cut
from mggc.pruning.macs import MacsCounter
from mggc.pruning.plan import plan_from_scores, uniform_plan
from mggc.pruning.table import CONVS

KINDS = {
    "Conv": "convolution",
    "FusedConv": "convolution",
    "ConvTranspose": "transposed convolution",
    "InstanceNormalization": "norm",
    "BatchNormalization": "norm",
    "Pad": "padding",
    "Concat": "concatenation",
    "Add": "residual sum",
    "ReorderInput": "change of layout",
    "ReorderOutput": "change of layout",
    "Transpose": "change of layout",
    "Relu": "activation",
    "LeakyRelu": "activation",
    "Tanh": "activation",
}
WARMUP = 3


class Node(NamedTuple):
    """One operator of a graph and what one pass through it took."""

    name: str
    operator: str
    milliseconds: float
    macs: int
    megabytes: float
    """Read and written: inputs, a convolution's weights, and outputs, once each."""
    shapes: str

    @property
    def kind(self) -> str:
        return KINDS.get(self.operator, self.operator)


class Profile(NamedTuple):
    nodes: list[Node]
    total_ms: float
    """Of the whole pass, with what lies between the operators."""

    def by_kind(self) -> dict[str, float]:
        times: dict[str, float] = defaultdict(float)
        for node in self.nodes:
            times[node.kind] += node.milliseconds
        times["between operators"] = max(0.0, self.total_ms - sum(node.milliseconds for node in self.nodes))
        return dict(times)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("network", nargs="?", default="unet_256")
    parser.add_argument("--budget", default="10%")
    parser.add_argument("--multiple-of", type=int, default=1)
    parser.add_argument("--image-size", type=int, default=256)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--json", type=Path, help="Also write every operator to this file.")
    arguments = parser.parse_args()
    network = build(named_spec(arguments.network)).eval()
    counter = MacsCounter(trace_channels(network, image_size=arguments.image_size))
    narrow = _narrow(network, counter, arguments.budget, arguments.multiple_of)
    example = torch.empty(1, 3, arguments.image_size, arguments.image_size).uniform_(-1, 1)
    graphs = {"original": to_onnx_bytes(network, example), "narrow": to_onnx_bytes(narrow, example)}
    with TemporaryDirectory() as folder:
        profiles = profile(
            graphs, example.numpy(), threads=arguments.threads, runs=arguments.runs, folder=Path(folder)
        )
    for name, generator in (("original", network), ("narrow", narrow)):
        profiles[name] = with_costs(profiles[name], convolutions(generator, example))
    print(
        f"{arguments.network} at {arguments.image_size} px, {arguments.threads} threads, {arguments.budget}"
    )
    print_kinds(profiles["original"], profiles["narrow"])
    print_convolutions(profiles["original"], profiles["narrow"])
    if arguments.json:
        content = {
            name: {"total_ms": found.total_ms, "nodes": [node._asdict() for node in found.nodes]}
            for name, found in profiles.items()
        }
        arguments.json.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _narrow(network: torch.nn.Module, counter: MacsCounter, budget: str, multiple_of: int) -> torch.nn.Module:
    """The network at uniform width, or roughly so in multiples."""
    macs = parse_budget(budget, total_macs=counter.total)
    table = counter.table
    if multiple_of == 1:
        plan = uniform_plan(torch.zeros(table.prunable), counter, budget=macs)
    else:
        scores = torch.rand(table.prunable, generator=torch.Generator().manual_seed(0))
        plan = plan_from_scores(scores, counter, budget=macs, multiple_of=multiple_of)
    print("widths:", *plan.widths.values())
    return cut(network, table, plan).eval()


def profile(
    graphs: dict[str, bytes], images: np.ndarray, *, threads: int, runs: int, folder: Path
) -> dict[str, Profile]:
    """Run every graph in turns with ONNX Runtime's own profiler on; medians over the runs."""
    sessions = {}
    for name, graph in graphs.items():
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.enable_profiling = True
        options.profile_file_prefix = str(folder / name)
        options.add_session_config_entry("session.force_spinning_stop", "1")
        sessions[name] = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    for _ in range(WARMUP + runs):
        for session in sessions.values():
            session.run(None, {session.get_inputs()[0].name: images})
    return {name: _read(Path(session.end_profiling())) for name, session in sessions.items()}


def _read(file: Path) -> Profile:
    events = json.loads(file.read_text(encoding="utf-8"))
    times: dict[str, list[float]] = defaultdict(list)
    arguments: dict[str, dict[str, Any]] = {}
    passes = [event["dur"] / 1000 for event in events if event["name"] == "model_run"]
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith("_kernel_time"):
            name = event["name"].removesuffix("_kernel_time")
            times[name].append(event["dur"] / 1000)
            arguments[name] = event["args"]
    nodes = [_node(name, times[name][WARMUP:], arguments[name]) for name in times]
    return Profile(nodes, statistics.median(passes[WARMUP:]))


def _node(name: str, times: list[float], arguments: dict[str, Any]) -> Node:
    inputs = [next(iter(shape.values())) for shape in arguments["input_type_shape"]]
    outputs = [next(iter(shape.values())) for shape in arguments["output_type_shape"]]
    # The profiler shows a convolution's weights only where they have not been packed.
    activations = inputs[:1] if "Conv" in arguments["op_name"] else inputs
    megabytes = sum(4 * int(np.prod(shape)) for shape in activations + outputs) / 1e6
    shapes = f"{inputs[0]}→{outputs[0]}" if inputs and outputs else ""
    return Node(name, arguments["op_name"], statistics.median(times), 0, megabytes, shapes)


def convolutions(network: torch.nn.Module, example: torch.Tensor) -> list[tuple[int, float]]:
    """MACs, and megabytes of weights, of all convolutions in the order in which they run."""
    found: list[tuple[int, float]] = []

    def add(module: Any, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        positions = inputs[0] if isinstance(module, torch.nn.ConvTranspose2d) else output
        found.append((positions.shape[-2:].numel() * module.weight.numel(), 4 * module.weight.numel() / 1e6))

    handles = [module.register_forward_hook(add) for module in network.modules() if isinstance(module, CONVS)]
    with torch.no_grad():
        network(example)
    for handle in handles:
        handle.remove()
    return found


def with_costs(profile: Profile, costs: list[tuple[int, float]]) -> Profile:
    """The profile with each convolution's MACs and weights: the graph runs them in the network's own order."""
    left = iter(costs)
    nodes = []
    for node in profile.nodes:
        if "Conv" in node.operator:
            macs, weights = next(left)
            node = node._replace(macs=macs, megabytes=node.megabytes + weights)
        nodes.append(node)
    if next(left, None) is not None:
        raise ValueError("The graph has fewer convolutions than the network.")
    return Profile(nodes, profile.total_ms)


def print_kinds(original: Profile, narrow: Profile) -> None:
    before, after = original.by_kind(), narrow.by_kind()
    ratio = sum(node.macs for node in original.nodes) / sum(node.macs for node in narrow.nodes)
    speed_up = original.total_ms / narrow.total_ms
    print(
        f"\n{original.total_ms:.1f} ms → {narrow.total_ms:.2f} ms: {speed_up:.2f}× for {ratio:.2f}× fewer MACs, "
        f"realised {speed_up / ratio:.2f}"
    )
    print(f"\n{'':24} {'original ms':>12} {'share':>6} {'narrow ms':>10} {'share':>6} {'speed-up':>9}")
    for kind in sorted({*before, *after}, key=lambda kind: -after.get(kind, 0.0)):
        old, new = before.get(kind, 0.0), after.get(kind, 0.0)
        faster = f"{old / new:8.1f}×" if new else f"{'':>9}"
        print(
            f"{kind:24} {old:12.2f} {old / original.total_ms:6.1%} {new:10.3f} {new / narrow.total_ms:6.1%} {faster}"
        )


def print_convolutions(original: Profile, narrow: Profile) -> None:
    """Both graphs' convolutions side by side, in order; they pair up as the networks have the same layers."""
    pairs = zip(_convolutions(original), _convolutions(narrow), strict=True)
    print(
        f"\n{'convolution':52} {'ms':>8} {'GMAC/s':>7} {'GB/s':>6}   {'narrow':40} {'ms':>7} {'GMAC/s':>7} {'GB/s':>6}"
    )
    for old, new in pairs:
        print(f"{old.operator + ' ' + old.shapes:52} {_rates(old)}   {new.shapes:40} {_rates(new)}")


def _convolutions(found: Profile) -> list[Node]:
    return [node for node in found.nodes if node.macs]


def _rates(node: Node) -> str:
    seconds = max(node.milliseconds, 1e-6) / 1000
    return f"{node.milliseconds:8.3f} {node.macs / seconds / 1e9:7.1f} {node.megabytes / 1e3 / seconds:6.1f}"


if __name__ == "__main__":
    main()
