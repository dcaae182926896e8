"""Ask a device what it can do, as far as the options of the fast mode depend on the answer."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import sysconfig
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import torch

from enco.config.compute import FAST, Capabilities, ComputeOptions
from enco.errors import UserError

EMULATED = ("AVX512_CORE", "AVX512_CORE_VNNI")
"""Limits of oneDNN's instruction sets (ONEDNN_MAX_CPU_ISA) at which bfloat16 is computed, but without instructions."""
NARROW = 32
"""Channels below which a network's bfloat16 convolutions on a CPU save less than the copies between types cost."""
TENSOR_CORES, TRITON = (8, 0), (7, 0)
"""Compute capabilities from which a GPU has TF32, and from which Triton compiles for the GPU."""


@cache
def capabilities(device: torch.device, width: int = 64) -> Capabilities:
    """Ask a device for its instructions, and for what does not work or pay there in networks of `width` channels."""
    if device.type == "cpu":
        return _of_cpu(width)
    if device.type == "cuda":
        return _of_gpu(device)
    reason = f"pieces are for {' and '.join(FAST)} devices"
    return Capabilities(device.type, "", impossible=dict.fromkeys(ComputeOptions.names(), reason))


def refuse_unsupported_gpu(device: torch.device) -> None:
    """Raise UserError for a GPU that this PyTorch was not built for, whose first kernel would fail."""
    version, built = torch.cuda.get_device_capability(device), torch.cuda.get_arch_list()
    if not torch.version.hip and not any(_runs(architecture, version) for architecture in built):
        raise UserError(
            f"This PyTorch is built for {', '.join(built)}, not for this GPU's compute capability "
            f"{version[0]}.{version[1]}: install a PyTorch that is, or give --device cpu."
        )


def _runs(architecture: str, version: tuple[int, int]) -> bool:
    """Say whether kernels for 'sm_86' (same major version) or 'compute_90' (any later) run on a compute capability."""
    kind, _, number = architecture.partition("_")
    built = divmod(int("".join(filter(str.isdigit, number))), 10)
    return built <= version and (kind == "compute" or built[0] == version[0])


def _of_cpu(width: int) -> Capabilities:
    bfloat16, limit = _bfloat16_instructions(), _onednn_limit()
    name = " + ".join([torch.backends.cpu.get_cpu_capability(), *([bfloat16] if bfloat16 else [])])
    impossible = dict.fromkeys(("cuda_graph", "autotune"), "it needs a CUDA GPU") | _no_compiler()
    slow = {"bfloat16": f"it does not pay in networks of {width} channels"} if width < NARROW else {}
    if not bfloat16:
        slow = {"bfloat16": "oneDNN has no bfloat16 instructions here and is slower than in float32"}
    return Capabilities("cpu", f"{name}, oneDNN up to {limit}" if limit else name, impossible, slow)


def _bfloat16_instructions() -> str:
    """Name the instructions by which oneDNN computes bfloat16 convolutions and their gradients; "" for none.

    oneDNN's own answer heeds its limit, but is yes from AVX-512 on, where without such instructions bfloat16 is slower
    than float32. On ARM oneDNN has such convolutions but not their gradients (cpu_convolution_list.cpp), so "" there.
    """
    if not torch._C._has_mkldnn or not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        return ""
    names = {"AMX": "_is_amx_tile_supported", "BF16": "_is_avx512_bf16_supported"}
    # Private to torch: where one is missing, so is what it would tell.
    found = [name for name, probe in names.items() if getattr(torch.cpu, probe, bool)()]
    return found[0] if found and _onednn_limit() not in EMULATED else ""


def _onednn_limit() -> str:
    """Name the newest instruction set that the environment lets oneDNN use; "" for no limit."""
    variables = ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA")
    return next((os.environ[name].upper() for name in variables if os.environ.get(name)), "")


def _of_gpu(device: torch.device) -> Capabilities:
    version = torch.cuda.get_device_capability(device)
    with torch.cuda.device(device):
        bfloat16 = torch.cuda.is_bf16_supported(including_emulation=False)
    impossible = _no_triton(version) or _no_compiler()
    if os.environ.get("PYTORCH_NO_CUDA_MEMORY_CACHING"):
        impossible["cuda_graph"] = "PYTORCH_NO_CUDA_MEMORY_CACHING is set"
    slow = {} if bfloat16 else {"bfloat16": "this GPU has no bfloat16 instructions"}
    name, tf32 = f"compute capability {version[0]}.{version[1]}", version >= TENSOR_CORES and not torch.version.hip
    return Capabilities("cuda", name, impossible, slow, tf32)


def _no_triton(version: tuple[int, int]) -> dict[str, str]:
    """Say why torch.compile cannot make kernels for a GPU of this compute capability; empty where it can."""
    if version < TRITON:
        return {"compile": f"Triton needs compute capability {TRITON[0]}.{TRITON[1]}"}
    return {} if find_spec("triton") else {"compile": "Triton is not installed"}


def _no_compiler() -> dict[str, str]:
    """Say why torch.compile cannot build C++ here; empty where it can."""
    named = shlex.split(os.environ.get("CXX", ""))[:1]
    if not any(map(shutil.which, named or ("g++", "clang++", "cl" if sys.platform == "win32" else "c++"))):
        return {"compile": f"there is no C++ compiler ({' '.join(named) or 'g++'})"}
    header = Path(sysconfig.get_path("include"), "Python.h")
    return {} if header.exists() else {"compile": f"Python's headers are not installed ({header})"}
