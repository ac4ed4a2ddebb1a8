"""Random numbers on the GPU, bit for bit those of the reference kernels.

Nothing is contracted (-fmad=false), and the constants are the ones that every kernel set reads. The kernels make
arrays from nothing: on the device, or inside launch.on_host as NumPy arrays, through the emulator.
"""

from __future__ import annotations

from typing import Any

from .. import philox
from ..graph_capture import bind
from ..types import Array
from .machine.launch import Kernel, blocks_for, creation_library, empty

DIGITS = {"float16": 11, "bfloat16": 8, "float32": 24, "float64": 53}
REALS = tuple(DIGITS)
WORDS = {dtype: 2 if dtype == "float64" else 1 for dtype in REALS}
"""Words that one number uses."""
ROUNDED = {"float16": "__double2half", "bfloat16": "(float)", "float32": "(float)", "float64": ""}
"""How a float64 becomes a number; bfloat16 goes through float32, as it does in the array libraries."""

PHILOX_WORDS = 4
integers_of_philox = {name: value for name, value in vars(philox).items() if isinstance(value, int) and name.isupper()}
_coefficients = {name: value for name, value in vars(philox).items() if isinstance(value, float | tuple)}
_per_dtype = {"DIGITS": DIGITS, "WORDS": WORDS, "ROUNDED": ROUNDED}
_constants = integers_of_philox | _coefficients | _per_dtype

_bits = Kernel("random_words.cu", "random_bits", constants=integers_of_philox)
_bernoulli = Kernel("random_words.cu", "random_bernoulli", constants=integers_of_philox)
_uniform = Kernel("random_real.cu", "random_uniform", REALS, constants=_constants, options=("-fmad=false",))
_normal = Kernel("random_real.cu", "random_normal", REALS, constants=_constants, options=("-fmad=false",))


def random_bits(key: int, counter: int, n: int) -> Array:
    """The first n words of the stream. Returns uint32 (n,)."""
    out = empty(creation_library(), (n,), "uint32")
    _bits[_blocks(_bits, n)](out, n, *start(key, counter))
    return out


def random_bernoulli(key: int, counter: int, n: int, p: float) -> Array:
    """True with probability p. Returns bool (n,)."""
    out = empty(creation_library(), (n,), "bool")
    _bernoulli[_blocks(_bernoulli, n)](out, n, *start(key, counter), round(p * 2**32))
    return out


def random_uniform(key: int, counter: int, n: int, dtype: Any) -> Array:
    """Uniform numbers in [0, 1). Returns (n,) of dtype: float16, bfloat16, float32 or float64."""
    return _real(_uniform, key, counter, n, dtype)


def random_normal(key: int, counter: int, n: int, dtype: Any) -> Array:
    """Standard normal numbers by inversion. Returns (n,) of dtype: float16, bfloat16, float32 or float64."""
    return _real(_normal, key, counter, n, dtype)


def random_integers(key: int, counter: int, n: int, low: int, count: int) -> Array:
    """Integers from low to low + count - 1, count at most 2**32. Returns int64 (n,)."""
    u = random_uniform(key, counter, n, "float64")
    u *= count
    return u.astype("int64") + low


def random_permutation(key: int, counter: int, n: int) -> Array:
    """A random order of 0 .. n-1: the indices sorted by (random word, index). Returns int64 (n,)."""
    library = creation_library()
    words = random_bits(key, counter, n).astype("uint64")
    return library.argsort((words << library.uint64(32)) | library.arange(n, dtype="uint64"))


def _real(kernel: Kernel, key: int, counter: int, n: int, dtype: Any) -> Array:
    out = empty(creation_library(), (n,), dtype)
    kernel[_blocks(kernel, WORDS.get(str(out.dtype), 1) * n)](out, n, *start(key, counter))
    return out


def seed(key: int, counter: int) -> tuple[int, int, int]:
    """Key and both halves of the counter."""
    return key & philox.MASK64, counter & philox.MASK64, (counter >> 64) & philox.MASK64


def start(key: int, counter: int) -> tuple[Any, ...]:
    """Where a stream begins, as kernels take it: three numbers, and the array that holds them in a captured step."""
    address = bind("uint64", seed, key, counter)
    return (*seed(key, counter), None) if address is None else (0, 0, 0, address)


def _blocks(kernel: Kernel, words: int) -> int:
    return blocks_for(words, PHILOX_WORDS * kernel.threads)
