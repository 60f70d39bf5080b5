"""What all settings share: a frozen base class, and the types of their fields."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

Model = Literal["pix2pix", "cyclegan"]
Direction = Literal["AtoB", "BtoA"]
MacsConvention = Literal["exact", "paper"]
Norm = Literal["batch", "instance", "none"]
GanMode = Literal["hinge", "vanilla", "lsgan"]
NormMode = Literal["batch", "running"]
EncoderKind = Literal["swav", "random", "pixels"]
PositiveInt = Annotated[int, Field(gt=0)]
PositiveFloat = Annotated[float, Field(gt=0)]
NonNegativeInt = Annotated[int, Field(ge=0)]
NonNegativeFloat = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(gt=0, lt=1)]


def _number(value: Any) -> Any:
    """The command line gives text, which pydantic reads as a number only where any number will do."""
    return int(value) if isinstance(value, str) and value.isdecimal() else value


Channels = Annotated[Literal[1, 3], BeforeValidator(_number)]
Depth = Annotated[Literal[18, 50], BeforeValidator(_number)]


class Settings(BaseModel):
    """Frozen, refuses unknown names, and takes its fields' documentation from the strings below them."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)
