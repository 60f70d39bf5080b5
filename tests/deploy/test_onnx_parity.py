from pathlib import Path
from typing import NamedTuple

import onnx
import pytest
import torch
from deploy_toys import RESNET, UNET, generator
from torch import Tensor, nn

from mggc.data.transforms import to_float
from mggc.deploy.any_size import translate
from mggc.deploy.graph import deployable
from mggc.deploy.interface import InputKind, Interface
from mggc.deploy.onnx_file import OPSET, OnnxGenerator, describe_onnx, write_onnx
from mggc.deploy.parity import (
    Tolerance,
    expected_levels,
    measure_difference,
    refuse_difference,
    tolerance_of,
)
from mggc.deploy.program import trace
from mggc.deploy.quantize import quantize_onnx
from mggc.deploy.sizes import taken_sizes
from mggc.errors import MggcError
from mggc.networks.specs import NetworkSpec
from toys import images


class Exported(NamedTuple):
    network: nn.Module
    interface: Interface
    path: Path
    run: OnnxGenerator


def export(
    folder: Path, network: nn.Module, spec: NetworkSpec, kind: InputKind, *, half: bool = False
) -> Exported:
    interface = Interface(kind, 3, 3, *taken_sizes(network, spec))
    path = folder / "generator.onnx"
    write_onnx(trace(deployable(network, spec, interface, half=half)), path)
    return Exported(network, interface, path, OnnxGenerator(path))


def bytes_of(*shape: int, seed: int = 0) -> Tensor:
    return ((images(*shape, seed=seed) + 1) * 127.5).round().byte()


@pytest.fixture(
    scope="module",
    params=[(UNET, False), (UNET, True), (RESNET, False), (RESNET, True)],
    ids=["U-Net", "compressed U-Net", "ResNet", "compressed ResNet"],
)
def floats(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    spec, compressed = request.param
    return export(tmp_path_factory.mktemp("onnx"), generator(spec, compressed=compressed), spec, "float")


@pytest.fixture(scope="module")
def bytewise(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    return export(tmp_path_factory.mktemp("onnx"), generator(UNET), UNET, "uint8")


def test_onnx_equals_pytorch_for_any_size_and_number(floats: Exported) -> None:
    for batch, height, width in [
        (1, 64, 64),
        (3, 65, 127),
        (1, 300, 77),
        (3, 129, 64),
        (1, 32, 20),
        (2, 9, 5),
    ]:
        pictures = bytes_of(batch, 3, height, width, seed=height)
        output = floats.run(to_float(pictures))
        assert output.shape == pictures.shape
        expected = expected_levels(floats.network, floats.interface, pictures) / 127.5 - 1
        assert (output - expected).abs().max() < 1e-4, (batch, height, width)


def test_onnx_is_as_fine_with_bytes_as_translate(bytewise: Exported) -> None:
    for batch, height, width in [(1, 64, 64), (3, 70, 131)]:
        pictures = bytes_of(batch, 3, height, width)
        output = bytewise.run(pictures.permute(0, 2, 3, 1).contiguous())
        assert output.dtype == torch.uint8
        assert output.shape == (batch, height, width, 3)
        expected = torch.stack([translate(bytewise.network, UNET, picture) for picture in pictures])
        apart = (output.permute(0, 3, 1, 2).int() - expected.int()).abs()
        assert apart.max() <= 1
        assert apart.float().mean() < 1e-3


def test_the_file_is_named_described_and_without_batch_norms(bytewise: Exported, tmp_path: Path) -> None:
    path = tmp_path / "described.onnx"
    path.write_bytes(bytewise.path.read_bytes())
    describe_onnx(path, {"title": "A generator", "macs": {"exported": 3}, "versions": {"mggc": "1"}})
    model = onnx.load_model(path)
    onnx.checker.check_model(model, full_check=True)
    (given,), (made,) = model.graph.input, model.graph.output
    assert (given.name, made.name) == ("images", "translated")
    for value in (given, made):
        axes = [axis.dim_param or axis.dim_value for axis in value.type.tensor_type.shape.dim]
        assert axes == ["batch", "height", "width", 3]
    assert model.opset_import[0].version == OPSET
    assert "BatchNormalization" not in {node.op_type for node in model.graph.node}
    assert OnnxGenerator(path).metadata == {
        "title": "A generator",
        "macs": '{"exported": 3}',
        "versions": '{"mggc": "1"}',
    }
    pictures = bytes_of(1, 3, 40, 40).permute(0, 2, 3, 1).contiguous()
    assert torch.equal(OnnxGenerator(path)(pictures), bytewise.run(pictures))


def test_half_precision_stays_within_its_tolerance(tmp_path: Path) -> None:
    exported = export(tmp_path, generator(UNET), UNET, "float", half=True)
    batches = [bytes_of(2, 3, 64, 45)]
    difference = measure_difference(exported.run, exported.network, exported.interface, batches)
    refuse_difference(difference, tolerance_of("fp16", exported.interface), what="It")
    assert difference.max_levels > 0.01, "it does compute in fewer bits"
    types = {weight.data_type for weight in onnx.load_model(exported.path).graph.initializer}
    assert onnx.TensorProto.FLOAT16 in types


def test_int8_is_calibrated_on_images_and_measured_against_fp32(bytewise: Exported, tmp_path: Path) -> None:
    path = tmp_path / "int8.onnx"
    calibration = [bytes_of(1, 3, 64, 64, seed=seed) for seed in range(4)]
    quantize_onnx(bytewise.path, path, bytewise.interface, calibration)
    nodes = onnx.load_model(path).graph.node
    made_by = {name: node.op_type for node in nodes for name in node.output}
    fed_by = [made_by.get(node.input[0]) for node in nodes if node.op_type == "Conv"]
    # The convolution that reads pictures stays as it was.
    assert fed_by == ["Div", *["DequantizeLinear"] * (UNET.downs - 1)]
    difference = measure_difference(
        OnnxGenerator(path), bytewise.network, bytewise.interface, calibration[:2]
    )
    assert 0 < difference.mean_levels < 40
    assert difference.images == 2
    with pytest.raises(MggcError, match=r"differs from PyTorch by .* the mean may be 1e-06"):
        refuse_difference(difference, tolerance_of("int8", bytewise.interface, 1e-6), what="int8")


def test_what_is_no_number_is_never_within_a_tolerance(bytewise: Exported) -> None:
    def broken(feed: Tensor) -> Tensor:
        return torch.full(feed.shape, torch.nan)

    difference = measure_difference(broken, bytewise.network, bytewise.interface, [bytes_of(1, 3, 40, 40)])
    with pytest.raises(MggcError, match="nan"):
        refuse_difference(difference, Tolerance("max", 255.0), what="It")
