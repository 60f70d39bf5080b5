"""Which images a network can take."""

from mggc.errors import MggcError
from mggc.networks.specs import NetworkSpec, PatchSpec, ResnetSpec, UnetSpec


def size_multiple(spec: NetworkSpec) -> int:
    """What the height and width of images have to be a multiple of, in pixels."""
    match spec:
        case UnetSpec():
            return int(2**spec.downs)
        case ResnetSpec():
            return 4
        case _:
            return 1


def minimum_size(spec: NetworkSpec) -> int:
    """The smallest height and width of images, in pixels."""
    match spec:
        case UnetSpec():
            return int(2**spec.downs)
        case ResnetSpec():
            return 8  # reflection padding of 1 at a quarter of the size needs two pixels there
        case PatchSpec():
            return int(3 * 2**spec.layers)  # the two layers of stride 1 take a pixel each and leave one
        case _:
            return 1


def check_image_size(spec: NetworkSpec, size: int) -> None:
    """Refuse a side of images, in pixels, that the network cannot take.

    Raises:
        MggcError: The side is too small or not a multiple of what the network halves.
    """
    multiple, minimum = size_multiple(spec), minimum_size(spec)
    if size >= minimum and size % multiple == 0:
        return
    nearest = max(minimum, round(size / multiple) * multiple)
    wanted = f"multiples of {multiple}" if multiple > 1 else "sizes"
    raise MggcError(
        f"The {spec.kind} network takes {wanted} from {minimum} pixels upwards, not {size}. "
        f"The nearest size is {nearest}."
    )
