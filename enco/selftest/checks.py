"""The checks of `python -m enco.selftest`: of every layer, and of every method, plain and fast."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from enco.config.compute import ComputeConfig
from enco.runtime.capabilities import capabilities
from enco.selftest.differences import TOLERANCE
from enco.selftest.layers import PRECISIONS, Layer, cases, differs, reduced_error
from enco.selftest.steps import Errors, Trial, difference_errors, errors_against

PLAIN = ComputeConfig(tf32=False)
FAST_IN_FLOAT64 = ComputeConfig(
    mode="fast", bfloat16=False, compile=False, cuda_graph=False, autotune=False, channels_last=True, device_rng=True
)
"""The parts of the fast mode that keep the precision."""
FLOAT32_TOLERANCE = 0.05
"""Largest relative error of a network's gradient in float32; up to 0.005 were seen."""
BFLOAT16_TOLERANCE = 0.1
"""Largest relative error in bfloat16, beyond twice the error by rounding every layer's output: ReLUs change sides."""
CURE = "install the version that requirements.lock names, and report this line"
ROUNDED = (F.conv2d, F.conv_transpose2d, F.instance_norm, F.linear)
"""Functions with bfloat16 outputs in networks that compute in bfloat16."""


@dataclass(frozen=True)
class Result:
    """The result of a check: its name, its measurements, and one sentence if something is wrong."""

    name: str
    measured: str
    fault: str = ""


def check_layer(layer: Layer, device: torch.device) -> Result:
    """Check a layer's gradient in every memory order: in float64 by finite differences, and in lower precisions."""
    exact, orders = exact_device(device), list(cases(layer))
    wrong = [f"in float64 ({case})" for case in orders if differs(case, exact)]
    measured = [f"{len(orders)} orders"]
    for dtype, tolerance in PRECISIONS.items():
        if dtype == torch.bfloat16 and device.type == "mps":
            continue  # no mode uses bfloat16 there
        errors = {case: reduced_error(case, dtype, device, exact) for case in orders}
        name = str(dtype).removeprefix("torch.")
        measured.append(f"{name} {max(errors.values()):.1e}")
        wrong += [f"in {name} ({case})" for case, error in errors.items() if not error < tolerance]
    return Result(layer.name, ", ".join(measured), _layer_fault(layer, device, wrong) if wrong else "")


def check_plain(name: str, device: torch.device) -> Result:
    """Check each network's gradient in a method's plain step: by finite differences, and in float32."""
    exact = Trial(name, PLAIN, exact_device(device), torch.float64)
    differences = difference_errors(exact)
    reduced = errors_against(exact.gradients(), Trial(name, PLAIN, device, torch.float32))
    faults = wrong(differences, TOLERANCE) | wrong(reduced, FLOAT32_TOLERANCE)
    measured = f"finite differences {max(differences.values()):.1e}, float32 {max(reduced.values()):.1e}"
    return Result(f"{name} plain", measured, _plain_fault(name, device, faults) if faults else "")


def check_fast(name: str, device: torch.device, bfloat16: bool) -> Result:
    """Check each network's gradient in a method's fast step: by finite differences, and in bfloat16 or float32."""
    compute = ComputeConfig(mode="fast", bfloat16=bfloat16, compile=False, cuda_graph=False, device_rng=False)
    differences = difference_errors(Trial(name, FAST_IN_FLOAT64, exact_device(device), torch.float64))
    exact = Trial(name, PLAIN, exact_device(device), torch.float64)
    wanted = exact.gradients()
    explained = errors_against(wanted, exact, RoundedOutputs())
    reduced = errors_against(wanted, Trial(name, compute, device, torch.float32))
    shares = {key: error / (BFLOAT16_TOLERANCE + 2 * explained[key]) for key, error in reduced.items()}
    faults = wrong(differences, TOLERANCE) | {key: reduced[key] for key in wrong(shares, 1)}
    digits = "bfloat16" if bfloat16 else "float32"
    share = max(shares.values())
    measured = f"finite differences {max(differences.values()):.1e}, {digits} at {share:.0%} of its limit"
    return Result(f"{name} fast", measured, _fast_fault(name, device, faults) if faults else "")


class RoundedOutputs(TorchFunctionMode):
    """A context in which outputs of networks' layers are rounded to bfloat16."""

    def __torch_function__(self, func: object, types: object, args: tuple = (), kwargs: dict | None = None) -> object:
        result = func(*args, **kwargs or {})  # type: ignore[operator]
        return _rounded(result) if func in ROUNDED else result


def _rounded(x: Tensor) -> Tensor:
    return x + (x.bfloat16().to(x) - x).detach()


def wrong(errors: Errors, tolerance: float) -> Errors:
    """Return the errors that are not below a tolerance, or not a number."""
    return {name: error for name, error in errors.items() if not error < tolerance}


def uses_bfloat16(device: torch.device) -> bool:
    """Return whether the fast mode computes in bfloat16 on a device, in networks of the usual width."""
    return ComputeConfig(mode="fast").options_for(capabilities(device)).bfloat16


def exact_device(device: torch.device) -> torch.device:
    """Return the device for float64: the CPU where a device has no float64."""
    return torch.device("cpu") if device.type == "mps" else device


def _layer_fault(layer: Layer, device: torch.device, wrong: list[str]) -> str:
    more = f" and {len(wrong) - 1} more cases" if len(wrong) > 1 else ""
    return (
        f"The gradient of '{layer.name}' is wrong on this {device.type} {wrong[0]}{more}: do not train on it with "
        f"PyTorch {torch.__version__}; {CURE}."
    )


def _plain_fault(name: str, device: torch.device, faults: Errors) -> str:
    return (
        f"A step of {name} takes a wrong gradient on this {device.type} ({_shares(faults)}): do not train it here with "
        f"PyTorch {torch.__version__}; {CURE}."
    )


def _fast_fault(name: str, device: torch.device, faults: Errors) -> str:
    return (
        f"A fast step of {name} takes a wrong gradient on this {device.type} ({_shares(faults)}): train it with "
        "--compute plain if that passed, and report this line."
    )


def _shares(faults: Errors) -> str:
    return ", ".join(f"{name} is {error:.1%} off" for name, error in faults.items())
