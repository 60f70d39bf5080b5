"""A history of generated images, so that a discriminator does not only see the latest (Shrivastava et al. 2017)."""

import torch
from torch import Tensor

from mggc.shapes import Images


class ImagePool:
    """Keeps ``size`` images; half of the images asked for are exchanged with old ones. A size of 0 keeps nothing.

    Randomness comes from PyTorch's global generator, so that seeding each update makes the pool reproducible.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.images: list[Tensor] = []

    def exchange(self, images: Images) -> Images:
        """Images for the discriminator: some of these, some from the past."""
        if self.size == 0:
            return images
        return torch.stack([self._exchange(image) for image in images.detach()])

    def _exchange(self, image: Tensor) -> Tensor:
        if len(self.images) < self.size:
            self.images.append(image)
            return image
        if torch.rand(()) < 0.5:
            return image
        position = int(torch.randint(self.size, ()))
        old, self.images[position] = self.images[position], image
        return old
