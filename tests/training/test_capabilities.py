"""What the fast mode comes to on machines of every kind, and how a machine's kind is found out."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch

from enco.config.compute import FAST, PLAIN, Capabilities, ComputeConfig, ComputeOptions
from enco.errors import UserError
from enco.runtime import capabilities as module
from enco.runtime.capabilities import NARROW, capabilities
from enco.runtime.devices import choose_device
from tests.support.recorded_graph import A100

CPU, GPU = torch.device("cpu"), torch.device("cuda")
NO_GPU = dict.fromkeys(("cuda_graph", "autotune"), "it needs a CUDA GPU")
BF16_CPU = Capabilities("cpu", "AVX512 + BF16", NO_GPU)
AVX2_CPU = Capabilities("cpu", "AVX2", NO_GPU, {"bfloat16": "it has no instructions"})
BARE_CPU = Capabilities("cpu", "AVX512 + BF16", NO_GPU | {"compile": "there is no C++ compiler"})
V100 = Capabilities("cuda", "compute capability 7.0", {}, {"bfloat16": "it has no instructions"})
NO_TRITON = Capabilities("cuda", "compute capability 8.0", {"compile": "Triton is not installed"}, {}, tf32=True)
NO_GRAPHS = Capabilities("cuda", "compute capability 8.0", {"cuda_graph": "its memory is not kept"}, {}, tf32=True)
MPS = Capabilities("mps", "", dict.fromkeys(ComputeOptions.names(), "pieces are for cpu and cuda devices"))
ALL = [BF16_CPU, AVX2_CPU, BARE_CPU, A100, V100, NO_TRITON, NO_GRAPHS, MPS]
ON_GPU = {"device_rng": True, "autotune": True}


@pytest.mark.parametrize("can", ALL)
def test_plain_is_float32_and_uses_no_piece_anywhere(can: Capabilities) -> None:
    assert ComputeConfig().options_for(can) == PLAIN == ComputeOptions()


@pytest.mark.parametrize(
    ("can", "pieces"),
    [
        (BF16_CPU, FAST["cpu"]),
        (AVX2_CPU, PLAIN),
        (BARE_CPU, FAST["cpu"]),
        (A100, FAST["cuda"]),
        (V100, ComputeOptions(compile=True, cuda_graph=True, **ON_GPU)),
        (NO_TRITON, ComputeOptions(bfloat16=True, cuda_graph=True, **ON_GPU)),
        (NO_GRAPHS, ComputeOptions(bfloat16=True, compile=True, **ON_GPU)),
        (MPS, PLAIN),
    ],
)
def test_fast_is_what_works_and_pays_on_a_machine_and_says_what_it_leaves_out(
    can: Capabilities, pieces: ComputeOptions
) -> None:
    compute = ComputeConfig(mode="fast")
    assert compute.options_for(can) == pieces
    said = compute.explain(can)
    assert said.startswith(f"Speed: fast on {can} computes in {pieces}") and "\n" not in said
    wanted = FAST.get(can.device_type, FAST["cuda"])
    missing = {name for name in ComputeOptions.names() if getattr(wanted, name) and not getattr(pieces, name)}
    reasons = {**can.slow, **can.impossible}
    assert all(name in said and reasons[name] in said for name in missing)
    assert ("so fast is plain here" in said) == (pieces == PLAIN)
    assert missing or "without" not in said


@pytest.mark.parametrize("can", [AVX2_CPU, V100])
def test_a_slow_piece_that_is_asked_for_is_used_with_a_word(can: Capabilities) -> None:
    compute = ComputeConfig(bfloat16=True)
    assert compute.options_for(can).bfloat16
    assert "bfloat16 was asked for, but it has no instructions" in compute.explain(can)
    assert "was asked for" not in ComputeConfig(bfloat16=True).explain(A100)
    assert "was asked for" not in ComputeConfig(mode="fast", bfloat16=False).explain(can)


@pytest.mark.parametrize("can", ALL)
@pytest.mark.parametrize("name", ComputeOptions.names())
def test_a_piece_that_cannot_work_is_refused_and_turned_off_it_is_not(can: Capabilities, name: str) -> None:
    asked: dict[str, Any] = {name: True} | ({"device_rng": True} if name == "cuda_graph" else {})
    if refused := [piece for piece in asked if piece in can.impossible]:
        with pytest.raises(UserError) as error:
            ComputeConfig(mode="fast", **asked).options_for(can)
        assert f"'{refused[0]}: true' cannot be on {can}, as {can.impossible[refused[0]]}" in str(error.value)
    else:
        assert getattr(ComputeConfig(mode="fast", **asked).options_for(can), name)
    assert not getattr(ComputeConfig(mode="fast", **{name: False}).options_for(can), name)


def test_a_graph_of_steps_that_draw_on_the_cpu_is_refused_and_the_modes_own_left_out() -> None:
    for compute in (ComputeConfig(mode="fast", device_rng=False, cuda_graph=True), ComputeConfig(cuda_graph=True)):
        with pytest.raises(UserError, match="set 'device_rng' with 'cuda_graph'"):
            compute.options_for(A100)
    without = ComputeConfig(mode="fast", device_rng=False)
    assert without.options_for(A100) == ComputeOptions(bfloat16=True, compile=True, autotune=True)
    assert "without cuda_graph, as a step that draws on the CPU cannot be recorded" in without.explain(A100)


def test_tf32_is_no_piece_of_devices_without_it() -> None:
    off = ComputeConfig(tf32=False)
    assert str(off.options_for(A100)) == "float32, no TF32"
    assert off.options_for(AVX2_CPU) == off.options_for(V100) == off.options_for(MPS) == PLAIN


@dataclass
class Machine:
    """What torch and the environment say of a processor."""

    onednn: bool = True
    probes: dict[str, bool] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)


BF16, AMX = {"_is_avx512_bf16_supported": True}, {"_is_avx512_bf16_supported": True, "_is_amx_tile_supported": True}


@pytest.mark.parametrize(
    ("machine", "instructions"),
    [
        (Machine(probes=BF16), "BF16"),
        (Machine(probes=AMX), "AMX"),
        (Machine(), ""),  # AVX-512 without bfloat16, where oneDNN emulates it; or ARM, which has neither
        (Machine(onednn=False, probes=BF16), ""),  # limited to AVX2
        (Machine(probes=AMX, environment={"ONEDNN_MAX_CPU_ISA": "avx512_core"}), ""),
        (Machine(probes=AMX, environment={"DNNL_MAX_CPU_ISA": "AVX512_CORE_VNNI"}), ""),
        (Machine(probes=BF16, environment={"ONEDNN_MAX_CPU_ISA": "AVX512_CORE_BF16"}), "BF16"),
    ],
)
def test_bfloat16_pays_where_onednn_may_use_instructions_for_it(
    machine: Machine, instructions: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in machine.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: machine.onednn)
    for name in AMX:
        monkeypatch.setattr(torch.cpu, name, lambda name=name: machine.probes.get(name, False), raising=False)
    can = capabilities.__wrapped__(CPU)
    assert ("bfloat16" in can.slow) == (instructions == "")
    assert (f" + {instructions}" in can.instructions) == bool(instructions)
    assert ComputeConfig(mode="fast").options_for(can) == (FAST["cpu"] if instructions else PLAIN)


@pytest.mark.parametrize(("width", "pays"), [(8, False), (NARROW - 1, False), (NARROW, True), (64, True)])
def test_bfloat16_pays_on_a_cpu_in_wide_networks_only(width: int, pays: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_bfloat16_instructions", lambda: "BF16")
    can = capabilities.__wrapped__(CPU, width)
    assert ComputeConfig(mode="fast").options_for(can).bfloat16 == pays
    assert (
        f"without bfloat16, as it does not pay in networks of {width}" in ComputeConfig(mode="fast").explain(can)
    ) != pays


@pytest.mark.parametrize("limit", ["AVX2", "AVX512_CORE"])
def test_a_limit_of_onednn_is_found_in_a_process_that_has_it(limit: str) -> None:
    """Real limits: with them a step of EnCo in bfloat16 took 18, and 1.8 times as long as in float32."""
    show = (
        "import torch; from enco.runtime.capabilities import capabilities as ask\n"
        "from enco.config.compute import ComputeConfig\n"
        "print(ComputeConfig(mode='fast').explain(ask(torch.device('cpu'))))"
    )
    command = ["env", f"ONEDNN_MAX_CPU_ISA={limit}", sys.executable, "-c", show]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert f"oneDNN up to {limit}" in said and "computes in float32; without bfloat16" in said


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """A machine whose GPU is as the test says, with Triton and a compiler."""
    monkeypatch.delenv("PYTORCH_NO_CUDA_MEMORY_CACHING", raising=False)
    monkeypatch.setattr(torch.version, "hip", None)
    monkeypatch.setattr(torch.cuda, "device", lambda _: torch.no_grad())
    monkeypatch.setattr(module, "find_spec", lambda _: object())
    monkeypatch.setattr(module, "_no_compiler", dict)
    yield monkeypatch


GRAPHED = "cuda graph, device rng, autotune"
NO_BF16 = "without bfloat16, as this GPU has no bfloat16 instructions"


@pytest.mark.parametrize(
    ("card", "version", "said"),
    [
        ("P100", (6, 0), f"float32, {GRAPHED}; {NO_BF16}; without compile, as Triton needs compute capability 7.0"),
        ("V100", (7, 0), f"float32, compile, {GRAPHED}; {NO_BF16}"),
        ("T4", (7, 5), f"float32, compile, {GRAPHED}; {NO_BF16}"),
        ("A100", (8, 0), f"bfloat16, compile, {GRAPHED}"),
        ("RTX 3090", (8, 6), f"bfloat16, compile, {GRAPHED}"),
        ("RTX 4090", (8, 9), f"bfloat16, compile, {GRAPHED}"),
        ("H100", (9, 0), f"bfloat16, compile, {GRAPHED}"),
        ("RTX 5090", (12, 0), f"bfloat16, compile, {GRAPHED}"),
    ],
)
def test_a_card_is_known_by_its_compute_capability_and_said_in_one_line(
    gpu: pytest.MonkeyPatch, card: str, version: tuple[int, int], said: str
) -> None:
    gpu.setattr(torch.cuda, "get_device_capability", lambda _: version)
    gpu.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: including_emulation or version >= (8, 0))
    can = capabilities.__wrapped__(GPU)
    name = f"cuda (compute capability {version[0]}.{version[1]})"
    assert ComputeConfig(mode="fast").explain(can) == f"Speed: fast on {name} computes in {said}"
    tf32 = version >= (8, 0)
    plain = f"Speed: plain on {name} computes in float32"
    assert ComputeConfig().explain(can) == (f"{plain}, with convolutions in TF32" if tf32 else plain), card
    assert ComputeConfig(tf32=False).explain(can) == (f"{plain}, no TF32" if tf32 else plain), card


def test_an_amd_gpu_has_no_tf32(gpu: pytest.MonkeyPatch) -> None:
    gpu.setattr(torch.version, "hip", "6.4")
    gpu.setattr(torch.cuda, "get_device_capability", lambda _: (9, 4))
    gpu.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: True)
    assert (
        ComputeConfig().explain(capabilities.__wrapped__(GPU)).endswith("(compute capability 9.4) computes in float32")
    )


def test_a_gpu_without_triton_or_kept_memory_goes_without_compiler_and_graph(gpu: pytest.MonkeyPatch) -> None:
    gpu.setattr(torch.cuda, "get_device_capability", lambda _: (8, 0))
    gpu.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: True)
    gpu.setattr(module, "find_spec", lambda _: None)
    gpu.setenv("PYTORCH_NO_CUDA_MEMORY_CACHING", "1")
    assert set(capabilities.__wrapped__(GPU).impossible) == {"compile", "cuda_graph"}


@pytest.mark.parametrize("lacking", ["compiler", "headers"])
def test_networks_are_not_compiled_without_a_compiler_and_pythons_headers(
    lacking: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setattr(module.shutil, "which", lambda _: None if lacking == "compiler" else "/usr/bin/g++")
    monkeypatch.setattr(module.sysconfig, "get_path", lambda _: "/nowhere")
    with pytest.raises(UserError, match=r"'compile: true' cannot be on cpu .*(compiler|headers)"):
        ComputeConfig(compile=True).options_for(capabilities.__wrapped__(CPU))


@pytest.mark.parametrize(
    ("built", "version", "runs"),
    [
        (["sm_75", "sm_80"], (8, 6), True),
        (["sm_75", "sm_80"], (9, 0), False),
        (["sm_75", "compute_80"], (9, 0), True),
        (["sm_75", "sm_90a", "sm_100"], (6, 1), False),
        (["sm_75", "sm_100"], (10, 3), True),
        (["sm_86"], (8, 0), False),
    ],
)
def test_a_gpu_that_torch_was_not_built_for_is_refused(
    gpu: pytest.MonkeyPatch, built: list[str], version: tuple[int, int], runs: bool
) -> None:
    gpu.setattr(torch.cuda, "is_available", lambda: True)
    gpu.setattr(torch.cuda, "get_arch_list", lambda: built)
    gpu.setattr(torch.cuda, "get_device_capability", lambda _: version)
    if runs:
        assert choose_device("auto") == GPU
    else:
        with pytest.raises(UserError, match=rf"not for this GPU's compute capability {version[0]}.{version[1]}"):
            choose_device("auto")
