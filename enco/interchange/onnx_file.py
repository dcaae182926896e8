"""ONNX files of generators, for programs without PyTorch, each checked against the generator before it appears."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.export import Dim

from enco.errors import UserError
from enco.interchange.exporting import check_out
from enco.io.files import atomic_path
from enco.methods.base import Method, TranslationDirection
from enco.methods.drit import Drit
from enco.methods.munit import Munit, stretched
from enco.methods.parts.generator_file import load_generator
from enco.methods.parts.styles import styles_of
from enco.methods.parts.translator import MULTIPLE, Translator
from enco.networks.domains import DOMAINS

if TYPE_CHECKING:
    import onnx

NEEDED = ("onnx", "onnxscript")
IMAGES, STYLE, TRANSLATED = "images", "style", "translated"
"""Names of the inputs and the output."""
TRACED, CHECKED = (2, 3, 32, 48), (1, 3, 40, 64)
"""Shapes of the images that the file is made and checked with."""
TOLERANCE = 1e-3
"""Largest difference from the generator that is taken for rounding, of values in [-1, 1]: 1/8 of an 8-bit level."""


def export_onnx(generator: Path, out: Path, direction: TranslationDirection = "forward") -> float:
    """Write a generator as an ONNX file, and return the largest difference between their translations.

    The input `images` is float32, B x 3 x H x W in [-1, 1], with any B and with H and W multiples of 4; `translated` is
    such images. MUNIT and DRIT have a second input, `style`, B x D draws from N(0, I), where PyTorch's generator draws
    for each image by its content. The file's metadata holds method, task, direction, range and multiple.
    Raises UserError where the packages that write ONNX are missing, as `load_generator` does, for `backward` with a
    one-sided method, where `out` is the generator or cannot be written, and where the file does not translate as the
    generator does; no file is left then.
    """
    _check_packages()
    check_out(generator, out)
    import onnx

    translator = load_generator(generator)
    translator(torch.zeros(CHECKED), direction)  # which refuses a direction that the generator does not have
    graph = _Graph(translator.method, direction)
    model = _model_of(graph, _inputs(translator.method, TRACED))
    onnx.helper.set_model_props(model, _about(translator, direction))
    difference = _difference(model, graph, _inputs(translator.method, CHECKED))
    if not difference <= TOLERANCE:
        raise UserError(
            f"{generator} has become an ONNX graph that translates otherwise, by up to {difference:.1g}, so {out} is"
            " not written: try other versions of onnx, onnxscript and torch."
        )
    with atomic_path(out) as partial:
        onnx.save(model, partial)
    return difference


def _check_packages() -> None:
    if any(find_spec(name) is None for name in NEEDED):
        raise UserError(f"Writing ONNX needs the packages {' and '.join(NEEDED)}: `pip install {' '.join(NEEDED)}`.")


def _inputs(method: Method, shape: tuple[int, int, int, int]) -> dict[str, Tensor]:
    """Make noise, the same each time, and the styles that a method draws for noise."""
    images = torch.rand(shape, generator=torch.Generator().manual_seed(0)) * 2 - 1
    if isinstance(method, Munit):
        return {IMAGES: images, STYLE: styles_of(images, method.options.style_dim, method.options.style_seed)}
    if isinstance(method, Drit):
        return {IMAGES: images, STYLE: styles_of(images, method.options.attribute_dim, method.options.style_seed)}
    return {IMAGES: images}


class _Graph(nn.Module):
    """What the ONNX file computes: a method's translation in one direction, of images and any styles."""

    def __init__(self, method: Method, direction: TranslationDirection) -> None:
        super().__init__()
        self.networks = nn.ModuleDict(
            {name: net for name, net in method.networks.items() if name in method.translators}
        )
        self.translate = _translation(method, direction)

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.translate(*inputs)


def _translation(method: Method, direction: TranslationDirection) -> Callable[..., Tensor]:
    """Return the function of images, and of styles for methods that draw them."""
    if isinstance(method, Munit):
        source, target = (method.a, method.b) if direction == "forward" else (method.b, method.a)
        finish = stretched if method.options.stretch else nn.Identity()
        return lambda images, styles: finish(target.decode(source.content_encoder(images), styles))
    if isinstance(method, Drit):
        domains = DOMAINS if direction == "forward" else DOMAINS[::-1]
        return lambda images, styles: method.generator(method.content_encoder(images, domains[0]), styles, domains[1])
    return lambda images: method.translate(images, direction)


def _model_of(graph: _Graph, inputs: dict[str, Tensor]) -> onnx.ModelProto:
    """Trace a graph with these inputs; batch, height and width stay free."""
    batch, height, width = Dim("batch"), MULTIPLE * Dim("height", min=2), MULTIPLE * Dim("width", min=2)
    free = {IMAGES: {0: batch, 2: height, 3: width}, STYLE: {0: batch}}
    with torch.no_grad(), _without_warnings():
        program = torch.onnx.export(
            graph,
            tuple(inputs.values()),
            dynamo=True,
            input_names=list(inputs),
            output_names=[TRANSLATED],
            dynamic_shapes=(tuple(free[name] for name in inputs),),
            verbose=False,
        )
    if program is None:
        raise RuntimeError("PyTorch's exporter of ONNX gave no program.")
    return program.model_proto


@contextmanager
def _without_warnings() -> Iterator[None]:
    """Leave out what PyTorch's exporter has to say of its own parts."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _about(translator: Translator, direction: TranslationDirection) -> dict[str, str]:
    """Return what the file says of itself."""
    task = {"task": translator.metadata["task"]} if "task" in translator.metadata else {}
    fixed = {"direction": direction, "range": "[-1, 1]", "multiple": str(MULTIPLE)}
    return {"method": translator.method_name, **task, **fixed}


def _difference(model: onnx.ModelProto, graph: _Graph, inputs: dict[str, Tensor]) -> float:
    """Return the largest difference between the translations of an ONNX model and of its graph; NaN is kept."""
    with torch.inference_mode():
        wanted = graph(*inputs.values())
    made = _run(model, {name: each.numpy() for name, each in inputs.items()})
    return float((torch.from_numpy(made) - wanted).abs().max())


def _run(model: onnx.ModelProto, inputs: dict[str, Any]) -> NDArray[np.float32]:
    """Translate by onnxruntime or, where that is missing, by the slower evaluator of the package onnx."""
    if find_spec("onnxruntime"):
        from onnxruntime import InferenceSession

        session = InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        return session.run([TRANSLATED], inputs)[0]
    from onnx.reference import ReferenceEvaluator

    return ReferenceEvaluator(model).run([TRANSLATED], inputs)[0]
