"""einsum: sums of products named by letters, as a sequence of matrix products."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ..autograd.base import TensorBase
from ..autograd.short import short
from ..errors import DTypeError, ShapeError
from .elementwise import multiply
from .linalg import diagonal, matmul
from .reduce import sum
from .shape import moveaxis, permute_dims, reshape

if TYPE_CHECKING:
    from ..typing import Tensor

__all__ = ["einsum"]


@short("short_products")
def einsum(equation: str, /, *operands: Tensor) -> Tensor:
    """Return a sum of products of tensors whose axes are named by letters.

    The sum runs over the letters that the result does not name. A letter twice in one operand takes its diagonal; ``...`` stands
    for axes that broadcast. Operands are contracted in pairs, each time the pair with the smallest result.

    Parameters
    ----------
    equation : str
        The letters of each operand and of the result, as ``"ij,jk->ik"`` for a matrix product. Without ``->`` the
        result has the letters that occur once, in alphabetical order.
    *operands : Tensor
        One for each term.

    Returns
    -------
    Tensor
        Its axes as the result names them.

    Raises
    ------
    ShapeError
        If letters and shapes do not fit.
    DTypeError
        If an operand is no tensor.

    Examples
    --------
    >>> a = dl.asarray([[1.0, 2.0], [3.0, 4.0]])
    >>> dl.einsum("ij,kj->ik", a, a)
    tensor([[ 5., 11.],
            [11., 25.]])
    >>> dl.einsum("ii", a)
    tensor(5.)
    """
    _must_be_tensors(operands)
    terms, result, sizes = parse(equation, tuple([x.array.shape for x in operands]))
    pool = [_take_diagonals(x, letters) for x, letters in zip(operands, terms, strict=True)]
    while len(pool) > 1:
        pairs = [(i, j) for i in range(len(pool)) for j in range(i + 1, len(pool))]
        i, j = pairs[0] if len(pairs) == 1 else min(pairs, key=lambda pair: _size(_kept(pool, pair, result), sizes))
        keep = _kept(pool, (i, j), result)
        b, a = pool.pop(j), pool.pop(i)
        pool.append(_contract(a, b, keep))
    x, letters = _sum_out(*pool[0], set(result))
    return permute_dims(x, tuple(letters.index(c) for c in result)) if letters != result else x


Term = tuple[Any, str]


def _must_be_tensors(operands: tuple[Any, ...]) -> None:
    for x in operands:
        if not isinstance(x, TensorBase):
            raise DTypeError(f"einsum: operands must be tensors, got {type(x).__name__}; make a tensor of it: dl.asarray(x)")


@lru_cache(maxsize=256)
def parse(equation: str, shapes: tuple[tuple[int, ...], ...]) -> tuple[list[str], str, dict[str, int]]:
    """The letters of each operand and of the result ("..." as capital letters beyond Z), and the size of each letter."""
    left, arrow, result = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(shapes):
        raise ShapeError(f"einsum: {equation!r} names {len(terms)} operands, got {len(shapes)}")
    spelled = []
    widest = 0
    for term, shape in zip(terms, shapes, strict=True):
        extra = len(shape) - len(term.replace("...", ""))
        if extra < 0 or (extra and "..." not in term):
            raise ShapeError(f"einsum: operand {term!r} of {equation!r} has shape {shape}")
        widest = max(widest, extra)
        spelled.append(extra)
    dots = "".join(chr(0x391 + i) for i in range(widest))  # Greek capitals stand for the axes of "..."
    full = [t.replace("...", dots[widest - e :] if e else "") for t, e in zip(terms, spelled, strict=True)]
    if arrow:
        out = result.replace("...", dots)
    else:
        once = sorted({c for t in full for c in t if "".join(full).count(c) == 1 and c not in dots})
        out = dots + "".join(once)
    sizes: dict[str, int] = {}
    for term, shape in zip(full, shapes, strict=True):
        for c, n in zip(term, shape, strict=True):
            if sizes.get(c, 1) != 1 and n not in (1, sizes[c]) or c not in dots and sizes.get(c, n) != n:
                raise ShapeError(f"einsum: letter {c!r} of {equation!r} is {sizes[c]} in one operand and {n} in another")
            sizes[c] = max(n, sizes.get(c, n)) if 0 not in (n, sizes.get(c, n)) else 0
    if len(set(out)) != len(out) or any(c not in sizes for c in out):
        raise ShapeError(f"einsum: the result {result!r} of {equation!r} must name letters of the operands, each once")
    return full, out, sizes


def _size(letters: str, sizes: dict[str, int]) -> int:
    return math.prod(sizes[c] for c in letters)


def _kept(pool: list[Term], pair: tuple[int, int], result: str) -> str:
    """The letters of a pair that the result or another operand names."""
    wanted = set(result).union(*(set(letters) for n, (_, letters) in enumerate(pool) if n not in pair))
    ours = dict.fromkeys(pool[pair[0]][1] + pool[pair[1]][1])
    return "".join(c for c in ours if c in wanted)


def _take_diagonals(x: Any, letters: str) -> Term:
    for c in sorted(set(letters)):
        while letters.count(c) > 1:
            i = letters.index(c)
            j = letters.index(c, i + 1)
            x = diagonal(moveaxis(x, (i, j), (-2, -1)))
            letters = letters[:i] + letters[i + 1 : j] + letters[j + 1 :] + c
    return x, letters


def _sum_out(x: Any, letters: str, keep: set[str]) -> Term:
    """x summed over the letters that nobody needs any more."""
    gone = tuple(i for i, c in enumerate(letters) if c not in keep)
    return (sum(x, axis=gone, dtype=x.dtype), "".join(c for c in letters if c in keep)) if gone else (x, letters)


def _contract(a: Term, b: Term, keep: str) -> Term:
    """Two operands into one with the letters keep, by a stack of matrix products."""
    (x, xs), (y, ys) = _sum_out(*a, set(keep) | set(b[1])), _sum_out(*b, set(keep) | set(a[1]))
    summed = [c for c in xs if c in ys and c not in keep]
    if not summed or any(x.shape[xs.index(c)] != y.shape[ys.index(c)] for c in xs if c in ys):
        return _multiply((x, xs), (y, ys), keep)  # also where "..." broadcasts
    both = [c for c in xs if c in ys and c in keep]
    left, right = [c for c in xs if c not in ys], [c for c in ys if c not in xs]
    x = permute_dims(x, tuple(xs.index(c) for c in both + left + summed))
    y = permute_dims(y, tuple(ys.index(c) for c in both + summed + right))
    nb, nl = len(both), len(left)
    batch, rows = tuple(x.shape[:nb]), tuple(x.shape[nb : nb + nl])
    columns = tuple(y.shape[nb + len(summed) :])
    k = math.prod(x.shape[nb + nl :])
    z = matmul(reshape(x, (*batch, math.prod(rows), k)), reshape(y, (*batch, k, math.prod(columns))))
    return reshape(z, batch + rows + columns), "".join(both + left + right)


def _multiply(a: Term, b: Term, keep: str) -> Term:
    """Two operands multiplied with broadcasting, then summed."""
    (x, xs), (y, ys) = a, b
    letters = list(dict.fromkeys(xs + ys))

    def spread(t: Any, own: str) -> Any:
        order = [c for c in letters if c in own]
        t = permute_dims(t, tuple(own.index(c) for c in order))
        return reshape(t, tuple(t.shape[order.index(c)] if c in own else 1 for c in letters))

    return _sum_out(multiply(spread(x, xs), spread(y, ys)), "".join(letters), set(keep))
