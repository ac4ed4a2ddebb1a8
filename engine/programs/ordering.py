"""The order of calls: a large result is made just before it is first read.

Autograd makes all gradients of an op at once, so that one of them often waits while others are used up. Made later, it takes the
memory that those have given up, and is still in the cache when it is read. No number changes: each call reads what it read.
"""

from __future__ import annotations

from typing import Any

from ..recording.instructions import Call, Storage
from .cleaning import draws, peak, pure
from .emitting import SHARING, may_raise

LARGE = 1 << 20
"""Bytes of a result from which its place counts; less fits into the caches anyway."""


def ordered(calls: list[Call], outs: Any) -> list[Call]:
    """The calls with large results made as late as they can be, unless that needs more memory at once."""
    later, reads = list(calls), [_storages(call) for call in calls]
    for i in range(len(calls) - 2, -1, -1):
        if _may_wait(later[i], reads[i]):
            place = _place(later, reads, i)
            if place > i + 1:
                later.insert(place - 1, later.pop(i))
                reads.insert(place - 1, reads.pop(i))
    return later if peak(later, outs) <= peak(calls, outs) else calls


def _storages(call: Call) -> dict[Storage, int]:
    """What memory a call reads, and how many bytes of it its arguments have."""
    found: dict[Storage, int] = {}
    for v in call.reads():
        if v.storage is not None:
            found[v.storage] = max(v.nbytes, found.get(v.storage, 0))
    return found


def _may_wait(call: Call, read: dict[Storage, int]) -> bool:
    """Whether a call makes a large result in memory of its own, and does nothing else."""
    if sum(v.nbytes for v in call.outs) < LARGE or not pure(call) or may_raise(call) or draws(call) or call.name in SHARING:
        return False
    return all(v.kind == "made" and v.storage is not None and not v.lasting and v.storage not in read for v in call.outs)


def _place(calls: list[Call], reads: list[dict[Storage, int]], i: int) -> int:
    """Before which call a call belongs: the first that reads its results, or i where it has to stay where it is."""
    made, read = {v.storage for v in calls[i].outs}, reads[i]
    for place in range(i + 1, len(calls)):
        if not made.isdisjoint(reads[place]):
            break
        if any(w.storage in read or w.storage in made for w in calls[place].writes):
            return i
    else:
        return i
    lasting = {v.storage for v in calls[i].reads() if v.lasting}
    still = lasting.union(*reads[place:])
    longer = sum(size for storage, size in read.items() if storage not in still)  # would be given up before
    return place if longer < sum(v.nbytes for v in calls[i].outs) else i
