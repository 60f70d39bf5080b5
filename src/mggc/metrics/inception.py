"""Inception-v3 as the FID defines its features: the network of 2015-12-05, ported from TensorFlow.

Weights are those of pytorch-fid's release, ``pt_inception-2015-12-05-6726825d.pth``; names of layers are that file's.
Against the usual Inception-v3 three things differ: 1,008 classes, average pools that leave the padding out of their
mean, and a max pool in the last block.
"""

from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import interpolate

from mggc.metrics.inception_blocks import (
    ConvNormReLU,
    block_8,
    block_17,
    block_35,
    reduction_to_8,
    reduction_to_17,
)
from mggc.metrics.published import fill, read_state_dict
from mggc.shapes import Images


class InceptionFeatures(nn.Module):
    """The 2,048 pooled features that the Fréchet inception distance compares. Use ``load_inception`` for the weights.

    Images are resized to 299×299, bilinearly and without antialiasing, as pytorch-fid does.
    """

    dim = 2048

    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = ConvNormReLU(3, 32, (3, 3), stride=2)
        self.Conv2d_2a_3x3 = ConvNormReLU(32, 32, (3, 3))
        self.Conv2d_2b_3x3 = ConvNormReLU(32, 64, (3, 3), padding=(1, 1))
        self.Conv2d_3b_1x1 = ConvNormReLU(64, 80, (1, 1))
        self.Conv2d_4a_3x3 = ConvNormReLU(80, 192, (3, 3))
        self.Mixed_5b = block_35(192, pool_channels=32)
        self.Mixed_5c = block_35(256, pool_channels=64)
        self.Mixed_5d = block_35(288, pool_channels=64)
        self.Mixed_6a = reduction_to_17(288)
        self.Mixed_6b = block_17(768, inner=128)
        self.Mixed_6c = block_17(768, inner=160)
        self.Mixed_6d = block_17(768, inner=160)
        self.Mixed_6e = block_17(768, inner=192)
        self.Mixed_7a = reduction_to_8(768)
        self.Mixed_7b = block_8(1280, pool="average")
        self.Mixed_7c = block_8(2048, pool="max")
        self.fc = nn.Linear(2048, 1008)  # not used: the published file holds it
        self.max_pool = nn.MaxPool2d(3, stride=2)

    def forward(self, images: Images) -> Float[Tensor, "batch 2048"]:
        """Features of images in [-1, 1], of any size, with 3 channels or 1 (grey).

        Raises:
            ValueError: The images have another number of channels.
        """
        if images.shape[1] not in (1, 3):
            raise ValueError(f"Inception sees images of 1 or 3 channels. Found {images.shape[1]}.")
        images = images.expand(-1, 3, -1, -1)
        # pytorch-fid resizes on [0, 1] and scales to [-1, 1] after it: the same thing, resizing being linear.
        features = interpolate(images, size=(299, 299), mode="bilinear", align_corners=False)
        features = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(features)))
        features = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(self.max_pool(features)))
        features = self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(self.max_pool(features))))
        features = self.Mixed_6c(self.Mixed_6b(self.Mixed_6a(features)))
        features = self.Mixed_7a(self.Mixed_6e(self.Mixed_6d(features)))
        features = self.Mixed_7c(self.Mixed_7b(features))
        return torch.mean(features, (2, 3))


def load_inception(path: Path) -> InceptionFeatures:
    """The extractor with the published weights, frozen and in eval mode, on the CPU.

    Args:
        path: A copy of ``pt_inception-2015-12-05-6726825d.pth``. It is read without running any code in it.

    Raises:
        MggcError: The file is missing, is not a file of weights, or holds another network's.
    """
    wanted = "pt_inception-2015-12-05-6726825d.pth from pytorch-fid's release fid_weights"
    network = InceptionFeatures()
    fill(network, read_state_dict(path, what="Inception", wanted=wanted), path=path, wanted=wanted)
    return network.eval().requires_grad_(False)
