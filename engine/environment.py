"""What is installed here and what it can do: the facts that `dlengine info` prints and a bug report needs."""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import subprocess
import sys
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from dlengine.kernels import cuda, jit, reference
from dlengine.kernels.cache import cache_root

from .backend import BACKENDS, CUPY, device_memory, gpu_count, heap

LIBRARIES = (
    ("dlengine", "dlengine-xp"),
    ("numpy", "numpy"),
    ("scipy", "scipy"),
    ("numba", "numba"),
    ("llvmlite", "llvmlite"),
    ("array-api-compat", "array-api-compat"),
    ("cupy", "cupy-cuda13x"),
    ("matplotlib", "matplotlib"),
    ("safetensors", "safetensors"),
)

# Runs in a process of its own, because a BLAS chooses its kernels once, when it is loaded.
BLAS_PROBE = """
import json, time
import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits
info = next((entry for entry in threadpool_info() if entry["user_api"] == "blas"), {})
a = np.ones((768, 768), dtype=np.float32)
seconds = []
with threadpool_limits(1):
    for _ in range(6):
        start = time.perf_counter()
        a @ a
        seconds.append(time.perf_counter() - start)
info["gflops"] = 2 * 768**3 / min(seconds) / 1e9
print(json.dumps(info))
"""


@dataclass
class Report:
    """sections: title -> name -> value, in the order to show. hints: what would make things faster or complete."""

    sections: dict[str, dict[str, str]] = field(default_factory=dict)
    hints: list[str] = field(default_factory=list)


def report() -> Report:
    """Gather everything. Takes about two seconds: it times one matrix product and imports what it reports on."""
    result = Report()
    result.sections["Versions"] = _versions()
    result.sections["Machine"] = _machine()
    result.sections["Backends"] = _backends()
    result.sections["Kernels"] = _kernels()
    result.sections["BLAS"], hints = _blas()
    result.sections["Numba"] = _numba()
    result.sections["Ranks"] = _ranks()
    result.sections["Host memory"] = {"buffer pool": heap.keep(), "heap": heap.usage() or "unknown"}
    if BACKENDS["cuda"].unavailable() is None:
        result.sections["Device memory"] = _device_memory()
    if choices := _choices():
        result.sections["Measured kernels (microseconds)"] = choices
    result.sections["Folders"] = _folders()
    result.hints += hints
    return result


def _versions() -> dict[str, str]:
    rows = {"python": f"{platform.python_version()} ({sys.executable})"}
    for name, distribution in LIBRARIES:
        try:
            rows[name] = version(distribution)
        except PackageNotFoundError:
            rows[name] = "not installed"
    return rows


def _machine() -> dict[str, str]:
    cores = os.cpu_count()
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else cores
    rows = {"system": platform.platform(), "processor": processor(), "cores": f"{cores}, {usable} for this process"}
    found = instruction_set()
    return {**rows, "instruction set": found} if found else rows


def instruction_set() -> str:
    """The processor's design and its widest vector instructions, as in "znver3, avx2"; empty without llvmlite."""
    if not importlib.util.find_spec("llvmlite"):
        return ""
    from llvmlite import binding

    features = binding.get_host_cpu_features()
    widths = [name for name in ("avx512f", "avx2", "neon") if features.get(name)]
    return ", ".join([binding.get_host_cpu_name(), *widths[:1]])


def processor() -> str:
    """The processor's trade name; the standard library knows only its family on Linux."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _blas() -> tuple[dict[str, str], list[str]]:
    """The BLAS behind NumPy, its kernels and speed, and whether OPENBLAS_CORETYPE holds it back."""
    found = _probe_blas(dict(os.environ))
    if not found:
        return {"library": "unknown"}, []
    rows = {
        "library": " ".join(str(found[key]) for key in ("internal_api", "version") if found.get(key)) or "unknown",
        "kernels": str(found.get("architecture", "unknown")),
        "threads": f"{found.get('num_threads', 'unknown')} ({found.get('threading_layer', 'own')})",
        "float32 product": f"{found['gflops']:.0f} GFLOP/s on one thread",
    }
    forced = os.environ.get("OPENBLAS_CORETYPE")
    if not forced:
        return rows, []
    free = _probe_blas({name: value for name, value in os.environ.items() if name != "OPENBLAS_CORETYPE"})
    gain = free.get("gflops", 0.0) / found["gflops"]
    rows["forced by"] = f"OPENBLAS_CORETYPE={forced}"
    if gain < 1.15:
        return rows, []
    own = free["architecture"]
    return rows, [
        f"OPENBLAS_CORETYPE={forced} holds BLAS back: with its own choice for this processor, {own}, "
        f"a matrix product is {gain:.1f} times as fast. Unset it: unset OPENBLAS_CORETYPE"
    ]


def _probe_blas(environment: dict[str, str]) -> dict[str, Any]:
    try:
        run = subprocess.run(
            [sys.executable, "-c", BLAS_PROBE], env=environment, capture_output=True, text=True, timeout=30, check=True
        )
        found: dict[str, Any] = json.loads(run.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return {}
    return found


def _numba() -> dict[str, str]:
    """Threads and threading layer of the jit kernels; asking Numba itself works only after a parallel call."""
    try:
        from numba import config as numba_config
    except ImportError as error:
        return {"state": f"absent: {error}; mend: pip install numba"}
    from dlengine.kernels.jit.machine import pool

    config: Any = numba_config
    if pool.supported() and config.THREADING_LAYER == "default":
        return {"threads": str(config.NUMBA_NUM_THREADS), "threading layer": "own"}
    modules = {"tbb": "tbbpool", "omp": "omppool", "workqueue": "workqueue"}
    wanted = [config.THREADING_LAYER] if config.THREADING_LAYER in modules else config.THREADING_LAYER_PRIORITY
    layer = next((name for name in wanted if _importable(f"numba.np.ufunc.{modules[name]}")), "none")
    return {"threads": str(config.NUMBA_NUM_THREADS), "threading layer": layer}


def _importable(module: str) -> bool:
    try:
        import_module(module)
    except ImportError:
        return False
    return True


def _ranks() -> dict[str, str]:
    """How a training would be started on several processes, and on how many threads each would run."""
    from .distributed.launch import describe

    return describe()


def _backends() -> dict[str, str]:
    """Each backend: ready, or why it is absent and what mends that."""
    rows = {}
    for name, backend in BACKENDS.items():
        reason = backend.unavailable()
        rows[name] = f"absent: {reason}" if reason else "ready"
        if not reason and backend.library is CUPY:
            rows[name] = f"ready on {', '.join(_gpus())}"
    return rows


def _gpus() -> list[str]:
    import cupy

    runtime: Any = cupy.cuda.runtime
    properties = [runtime.getDeviceProperties(number) for number in range(runtime.getDeviceCount())]
    return [f"{found['name'].decode()} (sm_{found['major']}{found['minor']})" for found in properties]


def _device_memory() -> dict[str, str]:
    """For each GPU what this process's pool holds, and what the card has left."""
    rows = {}
    for number in range(gpu_count()):
        m = device_memory(f"cuda:{number}")
        limit = "no limit" if m.limit is None else f"limit {m.limit / 2**30:.1f} GiB"
        rows[f"cuda:{number}"] = (
            f"{m.used / 2**30:.1f} GiB in arrays, {m.total / 2**30:.1f} GiB in the pool ({limit}), "
            f"{m.free / 2**30:.1f} of {m.capacity / 2**30:.1f} GiB free on the card"
        )
    return rows


def _choices() -> dict[str, str]:
    """Per kernel, card and class of shape: what was measured here, the fastest first."""
    from dlengine.kernels.cuda.machine import choice

    return {
        key: ", ".join(f"{name} {time:g}" for name, time in sorted(times, key=lambda pair: pair[1]))
        for key, times in choice.timing_cache().measured().items()
    }


def _kernels() -> dict[str, str]:
    """Which kernels each set has of its own; an op whose kernel is missing there is run by the reference."""
    return {kernels.name: ", ".join(kernels.declared) for kernels in (reference.SET, jit.SET, cuda.SET)}


def _folders() -> dict[str, str]:
    return {
        "package": str(Path(__file__).parent),
        "compiled kernels ($DLENGINE_CACHE)": str(cache_root()),
        "data ($DLENGINE_DATA)": os.environ.get("DLENGINE_DATA", "bundled data only"),
    }
