"""The published networks a second time: tables of keys and shapes, and forward passes on plain dictionaries.

Nothing here knows our classes. Activations work in place, as they do in pytorch-CycleGAN-and-pix2pix.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

Layout = dict[str, tuple[int, ...]]


def random_weights(layout: Layout, *, seed: int = 0) -> dict[str, Tensor]:
    """Weights of a scale at which signals neither vanish nor saturate; variances are positive."""
    generator = torch.Generator().manual_seed(seed)
    weights = {}
    for key, shape in layout.items():
        draws = torch.randn(shape, generator=generator)
        name = key.rpartition(".")[2]
        if name == "num_batches_tracked":
            weights[key] = torch.tensor(7)
        elif name == "running_var" or (name == "weight" and len(shape) == 1):
            weights[key] = 0.5 + draws.abs()
        elif name == "weight":
            weights[key] = draws / draws[0].numel() ** 0.5
        else:
            weights[key] = 0.1 * draws
    return weights


def unet_prefixes(downs: int) -> list[str]:
    return ["model.model"] + ["model.model.1.model" + ".3.model" * level for level in range(downs - 1)]


def unet_layout(
    *, downs: int, ngf: int, norm: str, inputs: int = 3, outputs: int = 3, bias: bool | None = None
) -> Layout:
    bias = norm == "instance" if bias is None else bias
    prefixes = unet_prefixes(downs)
    layout = _conv("model.model.0", (ngf, inputs, 4, 4), bias)
    widths = [ngf, 2 * ngf, 4 * ngf, 8 * ngf] + [8 * ngf] * (downs - 4)
    for level in range(1, downs):
        prefix, outer, inner = prefixes[level], widths[level - 1], widths[level]
        layout |= _conv(f"{prefix}.1", (inner, outer, 4, 4), bias)
        if level < downs - 1:
            layout |= _norm(f"{prefix}.2", inner, norm)
            layout |= _conv(f"{prefix}.5", (2 * inner, outer, 4, 4), bias, biases=outer)
            layout |= _norm(f"{prefix}.6", outer, norm)
        else:
            layout |= _conv(f"{prefix}.3", (inner, outer, 4, 4), bias, biases=outer)
            layout |= _norm(f"{prefix}.4", outer, norm)
    return layout | _conv("model.model.3", (2 * ngf, outputs, 4, 4), True, biases=outputs)


def unet_forward(
    weights: dict[str, Tensor], x: Tensor, *, downs: int, norm: str, decoder_first: bool = False
) -> Tensor:
    prefixes, skips = unet_prefixes(downs), []
    x = _apply(weights, "model.model.0", x, stride=2, padding=1)
    for level in range(1, downs):
        F.leaky_relu_(x, 0.2)
        skips.append(x)
        x = _apply(weights, f"{prefixes[level]}.1", x, stride=2, padding=1)
        if level < downs - 1:
            x = _normalize(weights, f"{prefixes[level]}.2", x, norm)
    for level in range(downs - 1, 0, -1):
        up = 3 if level == downs - 1 else 5
        x = _transpose(weights, f"{prefixes[level]}.{up}", F.relu_(x), stride=2, padding=1)
        x = _normalize(weights, f"{prefixes[level]}.{up + 1}", x, norm)
        x = torch.cat([x, skips.pop()] if decoder_first else [skips.pop(), x], 1)
    return torch.tanh(_transpose(weights, "model.model.3", F.relu_(x), stride=2, padding=1))


def resnet_layout(
    *,
    blocks: int,
    ngf: int,
    norm: str,
    dropout: bool,
    inputs: int = 3,
    outputs: int = 3,
    bias: bool | None = None,
) -> Layout:
    bias = norm == "instance" if bias is None else bias
    layout = _conv("model.1", (ngf, inputs, 7, 7), bias) | _norm("model.2", ngf, norm)
    layout |= _conv("model.4", (2 * ngf, ngf, 3, 3), bias) | _norm("model.5", 2 * ngf, norm)
    layout |= _conv("model.7", (4 * ngf, 2 * ngf, 3, 3), bias) | _norm("model.8", 4 * ngf, norm)
    for index in range(10, 10 + blocks):
        block, second = f"model.{index}.conv_block", 6 if dropout else 5
        layout |= _conv(f"{block}.1", (4 * ngf, 4 * ngf, 3, 3), bias)
        layout |= _norm(f"{block}.2", 4 * ngf, norm)
        layout |= _conv(f"{block}.{second}", (4 * ngf, 4 * ngf, 3, 3), bias)
        layout |= _norm(f"{block}.{second + 1}", 4 * ngf, norm)
    end = 10 + blocks
    layout |= _conv(f"model.{end}", (4 * ngf, 2 * ngf, 3, 3), bias, biases=2 * ngf)
    layout |= _norm(f"model.{end + 1}", 2 * ngf, norm)
    layout |= _conv(f"model.{end + 3}", (2 * ngf, ngf, 3, 3), bias, biases=ngf)
    layout |= _norm(f"model.{end + 4}", ngf, norm)
    return layout | _conv(f"model.{end + 7}", (outputs, ngf, 7, 7), True)


def resnet_forward(weights: dict[str, Tensor], x: Tensor, *, blocks: int, norm: str, dropout: bool) -> Tensor:
    x = _apply(weights, "model.1", F.pad(x, (3, 3, 3, 3), mode="reflect"))
    x = F.relu_(_normalize(weights, "model.2", x, norm))
    for index in (4, 7):
        x = _apply(weights, f"model.{index}", x, stride=2, padding=1)
        x = F.relu_(_normalize(weights, f"model.{index + 1}", x, norm))
    for index in range(10, 10 + blocks):
        block, second = f"model.{index}.conv_block", 6 if dropout else 5
        y = _apply(weights, f"{block}.1", F.pad(x, (1, 1, 1, 1), mode="reflect"))
        y = F.relu_(_normalize(weights, f"{block}.2", y, norm))
        y = _apply(weights, f"{block}.{second}", F.pad(y, (1, 1, 1, 1), mode="reflect"))
        x = x + _normalize(weights, f"{block}.{second + 1}", y, norm)
    for index in (10 + blocks, 13 + blocks):
        x = _transpose(weights, f"model.{index}", x, stride=2, padding=1, output_padding=1)
        x = F.relu_(_normalize(weights, f"model.{index + 1}", x, norm))
    return torch.tanh(_apply(weights, f"model.{17 + blocks}", F.pad(x, (3, 3, 3, 3), mode="reflect")))


def patchgan_layout(*, layers: int, ndf: int, norm: str, inputs: int = 6) -> Layout:
    layout = _conv("model.0", (ndf, inputs, 4, 4), True)
    for depth in range(1, layers + 1):
        read, written = ndf * min(2 ** (depth - 1), 8), ndf * min(2**depth, 8)
        layout |= _conv(f"model.{3 * depth - 1}", (written, read, 4, 4), norm == "instance")
        layout |= _norm(f"model.{3 * depth}", written, norm)
    return layout | _conv(f"model.{3 * layers + 2}", (1, ndf * min(2**layers, 8), 4, 4), True)


def patchgan_forward(weights: dict[str, Tensor], x: Tensor, *, layers: int, norm: str) -> Tensor:
    x = F.leaky_relu_(_apply(weights, "model.0", x, stride=2, padding=1), 0.2)
    for depth in range(1, layers + 1):
        x = _apply(weights, f"model.{3 * depth - 1}", x, stride=1 if depth == layers else 2, padding=1)
        x = F.leaky_relu_(_normalize(weights, f"model.{3 * depth}", x, norm), 0.2)
    return _apply(weights, f"model.{3 * layers + 2}", x, padding=1)


def pixel_layout(*, ndf: int, norm: str, inputs: int = 6) -> Layout:
    bias = norm == "instance"
    layout = _conv("net.0", (ndf, inputs, 1, 1), True) | _conv("net.2", (2 * ndf, ndf, 1, 1), bias)
    return layout | _norm("net.3", 2 * ndf, norm) | _conv("net.5", (1, 2 * ndf, 1, 1), bias)


def pixel_forward(weights: dict[str, Tensor], x: Tensor, *, norm: str) -> Tensor:
    x = F.leaky_relu_(_apply(weights, "net.0", x), 0.2)
    x = F.leaky_relu_(_normalize(weights, "net.3", _apply(weights, "net.2", x), norm), 0.2)
    return _apply(weights, "net.5", x)


def _conv(name: str, shape: tuple[int, ...], bias: bool, *, biases: int | None = None) -> Layout:
    return {f"{name}.weight": shape} | ({f"{name}.bias": (biases or shape[0],)} if bias else {})


def _norm(name: str, channels: int, norm: str) -> Layout:
    if norm != "batch":
        return {}
    vectors = {f"{name}.{key}": (channels,) for key in ("weight", "bias", "running_mean", "running_var")}
    return vectors | {f"{name}.num_batches_tracked": ()}


def _apply(weights: dict[str, Tensor], name: str, x: Tensor, **geometry: int) -> Tensor:
    return F.conv2d(x, weights[f"{name}.weight"], weights.get(f"{name}.bias"), **geometry)


def _transpose(weights: dict[str, Tensor], name: str, x: Tensor, **geometry: int) -> Tensor:
    return F.conv_transpose2d(x, weights[f"{name}.weight"], weights.get(f"{name}.bias"), **geometry)


def _normalize(weights: dict[str, Tensor], name: str, x: Tensor, norm: str) -> Tensor:
    if norm == "none":
        return x
    if norm == "instance":
        return F.instance_norm(x)
    parts = (weights[f"{name}.{key}"] for key in ("running_mean", "running_var", "weight", "bias"))
    return F.batch_norm(x, *parts)
