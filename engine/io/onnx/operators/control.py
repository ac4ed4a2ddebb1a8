"""If, Loop and Scan, run by Python."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import namespace as dl
from ..table import operator
from ..values import Host, Raw, host, is_host, tensor


@operator("If")
def branch(condition: Host, *, then_branch, else_branch):
    found = (then_branch if bool(condition.reshape(-1)[0]) else else_branch)()
    return tuple(found)


@operator("Loop")
def loop(limit: Host = None, condition: Host = None, *states: Raw, body):
    """The states that go through the iterations, then what each iteration gives, stacked."""
    most = None if limit is None else int(limit.reshape(-1)[0])
    go = condition is None or bool(condition.reshape(-1)[0])
    count, values = len(states), list(states)
    scans: list[list[Any]] = [[] for _ in range(len(body.graph.outputs) - 1 - count)]
    k = 0
    while go and (most is None or k < most):
        found = body(np.asarray(k, np.int64), np.asarray(go), *values)
        go = bool(host(found[0]).reshape(-1)[0])
        values = found[1 : 1 + count]
        for kept, value in zip(scans, found[1 + count :], strict=True):
            kept.append(value)
        k += 1
    return (*values, *(stacked(kept) for kept in scans))


def stacked(values, axis=0):
    """Values of iterations as one; on the host if all are there."""
    if not values:
        return np.zeros((0,), np.float32)
    if all(is_host(v) for v in values):
        return np.stack(values, axis=axis)
    return dl.stack([tensor(v) for v in values], axis=axis)


@operator("Scan", since=9)
def scan(
    *values: Raw, body, num_scan_inputs, scan_input_axes=None, scan_input_directions=None, scan_output_axes=None,
    scan_output_directions=None,
):  # fmt: skip
    states, inputs = list(values[: len(values) - num_scan_inputs]), values[len(values) - num_scan_inputs :]
    axes = scan_input_axes or [0] * len(inputs)
    backward = scan_input_directions or [0] * len(inputs)
    size = inputs[0].shape[axes[0]]
    count = len(states)
    scans: list[list[Any]] = [[] for _ in range(len(body.graph.outputs) - count)]
    for t in range(size):
        parts = [at(x, a, size - 1 - t if b else t) for x, a, b in zip(inputs, axes, backward, strict=True)]
        found = body(*states, *parts)
        states = found[:count]
        for kept, value in zip(scans, found[count:], strict=True):
            kept.append(value)
    out_axes = scan_output_axes or [0] * len(scans)
    out_backward = scan_output_directions or [0] * len(scans)
    outs = [stacked(s[::-1] if b else s, a) for s, a, b in zip(scans, out_axes, out_backward, strict=True)]
    return (*states, *outs)


def at(x, axis, k):
    return x[(slice(None),) * (axis % x.ndim) + (k,)]


@operator("Scan")
def scan_old(lengths: Host, *values: Raw, body, num_scan_inputs, directions=None):
    """Before opset 9: a leading axis of independent sequences."""
    results = []
    for n in range(values[0].shape[0]):
        mine = [at(v, 0, n) for v in values]
        if lengths is not None:
            size = int(lengths[n])
            mine[len(mine) - num_scan_inputs :] = [v[:size] for v in mine[len(mine) - num_scan_inputs :]]
        results.append(scan(*mine, body=body, num_scan_inputs=num_scan_inputs, scan_input_directions=directions))
    return tuple(stacked(list(parts)) for parts in zip(*results, strict=True))
