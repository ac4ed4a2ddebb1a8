"""The Numba kernel set: host arrays, loops and vector code compiled on first use.

Nothing here imports numba; a module of this package does, when one of its kernels is first asked for.
"""

from __future__ import annotations

from dlengine.kernels.registry import KernelSet

FLOATS = ("float32", "float64")

DECLARED = {
    "conv2d": ("conv", FLOATS),
    "conv2d_input_grad": ("conv", FLOATS),
    "conv2d_weight_grad": ("conv", FLOATS),
    "matmul": ("matmul", ("float32",)),
    "max_pool2d": ("pool", FLOATS),
    "max_pool2d_scatter": ("pool", FLOATS),
    "max_pool2d_gather": ("pool", FLOATS),
    "avg_pool2d": ("pool", FLOATS),
    "avg_pool2d_input_grad": ("pool", FLOATS),
    "random_bits": ("random", ("*",)),
    "random_uniform": ("random", ("*",)),
    "random_bernoulli": ("random", ("*",)),
    "random_normal": ("random", ("*",)),
    "random_permutation": ("random", ("*",)),
}

SET = KernelSet("jit", __name__, DECLARED)
