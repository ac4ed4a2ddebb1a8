"""The Numba kernel set: host arrays, loops and vector code compiled on first use.

Nothing here imports numba; a module of this package does, when one of its kernels is first asked for.
"""

from __future__ import annotations

from ..registry import KernelSet

FLOATS = ("float32", "float64")

DECLARED = {
    "conv2d": ("conv", FLOATS),
    "conv2d_input_grad": ("conv", FLOATS),
    "conv2d_weight_grad": ("conv", FLOATS),
    "matmul": ("matmul", ("float32",)),
    "linear": ("matmul", ("float32",)),
    "max_pool2d": ("pool", FLOATS),
    "max_pool2d_scatter": ("pool", FLOATS),
    "max_pool2d_gather": ("pool", FLOATS),
    "avg_pool2d": ("pool", FLOATS),
    "avg_pool2d_input_grad": ("pool", FLOATS),
    "batch_norm": ("norm", FLOATS),
    "batch_norm_grad": ("norm", FLOATS),
    "layer_norm": ("norm", FLOATS),
    "layer_norm_grad": ("norm", FLOATS),
    "group_norm": ("norm", FLOATS),
    "group_norm_grad": ("norm", FLOATS),
    "relu": ("activation", FLOATS),
    "relu_grad": ("activation", FLOATS),
    "leaky_relu": ("activation", FLOATS),
    "leaky_relu_grad": ("activation", FLOATS),
    "sigmoid": ("activation", ("float32",)),
    "sigmoid_grad": ("activation", FLOATS),
    "tanh_grad": ("activation", FLOATS),
    "silu": ("activation", ("float32",)),
    "silu_grad": ("activation", ("float32",)),
    "softplus": ("activation", ("float32",)),
    "softplus_grad": ("activation", ("float32",)),
    "softmax": ("softmax", FLOATS),
    "softmax_grad": ("softmax", FLOATS),
    "log_softmax": ("softmax", FLOATS),
    "log_softmax_grad": ("softmax", FLOATS),
    "cross_entropy": ("softmax", FLOATS),
    "cross_entropy_grad": ("softmax", FLOATS),
    "embedding": ("embedding", FLOATS),
    "embedding_grad": ("embedding", FLOATS),
    "dropout": ("dropout", FLOATS),
    "lstm": ("recurrent", ("float32",)),
    "lstm_grad": ("recurrent", ("float32",)),
    "gru": ("recurrent", ("float32",)),
    "gru_grad": ("recurrent", ("float32",)),
    "sgd": ("optim", FLOATS),
    "adam": ("optim", FLOATS),
    "sum_of_squares": ("optim", FLOATS),
    "scale": ("optim", FLOATS),
    "skipgram_negative": ("skipgram", ("float32",)),
    "random_bits": ("random", ("*",)),
    "random_uniform": ("random", ("*",)),
    "random_bernoulli": ("random", ("*",)),
    "random_normal": ("random", ("*",)),
    "random_permutation": ("random", ("*",)),
}

SET = KernelSet("jit", __name__, DECLARED)
