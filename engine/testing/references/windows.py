"""Convolution and pooling by their definition: a loop over windows, and inside it over the window's places."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import numpy as np

Ints = tuple[int, ...]


def each(value: Any, rank: int) -> Ints:
    """A setting for every spatial axis."""
    return (value,) * rank if isinstance(value, int) else tuple(value)


def samples(rank: int, f: Callable[..., Any]) -> Callable[..., Any]:
    """The definition f of batches (N,C,*S), read for single samples (C,*S) too."""

    def call(x: Any, *args: Any, **settings: Any) -> Any:
        if x.ndim == rank + 2:
            return f(x, *args, **settings)
        y = f(x.reshape(1, *x.shape), *args, **settings)
        return tuple(part.reshape(part.shape[1:]) for part in y) if isinstance(y, tuple) else y.reshape(y.shape[1:])

    return call


# ---------------------------------------------------------------------- convolution
def _borders(padding: Any, kernel: Ints, dilation: Ints) -> tuple[Ints, Ints]:
    """Zeros before and after each axis."""
    reach = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
    if padding == "same":
        return tuple(r // 2 for r in reach), tuple(r - r // 2 for r in reach)
    if isinstance(padding, str):
        both = tuple(reach) if padding == "full" else (0,) * len(reach)
        return both, both
    if not isinstance(padding, int) and not isinstance(padding[0], int):
        return tuple(p[0] for p in padding), tuple(p[1] for p in padding)
    return each(padding, len(kernel)), each(padding, len(kernel))


def taps(out: Ints, space: Ints, kernel: Ints, stride: Ints, dilation: Ints, low: Ints) -> Iterator[tuple[Ints, Ints, Ints]]:
    """Each output place, each place of its window, and the input place under it, where there is one."""
    for o in product(*map(range, out)):
        for t in product(*map(range, kernel)):
            i = tuple(a * s - b + c * d for a, s, b, c, d in zip(o, stride, low, t, dilation, strict=True))
            if all(0 <= a < n for a, n in zip(i, space, strict=True)):
                yield o, t, i


def _here(place: Ints) -> Any:
    return (slice(None), slice(None), *place)


def _group(a: Any, axis: int, g: int, groups: int) -> Any:
    """Part g of an axis in equal parts, as a view."""
    n = a.shape[axis] // groups
    return a[(*(slice(None),) * axis, slice(g * n, (g + 1) * n))]


def conv(x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1) -> Any:
    """y[n, k, o] = bias[k] + sum over c and t of x[n, c, o stride - low + t dilation] weight[k, c, t], in any rank."""
    kernel, space = weight.shape[2:], x.shape[2:]
    rank = len(kernel)
    stride, dilation = each(stride, rank), each(dilation, rank)
    low, high = _borders(padding, kernel, dilation)
    out = tuple(
        len(range(0, n + a + b - d * (k - 1), s))
        for n, a, b, d, k, s in zip(space, low, high, dilation, kernel, stride, strict=True)
    )
    y = np.zeros((x.shape[0], weight.shape[0], *out), np.result_type(x, weight))
    x, none = np.pad(x, ((0, 0), (0, 0), *zip(low, high, strict=True))), (0,) * rank
    for o, t, i in taps(out, x.shape[2:], kernel, stride, dilation, none):
        for g in range(groups):
            part = _group(x[_here(i)], 1, g, groups)[:, None, :] * _group(weight[_here(t)], 0, g, groups)
            _group(y, 1, g, groups)[_here(o)] += np.sum(part, axis=-1)
    return y if bias is None else y + bias.reshape(-1, *(1,) * rank)


def conv_input_grad(
    gy: Any, weight: Any, space: Ints, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Any:
    """sum over k, o and t of gy[n, k, o] weight[k, c, t] at the place o stride - low + t dilation of an input of this space."""
    kernel = weight.shape[2:]
    rank = len(kernel)
    stride, dilation = each(stride, rank), each(dilation, rank)
    low, _ = _borders(padding, kernel, dilation)
    gx = np.zeros((gy.shape[0], weight.shape[1] * groups, *space), np.result_type(gy, weight))
    for o, t, i in taps(gy.shape[2:], space, kernel, stride, dilation, low):
        for g in range(groups):
            part = _group(gy[_here(o)], 1, g, groups)[:, :, None] * _group(weight[_here(t)], 0, g, groups)
            _group(gx, 1, g, groups)[_here(i)] += np.sum(part, axis=1)
    return gx


def conv_transpose(
    x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, output_padding: Any = 0, groups: int = 1,
    dilation: Any = 1,
) -> Any:  # fmt: skip
    """x[n, c, i] weight[c, k, t] added to y[n, k, i stride - low + t dilation], in any rank; plus bias[k]."""
    kernel = weight.shape[2:]
    rank = len(kernel)
    steps, wide, extra = each(stride, rank), each(dilation, rank), each(output_padding, rank)
    low, high = _borders(padding, kernel, wide)
    out = tuple(
        (n - 1) * s + d * (k - 1) + 1 + e - a - b
        for n, s, d, k, e, a, b in zip(x.shape[2:], steps, wide, kernel, extra, low, high, strict=True)
    )
    y = conv_input_grad(x, weight, out, stride, padding, dilation, groups)
    return y if bias is None else y + bias.reshape(-1, *(1,) * rank)


def conv_weight_grad(x: Any, gy: Any, kernel: Ints, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    """sum over n and o of gy[n, k, o] x[n, c, o stride - low + t dilation]."""
    rank = len(kernel)
    stride, dilation = each(stride, rank), each(dilation, rank)
    x = np.pad(x, ((0, 0), (0, 0), *zip(*_borders(padding, kernel, dilation), strict=True)))
    gw = np.zeros((gy.shape[1], x.shape[1] // groups, *kernel), np.result_type(x, gy))
    for o, t, i in taps(gy.shape[2:], x.shape[2:], kernel, stride, dilation, (0,) * rank):
        for g in range(groups):
            part = _group(gy[_here(o)], 1, g, groups)[:, :, None] * _group(x[_here(i)], 1, g, groups)[:, None, :]
            _group(gw, 0, g, groups)[_here(t)] += np.sum(part, axis=0)
    return gw


def unfold(x: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Any:
    """cols[n, (c, t), o] = x[n, c, place t of window o], 0 in the border."""
    kernel, stride, dilation, low = (each(v, 2) for v in (kernel_size, stride, dilation, padding))
    space = x.shape[2:]
    out = tuple(
        len(range(0, n + 2 * p - d * (k - 1), s)) for n, p, d, k, s in zip(space, low, dilation, kernel, stride, strict=True)
    )
    cols = np.zeros((*x.shape[:2], *kernel, *out), x.dtype)
    for o, t, i in taps(out, space, kernel, stride, dilation, low):
        cols[(*_here(t), *o)] = x[_here(i)]
    return cols.reshape(x.shape[0], -1 if x.size else x.shape[1] * kernel[0] * kernel[1], out[0] * out[1])


def fold(cols: Any, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Any:
    """Every column's values added at the places they came from."""
    kernel, stride, dilation, low = (each(v, 2) for v in (kernel_size, stride, dilation, padding))
    size = each(output_size, 2)
    out = tuple(
        len(range(0, n + 2 * p - d * (k - 1), s)) for n, p, d, k, s in zip(size, low, dilation, kernel, stride, strict=True)
    )
    channels = cols.shape[1] // (kernel[0] * kernel[1])
    parts = cols.reshape(cols.shape[0], channels, *kernel, *out)
    x = np.zeros((cols.shape[0], channels, *size), cols.dtype)
    for o, t, i in taps(out, size, kernel, stride, dilation, low):
        x[_here(i)] += parts[(*_here(t), *o)]
    return x


# ---------------------------------------------------------------------- pooling
def pooled(space: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints, ceil_mode: bool) -> Ints:
    """How many windows: those that fit, and with ceil_mode one more if it starts inside the input or its low border."""
    out = []
    for n, k, s, p, d in zip(space, kernel, stride, padding, dilation, strict=True):
        starts = range(0, n + 2 * p, s)
        reach = d * (k - 1) + 1
        fit = [a for a in starts if a + reach <= n + 2 * p]
        more = [a for a in starts if a not in fit and a < n + p and (a - s) + reach < n + 2 * p]
        out.append(len(fit) + (len(more[:1]) if ceil_mode else 0))
    return tuple(out)


def max_pool(
    x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False,
    return_indices: bool = False, smallest: bool = False,
) -> Any:  # fmt: skip
    """The first largest value of each window; the first NaN counts as largest."""
    space = x.shape[2:]
    rank = len(space)
    kernel, padding, dilation = each(kernel_size, rank), each(padding, rank), each(dilation, rank)
    stride = kernel if stride is None else each(stride, rank)
    out = pooled(space, kernel, stride, padding, dilation, ceil_mode)
    y = np.full((*x.shape[:2], *out), np.nan)
    index = np.full((*x.shape[:2], *out), -1)
    for o, _, i in taps(out, space, kernel, stride, dilation, padding):
        flat = int(np.ravel_multi_index(i, space))
        new, old = x[_here(i)], y[_here(o)]
        first = index[_here(o)] == -1
        better = (new < old) if smallest else (new > old)
        taken = first | better | (np.isnan(new) & ~np.isnan(old))
        y[_here(o)] = np.where(taken, new, old)
        index[_here(o)] = np.where(taken, flat, index[_here(o)])
    return (y, index) if return_indices else y


def min_pool(x: Any, **settings: Any) -> Any:
    """The same with the smaller value."""
    return max_pool(x, smallest=True, **settings)


def avg_pool(
    x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False, count_include_pad: bool = True
) -> Any:
    """The sum of a window over how many of its places lie in the input, or in the input and its border."""
    space = x.shape[2:]
    rank = len(space)
    kernel, padding = each(kernel_size, rank), each(padding, rank)
    stride = kernel if stride is None else each(stride, rank)
    out = pooled(space, kernel, stride, padding, (1,) * rank, ceil_mode)
    total = np.zeros((*x.shape[:2], *out))
    for o, _, i in taps(out, space, kernel, stride, (1,) * rank, padding):
        total[_here(o)] += x[_here(i)]
    return total / _counts(space, out, kernel, stride, padding, count_include_pad)


def _counts(space: Ints, out: Ints, kernel: Ints, stride: Ints, padding: Ints, count_include_pad: bool) -> Any:
    """How many places of each window lie in the input, or in the input and its border."""
    low = padding
    if count_include_pad:
        space, low = tuple(n + 2 * p for n, p in zip(space, padding, strict=True)), (0,) * len(space)
    count = np.zeros(out)
    for o, _, _ in taps(out, space, kernel, stride, (1,) * len(space), low):
        count[o] += 1
    return count


def avg_pool_input_grad(
    gy: Any, space: Ints, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Any:  # fmt: skip
    """Each gy divided by its window's count and added at all places of the window."""
    rank = len(space)
    kernel, padding = each(kernel_size, rank), each(padding, rank)
    stride = kernel if stride is None else each(stride, rank)
    part = gy / _counts(space, gy.shape[2:], kernel, stride, padding, count_include_pad)
    gx = np.zeros((*gy.shape[:2], *space))
    for o, _, i in taps(gy.shape[2:], space, kernel, stride, (1,) * rank, padding):
        gx[_here(i)] += part[_here(o)]
    return gx


def _adaptive(x: Any, output_size: Any) -> Iterator[tuple[Ints, list[Ints]]]:
    """Each output place and the places of its window, from floor(i n / o) to ceil((i + 1) n / o)."""
    space = x.shape[2:]
    out = adaptive_shape(x, output_size)
    for o in product(*map(range, out)):
        bounds = [range(a * n // m, ((a + 1) * n + m - 1) // m) for a, n, m in zip(o, space, out, strict=True)]
        yield o, list(product(*bounds))


def adaptive_shape(x: Any, output_size: Any) -> Ints:
    """The output's spatial shape; None keeps an axis."""
    space = x.shape[2:]
    wanted = (output_size,) * len(space) if output_size is None or isinstance(output_size, int) else output_size
    return tuple(n if o is None else o for n, o in zip(space, wanted, strict=True))


def adaptive_avg_pool(x: Any, output_size: Any) -> Any:
    """The mean of each window."""
    y = np.zeros((*x.shape[:2], *adaptive_shape(x, output_size)))
    for o, places in _adaptive(x, output_size):
        y[_here(o)] = sum(x[_here(i)] for i in places) / len(places)
    return y


def adaptive_max_pool(x: Any, output_size: Any, return_indices: bool = False) -> Any:
    """The first largest value of each window, NaN above all, and its flat position."""
    shape = (*x.shape[:2], *adaptive_shape(x, output_size))
    y, index = np.zeros(shape), np.zeros(shape, np.int64)
    for o, places in _adaptive(x, output_size):
        for n in np.ndindex(*x.shape[:2]):
            values = [float(x[(*n, *i)]) for i in places]
            order = [np.inf if v != v else v for v in values]
            nans = [k for k, v in enumerate(values) if v != v]
            best = nans[0] if nans else order.index(max(order))
            y[(*n, *o)] = values[best]
            index[(*n, *o)] = np.ravel_multi_index(places[best], x.shape[2:])
    return (y, index) if return_indices else y


def max_unpool(x: Any, indices: Any, output_size: Any) -> Any:
    """Each value added at its flat position in the plane."""
    size = each(output_size, x.ndim - 2)
    lead = x.ndim - len(size)
    y = np.zeros((*x.shape[:lead], *size), x.dtype)
    for i in np.ndindex(*x.shape):
        y[(*i[:lead], *np.unravel_index(int(indices[i]), size))] += x[i]
    return y


def max_pool_gather(x: Any, picks: Any, **settings: Any) -> Any:
    """x at the places where max-pooling of picks finds its values."""
    index = max_pool(picks, return_indices=True, **settings)[1]
    y = np.zeros(index.shape, x.dtype)
    for i in np.ndindex(*index.shape):
        y[i] = x[i[:2]].flat[index[i]]
    return y


def max_pool_scatter(gy: Any, picks: Any, **settings: Any) -> Any:
    """gy added at the places where max-pooling of picks finds its values."""
    return max_unpool(gy, max_pool(picks, return_indices=True, **settings)[1], picks.shape[2:])
