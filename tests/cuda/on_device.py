"""Kernel tests on a GPU, where there is one: launches for arrays of the host run there, on copies, and results come back."""

from __future__ import annotations

from typing import Any

import numpy as np

from dlengine.kernels.cuda import emulator
from dlengine.kernels.cuda.machine import launch
from dlengine.kernels.cuda.machine.table import PointerTable

_emulated = launch._run_on_host


def run(asked: launch.Launch, dtype: str, first: Any, arguments: list[Any]) -> None:
    """What a launch does for arrays of the host. A checked one stays on the emulator."""
    if emulator.mode.get().check:
        _emulated(asked, dtype, first, arguments)
        return
    import cupy

    pairs: list[tuple[Any, Any]] = []

    def moved(a: Any) -> Any:
        pairs.append((a, cupy.asarray(a)))
        return pairs[-1][1]

    given: list[Any] = []
    for a in arguments:
        if isinstance(a, PointerTable):
            given.append(PointerTable([[moved(x) for x in role] for role in a.roles], a._written))
        else:
            given.append(moved(a) if isinstance(a, np.ndarray) and a.dtype.names is None else a)
    launch._run_on_device(asked, dtype, pairs[0][1], given)
    for host, device in pairs:
        if host.flags.writeable:
            host[...] = device.get()
