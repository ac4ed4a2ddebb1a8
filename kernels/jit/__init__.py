"""The Numba kernel set: host arrays, loops and vector code compiled on first use.

Nothing here imports numba; a module of this package does, when one of its kernels is first asked for.
"""

from __future__ import annotations

from ..registry import KernelSet

FLOATS = "float32 float64"

SET = KernelSet("jit", __name__, {
    "activation.*": FLOATS,
    "attention.*": FLOATS,
    "conv.*": FLOATS,
    "ctc.*": FLOATS,
    "dropout.*": FLOATS,
    "embedding.*": FLOATS,
    "gather.*": FLOATS,
    "linear.*": FLOATS,
    "loss.*": FLOATS,
    "norm.*": FLOATS,
    "norm.batch_norm_tracked": "",
    "optim.*": FLOATS,
    "optim.clip_by_norm": "",
    "pool.*": FLOATS,
    "random.*": "*",
    "recurrent.*": FLOATS,
    "running.*": FLOATS,
    "skipgram.*": "float32",
    "softmax.*": FLOATS,
})  # fmt: skip
