"""Bodies are JSON, and JSON has types: `"7"` is no number there and `false` is not 0. A query is all text."""

from types import NoneType
from typing import Any, get_args

from pydantic import BaseModel, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError


class JsonTypes(BaseModel):
    """A model whose numbers and booleans are taken as the schema says them, without pydantic's conversions."""

    @field_validator("*", mode="before")
    @classmethod
    def _as_the_schema_says(cls, value: Any, info: ValidationInfo) -> Any:
        wanted = _type_of(cls.model_fields[info.field_name or ""].annotation)
        if wanted is bool and isinstance(value, int | float | str) and not isinstance(value, bool):
            raise PydanticCustomError("bool_parsing", "Input should be true or false")
        if wanted is int and isinstance(value, bool | str):
            raise PydanticCustomError("int_type", "Input should be a whole number")
        if wanted is float and isinstance(value, bool | str):
            raise PydanticCustomError("float_type", "Input should be a number")
        return value


def _type_of(annotation: Any) -> Any:
    """`int` of `int`, `int | None` and `Annotated[int, ...] | None`."""
    named = [argument for argument in get_args(annotation) if argument is not NoneType]
    if not named:
        return annotation
    return _type_of(named[0]) if NoneType in get_args(annotation) else _type_of(getattr(annotation, "__origin__", None))
