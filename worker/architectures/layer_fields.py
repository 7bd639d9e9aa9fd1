"""The kinds of fields that layers have: bounded numbers, and sizes that stand for a height and a width.

Each kind reports an invalid value as one readable error at its own path. `grammar` decides which layer has which field.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from reprlib import repr as short_repr
from typing import Annotated, Literal, TypeGuard

from pydantic import BeforeValidator, Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema


@dataclass(frozen=True)
class Sides:
    """Annotation that makes a `tuple[int, int]` field a bounded (height, width) pair.

    A union of a number and a tuple would add a level to an error's path; with this the path ends in the field's name.
    """

    lowest: int
    highest: int

    def read(self, value: object) -> tuple[int, int]:
        """The pair that `value` stands for."""
        match value:
            case [height, width] if self._is_side(height) and self._is_side(width):
                return (height, width)
            case _ if self._is_side(value):
                return (value, value)
        raise PydanticCustomError(
            "sides",
            "not a valid size; expected a whole number from {lowest} to {highest}, "
            "or [height, width] of such numbers, got {got}",
            {"lowest": self.lowest, "highest": self.highest, "got": short_repr(value)},
        )

    def _is_side(self, value: object) -> TypeGuard[int]:
        # `type`, not `isinstance`: to Python, true and false are integers too.
        return type(value) is int and self.lowest <= value <= self.highest

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            self.read, serialization=core_schema.plain_serializer_function_ser_schema(as_written)
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        side = {"type": "integer", "minimum": self.lowest, "maximum": self.highest}
        return {"anyOf": [side, {"type": "array", "items": side, "minItems": 2, "maxItems": 2}]}


@dataclass(frozen=True)
class Count:
    """Annotation that refuses a list of too few or too many entries before any of them is read.

    Pydantic's own length check counts only the valid entries, and so reports a faulty one twice.
    """

    lowest: int
    highest: int
    what: str

    def check(self, value: object) -> object:
        """Return `value` unless it is a list of the wrong length."""
        if isinstance(value, list | tuple) and not self.lowest <= len(value) <= self.highest:
            raise PydanticCustomError(
                "count",
                "not a possible number of {what}; expected {lowest} to {highest}, got {got}",
                {"what": self.what, "lowest": self.lowest, "highest": self.highest, "got": len(value)},
            )
        return value

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return handler(schema) | {"minItems": self.lowest, "maxItems": self.highest}


MAX_UNITS = 65_536

Share = Annotated[float, Field(strict=True, ge=0, lt=1, allow_inf_nan=False)]
Flag = Annotated[bool, Field(strict=True)]


def _checked_units(units: object) -> object:
    # `type`, not `isinstance`: to Python, true is an integer too.
    if units == "classes" or (type(units) is int and 1 <= units <= MAX_UNITS):
        return units
    raise PydanticCustomError(
        "units",
        'not a valid number of units; expected a whole number from 1 to {most} or "classes", got {got}',
        {"most": MAX_UNITS, "got": short_repr(units)},
    )


Units = Annotated[Literal["classes"] | Annotated[int, Field(ge=1, le=MAX_UNITS)], BeforeValidator(_checked_units)]


def as_written(sides: Iterable[int]) -> int | list[int]:
    """The shortest form of a pair: one number if both sides are the same."""
    height, width = sides
    return height if height == width else [height, width]


def by(sides: Iterable[int]) -> str:
    """A pair or a whole shape as text: `5x5`, `28x28x6`."""
    return "x".join(str(side) for side in sides)
