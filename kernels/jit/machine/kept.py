"""Weights in the order that a kernel reads them, kept from call to call while the weights stay what they are.

Putting weights in order takes longer than one sample through the layer. Nothing tells a kernel that an array was written
to, so a copy of the weights is kept too, and every call compares: reading both takes a tenth of arranging them. Only those are
not compared that a captured step has made for itself. Entries go when their array does, and the oldest when all together take
more than MOST bytes.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any
from weakref import ref

import numpy as np

from ...late import hold_at_fork
from ...types import Array
from .compile import inner, jit

MOST = 1 << 28
"""Bytes kept in all."""

SMALL = 1 << 13
"""Bytes of a weight up to which they are compared as such."""

BLOCK = 2048
"""Elements that are compared between two looks at the outcome."""


@inner(exact=True)
def differences(a: Array, b: Array) -> Any:
    """Of how many bits two rows of integers differ, or at least whether."""
    found = a.dtype.type(0)
    for i in range(a.size):
        found |= a[i] ^ b[i]
    return np.int64(found)


@jit(parallel=False)
def _same(a: Array, b: Array) -> bool:
    for lo in range(0, a.size, BLOCK):
        hi = min(a.size, lo + BLOCK)
        if differences(a[lo:hi], b[lo:hi]) != 0:
            return False
    return True


def _unchanged(kept: Any, weight: Array) -> bool:
    """Whether a dense weight is what was kept of it: the bytes of a small one, which compare in less time than a call takes."""
    if type(kept) is bytes:
        return bool(kept == weight.tobytes())
    bits = weight.reshape(-1).view(np.int32)
    return bool(kept.size == bits.size and _same(kept, bits))


class Kept:
    """The arranged weights of one kind of kernel."""

    def __init__(self) -> None:
        self._entries: OrderedDict[Hashable, tuple[Any, Any, int, Any]] = OrderedDict()
        self._constant: dict[int, ref[Any]] = {}
        self._bytes = 0
        self.lock = Lock()

    def is_constant(self, weight: Array) -> bool:
        """Whether an array was handed to `constant`."""
        found = self._constant.get(id(weight))
        return found is not None and found() is weight

    def constant(self, weight: Array) -> Array:
        """The weight as an array of its own that nobody writes to again, and that is therefore never compared."""
        own = np.array(weight, order="C")
        number = id(own)
        self._constant[number] = ref(own, lambda gone: self._gone(number, gone))
        return own

    def _gone(self, number: int, gone: Any) -> None:
        if self._constant.get(number) is gone:
            del self._constant[number]

    def get(self, weight: Array, form: Hashable, arrange: Callable[[], Array]) -> Array:
        """What arrange() makes of a dense weight, made now or before.

        Parameters
        ----------
        weight : array
            All that the result depends on beside `form`, float32 or float64.
        form : hashable
            How it is arranged.
        arrange : callable
            Arranges it; the result is not written to.
        """
        whole = weight  # a layer may look at its weights through a new view in every call
        while isinstance(whole.base, np.ndarray) and whole.base.nbytes == weight.nbytes:
            whole = whole.base
        key = (id(whole), weight.shape, form)
        entry = self._entries.get(key)
        if entry is not None and (entry[3]() is whole if entry[0] is None else _unchanged(entry[0], weight)):
            return entry[1]
        made = arrange()
        size = weight.nbytes + made.nbytes
        with self.lock:
            self._drop(key)
            if size <= MOST // 4:
                kept: Any = weight.tobytes() if weight.nbytes <= SMALL else None
                if self.is_constant(whole):
                    kept = None
                elif kept is None:
                    kept = weight.reshape(-1).view(np.int32).copy()
                self._entries[key] = (kept, made, size, ref(whole, lambda _: self.forget(key)))
                self._bytes += size
                while self._bytes > MOST:
                    self._drop(next(iter(self._entries)))
        return made

    def forget(self, key: Hashable) -> None:
        """Drop an entry, as when its array has died."""
        if self.lock.acquire(blocking=False):  # called wherever the array dies, also while the lock is held
            try:
                self._drop(key)
            finally:
                self.lock.release()

    def _drop(self, key: Hashable) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._bytes -= entry[2]


KEPT = Kept()
"""Those of this process."""

hold_at_fork(KEPT.lock)
