"""Classes drawn by their probabilities, of numbers that have been drawn already."""

from __future__ import annotations

import numpy as np

from ..types import Array
from .machine.compile import jit


@jit(parallel=False, exact=True)
def chosen(p: Array, u: Array, out: Array) -> None:
    """out (N,K) = the class at each of the shares u (N,K) of the sums of the probabilities p (N,V), in float64."""
    classes = p.shape[1]
    steps = np.empty(classes, np.float64)
    for n in range(p.shape[0]):
        total = 0.0
        for v in range(classes):
            total += p[n, v]
            steps[v] = total
        for k in range(u.shape[1]):
            wanted, first, last = u[n, k] * total, 0, classes
            while first < last:
                middle = (first + last) // 2
                if steps[middle] <= wanted:
                    first = middle + 1
                else:
                    last = middle
            out[n, k] = first


@jit(parallel=False, exact=True)
def positives(p: Array, needed: int) -> int:
    """How many entries of p (N,V) are positive; -1 if a row is no distribution with so many of them."""
    found = 0
    for n in range(p.shape[0]):
        total, count = 0.0, 0
        for v in range(p.shape[1]):
            if not p[n, v] >= 0:
                return -1
            total += p[n, v]
            count += p[n, v] > 0
        if count < needed or total == np.inf:
            return -1
        found += count
    return found
