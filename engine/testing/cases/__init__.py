"""The op table, one file per family of ops. Importing this package fills dlengine.testing.table.CASES."""

from __future__ import annotations

from . import conv, elementwise, embedding, norm, pool, random, recurrent, softmax

__all__ = ["conv", "elementwise", "embedding", "norm", "pool", "random", "recurrent", "softmax"]
