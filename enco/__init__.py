"""Unpaired image-to-image translation: make a method, load a trained generator, translate images (docs/python.md)."""

import sys
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any

from enco.lazy import lazy_names

if TYPE_CHECKING:
    from enco.methods import create as create
    from enco.methods.parts.generator_file import load_generator as load_generator
    from enco.translation import translate as translate
else:
    look_up = __getattr__ = lazy_names(
        __name__,
        {
            "create": "enco.methods",
            "load_generator": "enco.methods.parts.generator_file",
            "translate": "enco.translation",
        },
    )

    class _Package(ModuleType):
        """The package, whose `translate` stays a function when the command of that name, a module, is imported."""

        @property
        def translate(self) -> Callable[..., Any]:
            return look_up("translate")

        @translate.setter
        def translate(self, module: ModuleType) -> None:
            """Let the import system say that it has imported the module, and keep the function."""

    sys.modules[__name__].__class__ = _Package

__all__ = ["create", "load_generator", "translate"]


def __dir__() -> list[str]:
    """Name what the package offers, for completion."""
    return sorted({*globals(), *__all__})
