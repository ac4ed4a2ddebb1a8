"""Small calls of elementwise ops, answered from tensors to tensor by one C function.

Where an op's definition is one call of one of NumPy's elementwise functions, and no gradient is asked for, what the op does is
known beforehand: NumPy's own loop, and a leaf around its result (dlengine.kernels.jit.generated.small_calls). An op asks for such
a function after some calls. The results are the same, bit for bit, so it does not matter when that is. For large arrays, which a
generated kernel computes, there is such a function too, which calls that and has threads share it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from functools import cache
from sys import modules
from typing import Any

import numpy as np

from dlengine.kernels.late import imported
from dlengine.kernels.registry import KERNELS

from ..recording import answer
from ..recording.answers import changed, known, mode
from ..recording.captured import ours
from . import nvtx
from .base import tensor_class, wrap
from .declaration import Op
from .small_chains import agrees, chain, ufunc_of

MORE_PATIENCE = 16
"""How many times as many calls as before go by until an op asks again: its backend may have changed since."""

BEYOND = 17
"""Elements for which generated code may answer, but is not yet compiled."""

ENOUGH = 1 << 30

NUMBERS = frozenset(
    "add subtract multiply divide maximum minimum equal not_equal less less_equal greater greater_equal".split()
)
"""Ops whose definitions are the same for every number; pow, for one, squares by multiplying."""

_bound: list[Op] = []

when_made: list[Callable[[Callable[[Any], Any]], None]] = []
"""What is told, once, of a C function that makes a leaf of an array."""


class _Watched:
    """A namespace that notes which of its functions are called."""

    def __init__(self, xp: Any) -> None:
        self._xp = xp
        self.notes: list[Any] = []

    def __getattr__(self, name: str) -> Any:
        right = getattr(self._xp, name)
        if not callable(right):
            return right

        def function(*args: Any, **options: Any) -> Any:
            y = right(*args, **options)
            if isinstance(y, np.ndarray):
                y.flags.writeable = False
            self.notes.append((name, args, options, y))
            return y

        return function


def function_of(op: Op, xp: Any, arguments: list[Any], consts: Mapping[str, Any]) -> tuple[str, tuple[float, ...]]:
    """The one function of the namespace that an op's definition calls with just these arguments, constants at their defaults, and
    the floats among these that follow the arguments; ("", ()) if it does anything else."""
    watched = _Watched(xp)
    try:
        y, _ = op.text(watched, *arguments, **consts)
    except Exception:  # a result that is written to, for one
        return "", ()
    if len(watched.notes) != 1:
        return "", ()
    name, args, options, result = watched.notes[0]
    numbers = tuple(args[len(arguments) :])
    same = len(args) >= len(arguments) and all(a is b for a, b in zip(args, arguments, strict=False))
    given = all(type(v) is float and any(v is c for c in consts.values()) for v in numbers)  # another number may change
    plain = given and all(value is None or value is False for value in options.values())
    return (name, numbers) if same and plain and result is y else ("", ())


def bind(op: Op, policy: Any, xp: Any) -> None:
    """Look for a function that answers an op's small calls under a policy, as long as that is in force."""
    op.patience *= MORE_PATIENCE
    op.waits = op.patience
    bound = op.policy is policy
    if xp.generator != 0 or mode() != "auto" or nvtx.ENABLED or (bound and op.wide is not None):
        return
    launches = xp.kernels.launches
    counted = dict(launches)
    try:
        leaf_maker()
        found = op.bound if bound else function_for(op, xp, tensor_class[0])
        wide = _wide(op, xp)
    except (AttributeError, ImportError, OSError, RuntimeError):  # a foreign Python or NumPy, a CPU that LLVM does not know
        return
    finally:
        launches.subtract({name: n - counted.get(name, 0) for name, n in dict(launches).items()})  # looking is no call
    if found is None and wide is not None:
        found = _left
    if found is not None:
        op.bound, op.wide, op.policy = found, wide, policy
        if not bound:
            _bound.append(op)


def _left(*arguments: Any) -> None:
    """Of an op whose small calls have no shorter way."""


def small_calls() -> Any:
    return imported("dlengine.kernels.jit.generated.small_calls")


def leaf_maker(cls: type | None = None) -> Callable[[Any], Any]:
    """What makes leaves of a class, by default that of tensors. Raises RuntimeError where a class has no such function."""
    if cls is None or cls is tensor_class[0]:
        return _leaf_maker()
    found: Callable[[Any], Any] | None = small_calls().leaf(cls)
    if found is None:
        raise RuntimeError("tensors lie in memory in another way")
    return found


@cache
def _leaf_maker() -> Callable[[Any], Any]:
    """What makes leaves, after everyone who makes some was told."""
    found: Callable[[Any], Any] = small_calls().leaf(tensor_class[0]) or wrap
    for tell in when_made:
        tell(found)
    return found


def tell_if_loaded() -> None:
    """Tell them as soon as a kernel has been compiled or loaded, which takes longer than anything here."""
    if "dlengine.kernels.jit.generated.machine" in modules:
        try:
            leaf_maker()
        except (AttributeError, ImportError, OSError, RuntimeError):  # as in bind()
            return


def _says(op: Op, xp: Any, made: Callable[..., Any]) -> bool:
    """Whether a function answers as the op's definition, which may have been replaced."""
    arrays = [np.linspace(-1.0, 2.0, n * m, dtype=np.float32).reshape(n, m) for n, m in ((3, 4), (4, 4), (1, 4))]
    given = [a[0] if i == 2 else a for i, a in enumerate(arrays[: len(op.arrays)])]
    if op.name.startswith("cumulative"):
        given = [given[0][0]]
    elif op.name in ("any", "all"):
        given = [given[0] > 0]
    y, _ = op.text(xp, *given, **{name: op.defaults[name] for name in op.consts})
    found = made(*[wrap(a) for a in given])
    return found is not None and np.array_equal(found.array, y)


def function_for(op: Op, xp: Any, cls: type) -> Any:
    """A function from tensors to a tensor of a class that answers an op's small calls, or None."""
    small_views, small_kernels = (imported(f"{__package__}.{name}") for name in ("small_views", "small_kernels"))
    if op.name in small_views.MAKERS:
        made, found = small_views.MAKERS[op.name], small_calls().views(cls)
        return made(xp, *found) if found is not None and op.text is op.original else None
    if op.name in small_kernels.MAKERS and ours(op.original):  # a user's op may have the same name
        made = small_kernels.MAKERS[op.name](xp, leaf_maker(cls))
        return made if _says(op, xp, made) else None
    count, most, ufuncs, names = len(op.arrays), [], set(), set()
    consts = {name: op.defaults[name] for name in op.consts}
    for dtype in (np.float32, np.float64):
        arrays = [np.full(BEYOND, 0.75, dtype) for _ in op.arrays]
        if consts:
            names.add(function_of(op, xp, arrays, consts))
            continue
        ufuncs.add(ufunc_of(op, xp, arrays))
        if None in ufuncs:
            names.add(function_of(op, xp, arrays, {}))
        else:
            most.append(_most(op, xp, arrays))
    if len(most) != 2 or len(ufuncs) != 1:
        found = _kernel(op, xp, *names.pop(), cls=cls) if len(names) == 1 and not most else None
        return chain(op, xp, consts) if found is None and cls is tensor_class[0] else found
    (ufunc,) = ufuncs
    numbers = count == 2 and op.name in NUMBERS
    if numbers:
        x = np.full(BEYOND, 0.75, np.float32)
        numbers = all(ufunc_of(op, xp, given) is ufunc for given in ([x, 0.5], [0.5, x], [x, 3], [3, x]))
    if ufunc is np.positive and min(most) > BEYOND:
        found = imported("dlengine.kernels.jit.functions").copies(cls)
    else:
        found = small_calls().bound(ufunc, cls, (most[0], most[1]), numbers)
    return found if found is not None and _agrees(found, ufunc) else None


def _agrees(found: Callable[..., Any], ufunc: Any) -> bool:
    """Whether a function gives what NumPy gives: another NumPy might keep its loops in another way."""
    for dtype in (np.float32, np.float64):
        arrays = [np.linspace(0.1, 0.9 - 0.2 * i, 67, dtype=dtype) for i in range(ufunc.nin)]
        y = found(*[wrap(a) for a in arrays])
        with np.errstate(all="ignore"):
            if y is None or not np.array_equal(y.array, ufunc(*arrays), equal_nan=True):
                return False
    return True


def _wide(op: Op, xp: Any) -> Any:
    """A function from tensors to a tensor for large arrays of one shape, by the generated kernel that has computed such calls."""
    count, found, label = len(op.arrays), {}, ""
    if not 1 <= count <= 2 or op.view or op.listed:
        return None
    consts = {name: op.defaults[name] for name in op.consts}
    for size in (4, 8):
        least, made, numpys = known(op, [np.empty(1, f"f{size}")] * count, consts, xp.generator) or (0, None, 0)
        kernel = getattr(made, "kernel", None)  # there is none yet, or it does not compute every such call
        if kernel is None or kernel.takes != tuple(range(count)):
            continue
        entry = kernel.entry or kernel.entries.get("f" * count)
        if entry is not None:
            found[size] = entry, least if numpys >= ENOUGH else max(least, numpys), kernel.grain, kernel.dtype
            label = kernel.name
    if not found:
        return None
    launches = xp.kernels.launches
    compiling = imported("dlengine.kernels.jit.machine.compile")
    asked_at = compiling.threads_asked_at()
    # Numba's workqueue takes one caller at a time, which machine code does not see to
    wide = None if compiling.layer() == "workqueue" else small_calls().wide(found, tensor_class[0], asked_at)
    return None if wide is None else _counting(wide, launches, label, count)


def _counting(found: Callable[..., Any], launches: Counter[str], label: str, count: int) -> Callable[..., Any]:
    """A function of so many tensors whose answers are counted under a kernel's name."""

    def one(x: Any) -> Any:
        t = found(x)
        if t is not None:
            launches[label] += 1
        return t

    def two(a: Any, b: Any) -> Any:
        t = found(a, b)
        if t is not None:
            launches[label] += 1
        return t

    return one if count == 1 else two


def _kernel(op: Op, xp: Any, name: str, numbers: tuple[float, ...], *, cls: type) -> Any:
    """A kernel, or a reduction of all elements, from tensors to a tensor; its calls are counted as ever. numbers: the constants
    that the kernel takes behind its arrays."""
    launches = xp.kernels.launches
    if KERNELS.get(name) != "activation":
        return None if numbers else _reduction(name, launches, cls)
    activation = imported("dlengine.kernels.jit.activation")
    if xp.kernels.load(name) is not getattr(activation, name):
        return None
    found, label = activation.small(name, cls, numbers), name
    if found is None or (numbers and not agrees(op, xp, {name: op.defaults[name] for name in op.consts}, found, (4, 8))):
        return None
    return _counting(found, launches, label, 2 if name == "add_relu" else 1)


def _reduction(name: str, launches: Any, cls: type) -> Any:
    """A reduction of all elements: of few by one C function, of many by its code with threads."""
    plain = imported("dlengine.kernels.jit.generated.plain")
    made = plain.small(name, cls, launches) if name in ("sum", "prod", "mean", "max", "min") else None
    if made is None:
        return None
    (few, many), leaf, label = made, leaf_maker(cls), f"generated:{name}"
    floats = imported(".small_kernels", __package__).floats

    def one(x: Any) -> Any:
        t = few(x)
        if t is not None:
            launches[label] += 1
            return t
        a = floats(x)
        y = None if a is None else many(a)
        return None if y is None else leaf(y)

    return one


def _most(op: Op, xp: Any, arrays: list[Any]) -> int:
    """The number of elements up to which NumPy's function computes the value."""
    if answer(op, arrays, {}, xp.generator) is not None:
        return 0
    readings = op.readings[xp.generator]
    if readings is None:
        return ENOUGH
    found = [value for key, value in readings.items() if _arrays_alone(key, arrays)]
    return min([ENOUGH, *[int(value[2]) - 1 for value in found if value is not None]])


def _arrays_alone(key: Any, arrays: list[Any]) -> bool:
    char = arrays[0].dtype.char
    return key == (char if len(arrays) == 1 else (np.ndarray, char) * len(arrays))  # type: ignore[no-any-return]


def _release() -> None:
    for op in _bound:
        op.unbind()
    _bound.clear()


changed.append(_release)
