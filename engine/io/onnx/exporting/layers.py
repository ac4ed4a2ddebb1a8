"""Kernels and whole layers: convolution, pooling, recurrence, normalisation, attention."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from dlengine.kernels.geometry import PlaneGeometry

from .... import nn
from ....errors import OnnxError
from ....recording.instructions import Value
from .merging import Vary
from .table import primitive


def fixed(values, what):
    """Integers of a geometry, which must not depend on dynamic axes."""
    if any(isinstance(v, Vary) for v in values):
        raise OnnxError(f"the {what} depends on the size of a dynamic axis")
    return list(values)


def window(g):
    return {
        "kernel_shape": fixed(g.kernel, "kernel"), "strides": fixed(g.stride, "stride"),
        "pads": fixed([*g.pad_lo, *g.pad_hi], "padding"),
    }  # fmt: skip


def whole_plane(g):
    """Whether the one window is the whole of a plane of dynamic size."""
    return g.kernel == g.in_shape and any(isinstance(k, Vary) for k in g.kernel) and not any((*g.pad_lo, *g.pad_hi))


def adaptive_windows(g):
    """Windows that depend on the size of the input, which must be fixed."""
    return PlaneGeometry(1, 1, tuple(fixed(g.in_shape, "window")), tuple(fixed(g.out_shape, "window")))


@primitive("linear")
def linear(e, outs, x, weight, bias=None):
    if len(x.shape) == 2:
        inputs = [e.name(x), e.name(weight), *([] if bias is None else [e.name(bias)])]
        return e.node("Gemm", inputs, transB=1)
    y = e.node("MatMul", [e.name(x), e.node("Transpose", [e.name(weight)], perm=[1, 0])])
    return y if bias is None else e.node("Add", [y, e.name(bias)])


@primitive("matmul")
def matmul(e, outs, a, b):
    return e.node("MatMul", [e.name(a, outs[0].dtype), e.name(b, outs[0].dtype)])


@primitive("vecdot")
def vecdot(e, outs, a, b, axis=-1):
    product = e.node("Mul", [e.name(v, outs[0].dtype) for v in (a, b)])
    return e.node("ReduceSum", [product, e.ints([axis])], keepdims=0)


@primitive("conv2d", "conv3d")
def conv(e, outs, x, weight, bias, g):
    """One axis is two, of which the first has size 1."""
    inputs = [e.name(x), e.name(weight), *([] if bias is None else [e.name(bias)])]
    return e.node("Conv", inputs, dilations=list(g.dilation), group=g.groups, **window(g))


@primitive("conv2d_input_grad", "conv3d_input_grad")
def conv_transpose(e, outs, x, weight, g):
    """The size that strides leave open is the output padding."""
    more = []
    for n, k, s, d, lo, hi, out in zip(g.in_shape, g.kernel, g.stride, g.dilation, g.pad_lo, g.pad_hi, g.out_shape, strict=True):
        sizes = zip(n, out, strict=True) if isinstance(n, Vary) and isinstance(out, Vary) else [(n, out)]
        rest = {a - ((b - 1) * s + (k - 1) * d + 1 - lo - hi) for a, b in sizes}
        if len(rest) != 1:
            raise OnnxError("the output's size of a transposed convolution is fixed while that of its input is dynamic")
        more.append(rest.pop())
    inputs = [e.name(x), e.name(weight)]
    return e.node("ConvTranspose", inputs, dilations=list(g.dilation), group=g.groups, output_padding=more, **window(g))


@primitive("max_pool2d", "max_pool3d")
def max_pool(e, outs, x, g):
    """With the places inside each plane, which are left out if nobody reads them."""
    if whole_plane(g) and not e.is_read(outs[1]):
        return [e.node("GlobalMaxPool", [e.name(x)]), ""]
    if not e.is_read(outs[1]):
        return [e.node("MaxPool", [e.name(x)], dilations=list(g.dilation), **window(g)), ""]
    y, places = e.node("MaxPool", [e.name(x)], 2, dilations=list(g.dilation), **window(g))
    plane = e.node("ReduceProd", [e.sizes(e.merged.shape(x)[2:])], keepdims=0)
    return [y, e.cast(e.node("Mod", [places, plane]), outs[1].dtype)]


@primitive("max_pool_values")
def max_pool_values(e, outs, x, g):
    if whole_plane(g):
        return e.node("GlobalMaxPool", [e.name(x)])
    return e.node("MaxPool", [e.name(x)], dilations=list(g.dilation), **window(g))


@primitive("adaptive_max_pool")
def adaptive_max_pool(e, outs, x, g):
    """The positions of each window side by side, the last of them more than once in smaller ones."""
    g = adaptive_windows(g)
    windows, longest = g.positions.shape
    plane = e.node("Reshape", [e.name(x), e.ints([0, 0, -1])])
    seen = e.node("Gather", [plane, e.constant(g.positions)], axis=2)
    shape = e.ints([0, 0, *g.out_shape])
    y = e.node("Reshape", [e.node("ReduceMax", [seen, e.ints([-1])], keepdims=0), shape])
    if not e.is_read(outs[1]):
        return [y, ""]
    first = e.node("ArgMax", [seen], axis=-1, keepdims=0)
    inside = e.node("Add", [first, e.ints(range(0, windows * longest, longest))])
    places = e.node("Gather", [e.ints(g.positions.reshape(-1)), inside], axis=0)
    return [y, e.cast(e.node("Reshape", [places, shape]), outs[1].dtype)]


@primitive("adaptive_avg_pool")
def adaptive_avg_pool(e, outs, x, g):
    """Along one axis after the other, window by window."""
    g = adaptive_windows(g)
    y = e.name(x)
    for axis in range(len(g.in_shape)):
        at = e.ints([2 + axis])
        ends = [(e.ints([first]), e.ints([first + count])) for first, count in g.seen(axis)]
        parts = [e.node("ReduceMean", [e.node("Slice", [y, *pair, at]), at], keepdims=1) for pair in ends]
        y = e.node("Concat", parts, axis=2 + axis)
    return y


@primitive("plane_scatter")
def plane_scatter(e, outs, x, places, g):
    flat = [e.node("Reshape", [e.name(v), e.ints([0, 0, -1])]) for v in (places, x)]
    nothing = e.node("Expand", [e.number(0, x.dtype), e.sizes([g.N, g.C, math.prod(fixed(g.in_shape, "output"))])])
    y = e.node("ScatterElements", [nothing, *flat], axis=2, reduction="add")
    return e.node("Reshape", [y, e.ints([0, 0, *g.in_shape])])


@primitive("avg_pool2d", "avg_pool3d")
def avg_pool(e, outs, x, g):
    if whole_plane(g):
        return e.node("GlobalAveragePool", [e.name(x)])
    over = any(hi > p for hi, p in zip(fixed(g.pad_hi, "padding"), g.padding, strict=True))
    pads = fixed([*g.padding, *(g.padding if over else g.pad_hi)], "padding")
    return e.node(
        "AveragePool", [e.name(x)], kernel_shape=fixed(g.kernel, "kernel"), strides=fixed(g.stride, "stride"), pads=pads,
        ceil_mode=int(over), count_include_pad=int(g.count_include_pad),
    )  # fmt: skip


@primitive("unfold2d")
def unfold(e, outs, x, g):
    """A convolution whose filters pick one tap each."""
    kh, kw = fixed(g.kernel, "kernel")
    picks = np.tile(np.eye(kh * kw, dtype=x.dtype).reshape(kh * kw, 1, kh, kw), (g.C, 1, 1, 1))
    y = e.node("Conv", [e.name(x), e.constant(picks)], dilations=list(g.dilation), group=g.C, **window(g))
    return e.node("Reshape", [y, e.ints([0, 0, -1])])


@primitive("fold2d")
def fold(e, outs, cols, g):
    options = window(g)
    block = e.ints(options.pop("kernel_shape"))
    return e.node("Col2Im", [e.name(cols), e.sizes(list(g.in_shape)), block], dilations=list(g.dilation), **options)


@primitive("embedding")
def embedding(e, outs, weight, ids):
    return e.node("Gather", [e.name(weight), e.name(ids)], axis=0)


@primitive("random_uniform", "random_normal")
def random_numbers(e, outs, key, counter, n, dtype, **_):
    """Numbers of ONNX's own generator, new ones in every run."""
    like = e.node("ConstantOfShape", [e.sizes([n])])
    kind = {"random_uniform": "RandomUniformLike", "random_normal": "RandomNormalLike"}[e.call]
    return e.node(kind, [like], dtype=e.type_of(dtype))


@primitive("dropout", "random_bits", "random_bernoulli", "random_permutation")
def dropout(e, outs, *_, **__):
    raise OnnxError("random numbers are not written; call model.eval() if this is dropout")


# ---------------------------------------------------------------------- recurrence
def ordered(e, weight, order, hidden):
    """A weight with its gates in ONNX's order and a leading axis for the direction."""
    if weight in e.constants:
        parts = np.split(e.constants[weight], len(order))
        return e.constant(np.concatenate([parts[k] for k in order])[None], hint="gates")
    parts = e.node("Split", [e.name(weight)], len(order), num_outputs=len(order))
    joined = e.node("Concat", [parts[k] for k in order], axis=0) if order != (0,) else parts
    return e.node("Unsqueeze", [joined, e.ints([0])])


def biases(e, weight, both, order, hidden):
    """The biases of the input and of the state, one behind the other."""
    size = len(order) * hidden
    zero = e.constant(np.zeros((1, size), weight.dtype), hint="zeros")
    parts = [zero if b is None else ordered(e, b, order, hidden) for b in both]
    return e.node("Concat", parts, axis=1)


def recurrent(e, operator, order, x, states, weights, lengths, options):
    """One layer in one direction: y (T, N, H) and the last states (N, H). weights: w_ih, w_hh and the two biases."""
    w_ih, w_hh, *of_biases = weights
    hidden = w_hh.shape[1]
    inputs = [e.name(x), ordered(e, w_ih, order, hidden), ordered(e, w_hh, order, hidden)]
    inputs.append("" if all(b is None for b in of_biases) else biases(e, w_ih, of_biases, order, hidden))
    inputs.append("" if lengths is None else e.name(lengths, np.int32))
    for state in states:
        zero = state in e.zeros or (state in e.constants and not e.constants[state].any())
        inputs.append("" if zero else e.node("Unsqueeze", [e.name(state), e.ints([0])]))
    while inputs[-1] == "":
        inputs.pop()
    found = e.node(operator, inputs, 1 + len(states), hidden_size=hidden, **options)
    return [e.node("Squeeze", [name, e.ints([1 if k == 0 else 0])]) for k, name in enumerate(found)]


def direction(reverse, **options):
    return {"direction": "reverse" if reverse else "forward", **options}


@primitive("lstm")
def lstm(e, outs, *args):
    x, h0, c0, w_ih, w_hh, bias, lengths, reverse, _ = args
    return recurrent(e, "LSTM", (0, 3, 1, 2), x, [h0, c0], (w_ih, w_hh, bias, None), lengths, direction(reverse))


@primitive("gru")
def gru(e, outs, *args):
    x, h0, *weights, lengths, reverse, _ = args
    return recurrent(e, "GRU", (1, 0, 2), x, [h0], weights, lengths, direction(reverse, linear_before_reset=1))


@primitive("rnn")
def rnn(e, outs, *args):
    x, h0, w_ih, w_hh, bias, lengths, reverse, nonlinearity, _ = args
    kind = ["Relu" if nonlinearity == "relu" else "Tanh"]
    return recurrent(e, "RNN", (0,), x, [h0], (w_ih, w_hh, bias, None), lengths, direction(reverse, activations=kind))


# ---------------------------------------------------------------------- normalisation
def affine(e, y, weight, bias, rank):
    """y with a weight and a bias per channel, axis 1."""
    for operator, v in (("Mul", weight), ("Add", bias)):
        if v is not None:
            y = e.node(operator, [y, e.node("Reshape", [e.name(v), e.ints([-1, *[1] * (rank - 2)])])])
    return y


@primitive("layer_norm")
def layer_norm(e, outs, x, weight, bias, eps):
    scale = e.constant(np.ones(x.shape[-1:], x.dtype)) if weight is None else e.name(weight)
    inputs = [e.name(x), scale, *([] if bias is None else [e.name(bias)])]
    return [e.node("LayerNormalization", inputs, axis=-1, epsilon=float(eps)), "", ""]


@primitive("group_norm")
def group_norm(e, outs, x, weight, bias, groups, eps):
    """The normalisation of the channels of each group, taken as one."""
    ones, zeros = (e.constant(np.full(groups, v, x.dtype)) for v in (1, 0))
    parts = e.node("Reshape", [e.name(x), e.ints([0, groups, -1])])
    y = e.node("InstanceNormalization", [parts, ones, zeros], epsilon=float(eps))
    y = e.node("Reshape", [y, e.node("Shape", [e.name(x)])])
    return [affine(e, y, weight, bias, len(x.shape)), "", ""]


@primitive("rms_norm")
def rms_norm(e, outs, x, weight, eps):
    if e.opset >= 23 and weight is not None:
        return [e.node("RMSNormalization", [e.name(x), e.name(weight)], axis=-1, epsilon=float(eps)), ""]
    squares = e.node("ReduceMean", [e.node("Mul", [e.name(x), e.name(x)]), e.ints([-1])], keepdims=1)
    y = e.node("Div", [e.name(x), e.node("Sqrt", [e.node("Add", [squares, e.number(eps, x.dtype)])])])
    return [y if weight is None else e.node("Mul", [y, e.name(weight)]), ""]


@primitive("batch_norm")
def batch_norm(e, outs, x, weight, bias, eps):
    """By the statistics of the batch, which a layer without running ones uses."""
    axes = e.ints([k for k in range(len(x.shape)) if k != 1])
    mean = e.node("ReduceMean", [e.name(x), axes], keepdims=1)
    rest = e.node("Sub", [e.name(x), mean])
    variance = e.node("ReduceMean", [e.node("Mul", [rest, rest]), axes], keepdims=1)
    rstd = e.node("Reciprocal", [e.node("Sqrt", [e.node("Add", [variance, e.number(eps, x.dtype)])])])
    y = affine(e, e.node("Mul", [rest, rstd]), weight, bias, len(x.shape))
    return [y, *(e.node("Reshape", [v, e.ints([-1])]) for v in (mean, rstd))]


@primitive("attention")
def attention(e, outs, *args):
    """softmax(q k^T scale + mask) v; opset 23 has a node for it."""
    q, k, v, mask, scale, causal, hides = args
    if e.opset >= 23:
        inputs = [e.name(q), e.name(k), e.name(v), *([] if mask is None else [e.name(mask, q.dtype)])]
        return [e.node("Attention", inputs, scale=float(scale), is_causal=int(causal)), "", ""]
    wide = e.node("Mul", [e.name(q), e.number(scale, q.dtype)])
    scores = e.node("MatMul", [wide, e.node("Transpose", [e.name(k)], perm=[0, 1, 3, 2])])
    never = e.number(-math.inf, q.dtype)
    hidden = []
    if causal:
        ranges = []
        for value, axis in ((q, 1), (k, 0)):
            size = e.merged.shape(value)[2]
            counted = e.node("Range", [e.number(0, np.int64), e.number(size, np.int64), e.number(1, np.int64)])
            ranges.append(e.node("Unsqueeze", [counted, e.ints([axis])]))
        hidden.append(e.node("Less", ranges))
    if mask is not None and hides:
        hidden.append(e.node("Equal", [e.name(mask, q.dtype), never]))
    for h in hidden:
        scores = e.node("Where", [h, never, scores])
    if mask is not None and not hides:
        scores = e.node("Add", [scores, e.name(mask, q.dtype)])
    weights = e.node("Softmax", [scores], axis=-1)
    if mask is not None:  # a query without keys has NaN here, and is 0
        weights = e.node("Where", [e.node("IsNaN", [weights]), e.number(0, q.dtype), weights])
    return [e.node("MatMul", [weights, e.name(v)]), "", ""]


# ---------------------------------------------------------------------- modules
def whole_layer(e: Any, span: Any) -> Any:
    """One node for a module's calls, by name of its output; None if it has to be written call by call."""
    module, x = span.module, span.inputs[0] if span.inputs else None
    if not isinstance(x, Value) or not isinstance(span.result, Value) or x.dtype != span.result.dtype:
        return None
    if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d):
        return batch_norm_layer(e, module, x)
    if isinstance(module, nn.GELU) and e.opset >= 20:
        return e.node("Gelu", [e.name(x)], approximate=module.settings["approximate"])
    if isinstance(module, nn.Upsample):
        return upsample_layer(e, module, x)
    return None


def batch_norm_layer(e, module, x):
    if module.training or module.running_mean is None or module.running_var is None:
        return None
    size = module.running_mean.shape
    given = [module.weight, module.bias, module.running_mean, module.running_var]
    names = [e.weight(t) if t is not None else e.constant(np.full(size, 1 - k, x.dtype)) for k, t in enumerate(given)]
    if None in names or any(t is not None and t.dtype != x.dtype for t in given):
        return None
    return e.node("BatchNormalization", [e.name(x), *names], epsilon=float(module.eps))


def upsample_layer(e, module, x):
    modes = {"nearest": "nearest", "linear": "linear", "bilinear": "linear", "trilinear": "linear"}
    if module.mode not in modes or module.scale_factor is None:
        return None
    factors = module.scale_factor if isinstance(module.scale_factor, tuple | list) else [module.scale_factor] * (len(x.shape) - 2)
    if module.align_corners or any(float(f) != int(f) for f in factors):
        return None
    scales = e.constant(np.asarray([1, 1, *factors], np.float32))
    if modes[module.mode] == "nearest":
        options = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    else:
        options = {"coordinate_transformation_mode": "half_pixel"}
    return e.node("Resize", [e.name(x), "", scales], mode=modes[module.mode], **options)
