"""Ops that are kernels closed under differentiation: the pullback of each is another, or itself.

They are called as kernels are. Their arguments are worked out and checked by the public functions, in conv.py and so on.
"""

from __future__ import annotations

from .fused import adjoint_ops

_CONV = "y[n, k] = bias[k] + sum over c of x[n, c] cross-correlated with weight[k, c], per group. bias: (K,) or None."
_CONV_INPUT = "The gradient of a convolution for its input: gy spread back through the weight."
_CONV_WEIGHT = "The gradient of a convolution for its filters: x correlated with gy."
_MAX_POOL = "The largest value of each window and its flat position in the input plane; the first of equals."
_SCATTER = "gy added at the positions that max-pooling chose."
_GATHER = "The values of x at the positions that max-pooling chose."

conv2d, conv2d_input_grad, conv2d_weight_grad = adjoint_ops(
    conv2d=_CONV, conv2d_input_grad=_CONV_INPUT, conv2d_weight_grad=_CONV_WEIGHT
)
conv3d, conv3d_input_grad, conv3d_weight_grad = adjoint_ops(
    conv3d=_CONV, conv3d_input_grad=_CONV_INPUT, conv3d_weight_grad=_CONV_WEIGHT
)
unfold2d, fold2d = adjoint_ops(
    unfold2d="The windows of x as columns: (N, C kh kw, windows).",
    fold2d="Columns added back into images: the adjoint of unfold2d.",
)
max_pool2d, max_pool2d_scatter, max_pool2d_gather = adjoint_ops(
    max_pool2d=_MAX_POOL, max_pool2d_scatter=_SCATTER, max_pool2d_gather=_GATHER
)
max_pool3d, max_pool3d_scatter, max_pool3d_gather = adjoint_ops(
    max_pool3d=_MAX_POOL, max_pool3d_scatter=_SCATTER, max_pool3d_gather=_GATHER
)
avg_pool2d, avg_pool2d_input_grad = adjoint_ops(
    avg_pool2d="The mean of each window.", avg_pool2d_input_grad="gy divided over each window."
)
avg_pool3d, avg_pool3d_input_grad = adjoint_ops(
    avg_pool3d="The mean of each window.", avg_pool3d_input_grad="gy divided over each window."
)
adaptive_max_pool, plane_scatter, plane_gather = adjoint_ops(
    adaptive_max_pool=_MAX_POOL, plane_scatter="gy added at places of each plane.",
    plane_gather="The values of x at places of each plane.",
)
adaptive_avg_pool, adaptive_avg_pool_input_grad = adjoint_ops(
    adaptive_avg_pool="The mean of each window.", adaptive_avg_pool_input_grad="gy divided over each window."
)
embedding, embedding_grad = adjoint_ops(
    embedding="The rows of weight (V,D) with the numbers ids.",
    embedding_grad="Rows of gy (*ids, D) added up by id into (rows, D), in a fixed order.",
    adds=("embedding_grad", (0,)),
)
(dropout,) = adjoint_ops(
    dropout="x with each run of `inner` neighbours zeroed with probability p, else divided by 1 - p; the mask is made again."
)
