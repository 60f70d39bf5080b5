"""Decoded images kept in memory, so that an epoch after the first costs no decoding."""

from typing import final

from mggc.data.images import ImageSet
from mggc.data.transforms import resize
from mggc.shapes import ByteImage


@final
class CachedImages(ImageSet):
    """Another set's images resized to a square, each kept in memory after its first use.

    Args:
        images: The set behind.
        load_size: Side of the resized images, in pixels.
        max_bytes: Images that come when this much is kept are decoded again at each use.
    """

    def __init__(self, images: ImageSet, *, load_size: int, max_bytes: int) -> None:
        self.names = images.names
        self._images = images
        self._load_size = load_size
        self._free_bytes = max_bytes
        self._kept: dict[int, ByteImage] = {}

    def __getitem__(self, index: int) -> ByteImage:
        """Image ``index``, shared with later calls: not to be written to."""
        kept = self._kept.get(index)
        if kept is not None:
            return kept
        image = resize(self._images[index], (self._load_size, self._load_size))
        if image.nbytes <= self._free_bytes:
            # Without a lock two threads may both decode an image; they store the same bytes.
            self._free_bytes -= image.nbytes
            self._kept[index] = image
        return image

    def key(self, index: int) -> str:
        """The image's key in the set behind."""
        return self._images.key(index)
