"""Build settings classes on one base, and turn values from outside into one of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from enco.errors import UserError

T = TypeVar("T", bound="Settings")
SHA256_START = r"^([0-9a-f]{8,64})?$"
"""The pattern of a SHA-256, whole or the start of one; empty where none is known."""


class Settings(BaseModel):
    """Base of all settings: immutable, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def parse(model: type[T], values: dict[str, Any], where: str) -> T:
    """Validate values against a settings model.

    Raises UserError with the first mistake, its key and, for an unknown key, the valid ones.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise UserError(_first_mistake(error, model, where)) from error


def _first_mistake(error: ValidationError, model: type[Settings], where: str) -> str:
    mistake = error.errors()[0]
    key = ".".join(str(part) for part in mistake["loc"])
    if mistake["type"] == "extra_forbidden":
        valid = _fields_at(model, mistake["loc"][:-1])
        return f"Unknown key '{key}' in {where}: choose one of {', '.join(sorted(valid))}."
    at = f" '{key}'" if key else ""
    return f"Invalid setting{at} in {where}: {mistake['msg'].removeprefix('Value error, ')}."


def _fields_at(model: type[Settings], location: tuple[int | str, ...]) -> Iterable[str]:
    """Return the keys of the settings that lie at a place within a model."""
    for part in location:
        inner = model.model_fields[part].annotation if isinstance(part, str) and part in model.model_fields else None
        if not (isinstance(inner, type) and issubclass(inner, Settings)):
            break
        model = inner
    return model.model_fields
