"""The reference set: the specification of every kernel, in the array API standard alone.

It runs wherever a namespace of the standard does, and the other sets are judged by it.
"""

from __future__ import annotations

from ..registry import KernelSet

_MODULES = {
    "conv": ("conv2d conv2d_input_grad conv2d_weight_grad conv3d conv3d_input_grad conv3d_weight_grad unfold2d fold2d"),
    "pool": (
        "max_pool2d max_pool2d_scatter max_pool2d_gather avg_pool2d avg_pool2d_input_grad "
        "max_pool3d max_pool3d_scatter max_pool3d_gather avg_pool3d avg_pool3d_input_grad"
    ),
    "norm": "batch_norm batch_norm_grad layer_norm layer_norm_grad group_norm group_norm_grad rms_norm rms_norm_grad",
    "activation": (
        "relu relu_grad leaky_relu leaky_relu_grad sigmoid sigmoid_grad tanh_grad silu silu_grad softplus softplus_grad"
    ),
    "softmax": "softmax softmax_grad log_softmax log_softmax_grad cross_entropy cross_entropy_grad",
    "embedding": "embedding embedding_grad",
    "linear": "linear",
    "recurrent": "lstm lstm_grad gru gru_grad rnn rnn_grad",
    "dropout": "dropout",
    "random": "random_bits random_uniform random_bernoulli random_normal random_permutation",
    "optim": "sgd adam sum_of_squares scale",
    "skipgram": "skipgram_negative",
}

DECLARED = {name: (module, ("*",)) for module, names in _MODULES.items() for name in names.split()}
SET = KernelSet("reference", __name__, DECLARED)
