"""Images as data URIs."""

import base64
from io import BytesIO

import numpy as np
from PIL import Image

from mggc.shapes import ByteImage, ByteImages

PNG_PIXELS = 128 * 128
"""Up to so many pixels an image is stored without loss."""
JPEG_QUALITY = 95


def data_uri(image: ByteImage) -> str:
    """One image: PNG where it is small, JPEG of high quality and full colour resolution where it is not."""
    pixels = image.permute(1, 2, 0).contiguous().cpu().numpy()
    picture = Image.fromarray(np.ascontiguousarray(pixels.squeeze(2) if pixels.shape[2] == 1 else pixels))
    content = BytesIO()
    if lossless(image):
        picture.save(content, format="PNG", optimize=True)
        return png_uri(content.getvalue())
    picture.save(content, format="JPEG", quality=JPEG_QUALITY, subsampling=0)
    return f"data:image/jpeg;base64,{base64.b64encode(content.getvalue()).decode()}"


def png_uri(content: bytes) -> str:
    """A PNG file."""
    return f"data:image/png;base64,{base64.b64encode(content).decode()}"


def data_uris(images: ByteImages) -> list[str]:
    """Each of several images."""
    return [data_uri(image) for image in images]


def lossless(image: ByteImage) -> bool:
    """Whether an image of this size is stored without loss."""
    return image.shape[-2] * image.shape[-1] <= PNG_PIXELS
