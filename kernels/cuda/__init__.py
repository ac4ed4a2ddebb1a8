"""The CUDA kernel set: our own kernels for CuPy arrays, and for host arrays through the emulator.

Nothing here imports cupy; a launcher does, when it is first given a device array.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ..registry import KernelSet

FLOATS = ("float32", "float64", "float16", "bfloat16")
_FLOATING = {
    "conv": "conv2d conv2d_input_grad conv2d_weight_grad",
    "unfold": "unfold2d fold2d",
    "pool": (
        "max_pool2d max_pool2d_scatter max_pool2d_gather avg_pool2d avg_pool2d_input_grad "
        "max_pool3d max_pool3d_scatter max_pool3d_gather avg_pool3d avg_pool3d_input_grad"
    ),
    "norm": "batch_norm batch_norm_grad layer_norm layer_norm_grad group_norm group_norm_grad rms_norm rms_norm_grad",
    "activation": (
        "relu relu_grad leaky_relu leaky_relu_grad sigmoid sigmoid_grad tanh_grad silu silu_grad softplus softplus_grad"
    ),
    "dropout": "dropout",
    "softmax": "softmax softmax_grad log_softmax log_softmax_grad cross_entropy cross_entropy_grad",
    "embedding": "embedding embedding_grad",
    "recurrent": "lstm lstm_grad gru gru_grad rnn rnn_grad",
    "matmul": "matmul linear",
    "optim": "sgd adam sum_of_squares scale",
}
DECLARED: dict[str, tuple[str, tuple[str, ...]]] = {
    **{name: (module, FLOATS) for module, names in _FLOATING.items() for name in names.split()},
    # Their products are the library's, which has none of float16 that adds in float32.
    **{name: ("unfold", ("float32", "float64")) for name in ("conv3d", "conv3d_input_grad", "conv3d_weight_grad")},
    "random_bits": ("random", ("*",)),
    "random_uniform": ("random", ("*",)),
    "random_bernoulli": ("random", ("*",)),
    "random_normal": ("random", ("*",)),
    "random_permutation": ("random", ("*",)),
}


class _EmulatedSet(KernelSet):
    """The same launchers; those that make arrays from nothing make them on the host, where the emulator runs them."""

    def load(self, kernel: str) -> Callable[..., Any]:
        function = super().load(kernel)
        return partial(function, host=True) if self.declared[kernel][0] == "random" else function


SET = KernelSet("cuda", __name__, DECLARED)
EMULATED = _EmulatedSet("cuda", __name__, DECLARED, SET.launches)
