"""Recording: op definitions read with symbols, which have a dtype and no values, give formulas; formulas become kernels.

symbols.py: the symbol and the namespace that definitions get with it. reading.py: from a definition to the formulas of its
value and of each pullback. captured.py: what a definition reads beside its arguments. generators.py: the backends that make
kernels of formulas. pointwise.py: the kernels of a reading. whole.py: the kernels of functions that end in a sum or an average,
which dlengine.autograd.composed reads. answers.py: where a call of an op asks whether generated code answers it.
"""

from __future__ import annotations

from .answers import answer, generating
from .generators import GENERATORS
from .reading import Reading, read
from .symbols import NotPointwise

__all__ = ["GENERATORS", "NotPointwise", "Reading", "answer", "generating", "read"]
