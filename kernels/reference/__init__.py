"""The reference set: the specification of every kernel, in the array API standard alone.

It runs wherever a namespace of the standard does, and the other sets are judged by it.
"""

from __future__ import annotations

from ..registry import KernelSet

SET = KernelSet("reference", __name__, {
    "*": "*",
    "linear.matmul": "",  # a function of the standard
})  # fmt: skip
