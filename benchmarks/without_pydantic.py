"""What enco's options use of pydantic, for a machine that has torch and nothing else.

Defaults, keywords, inheritance, validators, and no unknown keys; but types and ranges are not checked, as the values
come from this project itself. Tests compare it with pydantic on the options of every method.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Collection
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Any, TypeVar

MISSING: Any = object()
Model = TypeVar("Model", bound="BaseModel")
Function = TypeVar("Function", bound=Callable[..., Any])


class ValidationError(ValueError):
    """A mistake in the values of a model."""

    def __init__(self, kind: str, where: tuple[str, ...], message: str) -> None:
        super().__init__(message)
        self.kind, self.where = kind, where

    def errors(self) -> list[dict[str, Any]]:
        """The one mistake, as pydantic describes it."""
        return [{"type": self.kind, "loc": self.where, "msg": str(self)}]


@dataclass(frozen=True)
class ValidationInfo:
    """What a field's validator is told: the fields before it."""

    data: dict[str, Any]


@dataclass(frozen=True)
class FieldInfo:
    """A field's default and description; a field without a default is required."""

    default: Any = MISSING
    default_factory: Callable[[], Any] | None = None
    description: str | None = None

    def get_default(self) -> Any:
        return self.default_factory() if self.default_factory else self.default


def Field(
    default: Any = MISSING,
    *,
    default_factory: Callable[[], Any] | None = None,
    description: str | None = None,
    **limits: Any,
) -> Any:
    return FieldInfo(default, default_factory, description)


def ConfigDict(**settings: Any) -> dict[str, Any]:
    return settings


def model_validator(*, mode: str) -> Callable[[Function], Function]:
    return _marker((mode, None))


def field_validator(field: str) -> Callable[[Function], Function]:
    return _marker(("field", field))


def _marker(mark: tuple[str, str | None]) -> Callable[[Function], Function]:
    """Mark a method, or the function in a class method, as a validator."""

    def marked(method: Function) -> Function:
        vars(getattr(method, "__func__", method))["validates"] = mark
        return method

    return marked


class BaseModel:
    """Fields by annotation, as pydantic's model has them."""

    model_fields: dict[str, FieldInfo] = {}  # noqa: RUF012 (replaced by each subclass, never changed)
    _validators: dict[str, tuple[str, str | None]] = {}  # noqa: RUF012 (the same)

    def __init_subclass__(cls) -> None:
        names = [name for name in inspect.get_annotations(cls) if name != "model_config"]
        own = {name: vars(cls).get(name, MISSING) for name in names}
        fields = {name: value if isinstance(value, FieldInfo) else FieldInfo(value) for name, value in own.items()}
        cls.model_fields = cls.model_fields | fields
        marks = {
            name: getattr(getattr(value, "__func__", value), "validates", None) for name, value in vars(cls).items()
        }
        cls._validators = cls._validators | {name: mark for name, mark in marks.items() if mark}

    def __init__(self, **values: Any) -> None:
        values = self._validated("before", None, values)
        for name in values:
            if name not in self.model_fields:
                raise ValidationError("extra_forbidden", (name,), "Extra inputs are not permitted")
        known: dict[str, Any] = {}
        for name, field in self.model_fields.items():
            known[name] = self._value(name, field, values, known)
        vars(self).update(known)
        for validator in self._of("after", None):
            _call(getattr(self, validator), where=None)

    def _value(self, name: str, field: FieldInfo, values: dict[str, Any], known: dict[str, Any]) -> Any:
        """A field's value: as given and passed by its validators, or its default, which is not validated."""
        if name in values:
            return self._validated("field", name, _tuples(values[name]), ValidationInfo(known))
        value = field.get_default()
        if value is MISSING:
            raise ValidationError("missing", (name,), "Field required")
        return value

    def _validated(self, mode: str, field: str | None, value: Any, *info: ValidationInfo) -> Any:
        for validator in self._of(mode, field):
            check = getattr(type(self), validator)
            value = _call(check, value, *info[: len(inspect.signature(check).parameters) - 1], where=field)
        return value

    def _of(self, mode: str, field: str | None) -> list[str]:
        return [name for name, mark in self._validators.items() if mark == (mode, field)]

    def __setattr__(self, name: str, value: Any) -> None:
        raise ValidationError("frozen_instance", (name,), "Instance is frozen")

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash((type(self), *vars(self).values()))

    @classmethod
    def model_validate(cls: type[Model], values: dict[str, Any]) -> Model:
        return cls(**values)

    def model_dump(
        self, *, mode: str = "python", exclude: Collection[str] = (), exclude_defaults: bool = False
    ) -> dict[str, Any]:
        kept = {name: getattr(self, name) for name in self.model_fields if name not in exclude}
        if exclude_defaults:
            kept = {name: value for name, value in kept.items() if value != self.model_fields[name].get_default()}
        return {name: _dumped(value, mode) for name, value in kept.items()}


def _call(check: Callable[..., Any], *arguments: Any, where: str | None) -> Any:
    try:
        return check(*arguments)
    except ValueError as error:
        raise ValidationError("value_error", (where,) if where else (), f"Value error, {error}") from error


def _tuples(value: Any) -> Any:
    """Lists, at any depth, as tuples: no field is a list."""
    return tuple(map(_tuples, value)) if isinstance(value, list | tuple) else value


def _dumped(value: Any, mode: str) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode=mode)
    if isinstance(value, tuple) and mode == "json":
        return [_dumped(item, mode) for item in value]
    return value


def install_if_missing() -> None:
    """Have `import pydantic` give this module where there is no pydantic."""
    try:
        import_module("pydantic")
    except ModuleNotFoundError:
        stand_in = ModuleType("pydantic", __doc__)
        names = ("BaseModel", "ConfigDict", "Field", "ValidationError", "ValidationInfo")
        vars(stand_in).update({name: globals()[name] for name in (*names, "field_validator", "model_validator")})
        sys.modules["pydantic"] = stand_in
