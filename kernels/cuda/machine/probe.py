"""Why CUDA cannot be used here, and what mends it."""

from __future__ import annotations

INSTALL = "pip install 'cupy-cuda13x[ctk]' or pip install '.[cuda]'"


def probe() -> str | None:
    """The first thing that stands between this process and a GPU, with its mend, or None if CUDA can be used.

    Asks in the order in which a user would set things up: CuPy, driver, device, CUDA libraries. Touches no array.
    """
    try:
        import cupy
    except ImportError as error:
        return f"CuPy cannot be imported ({error}); mend: {INSTALL}"
    runtime = cupy.cuda.runtime
    if not cupy.is_available():
        driver, wanted = runtime.driverGetVersion(), runtime.runtimeGetVersion() // 1000
        if driver == 0:
            return "there is no NVIDIA driver; mend: install one (nvidia.com/drivers); only parity --emulate needs none"
        if driver // 1000 < wanted:
            return (
                f"the NVIDIA driver is too old: it supports CUDA {_dotted(driver)} and CuPy needs {wanted}.0; "
                "mend: update the driver, or install the CuPy for its version (cupy-cuda12x)"
            )
        return "there is no visible NVIDIA device; mend: check nvidia-smi and the variable CUDA_VISIBLE_DEVICES"
    try:
        cupy.cuda.nvrtc.getVersion()
    except (ImportError, RuntimeError, OSError) as error:  # DynamicLibNotFoundError is a RuntimeError
        return f"the CUDA libraries are missing ({error}); mend: {INSTALL}"
    return None


def _dotted(version: int) -> str:
    """13020 is 13.2."""
    return f"{version // 1000}.{version % 1000 // 10}"
