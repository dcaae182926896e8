"""Unpaired image-to-image translation: make a method, load a trained generator, translate images (docs/python.md)."""

from typing import TYPE_CHECKING

from enco.lazy import lazy_names

if TYPE_CHECKING:
    from enco.methods import create as create
    from enco.methods.parts.generator_file import load_generator as load_generator
    from enco.translation import translate as translate
else:
    __getattr__ = lazy_names(
        __name__,
        {
            "create": "enco.methods",
            "load_generator": "enco.methods.parts.generator_file",
            "translate": "enco.translation",
        },
    )

__all__ = ["create", "load_generator", "translate"]


def __dir__() -> list[str]:
    """Name what the package offers, for completion."""
    return sorted({*globals(), *__all__})
