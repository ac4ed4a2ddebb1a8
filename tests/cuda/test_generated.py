"""CUDA kernels made from formulas: their texts compile, and on the emulator they give what NumPy makes of the formula."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import numpy as np
import pytest
from ml_dtypes import bfloat16

import dlengine as dl
from dlengine.kernels import cuda
from dlengine.kernels.cuda import FLOATS, emulator
from dlengine.kernels.cuda.generated.code import lowered
from dlengine.kernels.cuda.generated.kernel import Kernel
from dlengine.kernels.cuda.generated.layout import layout_of
from dlengine.kernels.cuda.machine import compile_check, launch
from dlengine.kernels.cuda.machine.launch import ARCHITECTURES
from dlengine.kernels.cuda.machine.source import compose, written
from dlengine.kernels.generated.evaluate import evaluate
from dlengine.kernels.generated.expansions import EXPANSIONS, NoExpansion
from dlengine.kernels.generated.expression import Expression, apply, argument, cast, in_places, inputs_of, where
from dlengine.recording import NotPointwise, generating, read
from dlengine.recording.symbols import FUNCTIONS
from dlengine.testing import rows

emulated = pytest.mark.skipif(emulator.available() is not None, reason=str(emulator.available()))
needs_nvrtc = pytest.mark.skipif(compile_check.available() is not None, reason=str(compile_check.available()))
HALVES = ("float16", "bfloat16")
EDGES = [0.0, -0.0, np.nan, np.inf, -np.inf, 1e-3, -1e-3, 88.0, -88.0, 3e4, -3e4, 1.0, -1.0, 0.5, 123.0]
ROWS = [r for r in rows() if "layer" not in r.tags and hasattr(r.op, "op") and r.op.op.readings[0] is not None]
OF_TWO = set("add sub mul div pow floordiv mod fmod max min lt le gt ge eq ne copysign atan2 hypot logaddexp nextafter".split())
UNITS = {"float64": 2e-13, "float32": 2e-5, "float16": 2e-3, "bfloat16": 1e-2}


def kernel(root: Expression, name: str = "test") -> Kernel:
    return Kernel(name, root, Counter())


def of(place: int, dtype: str) -> Expression:
    """An input; one of half precision is computed with as float32."""
    e = argument(place, dtype)
    return cast(e, "float32") if dtype in HALVES else e


def points(dtype: str, n: int = 131) -> Any:
    return np.concatenate([np.array(EDGES), np.random.default_rng(0).standard_normal(n) * 4]).astype(dtype)


def functions(dtype: str) -> dict[str, Expression]:
    """Every function by itself."""
    found: dict[str, Expression] = {}
    for kind in sorted({*FUNCTIONS.values(), *EXPANSIONS}):
        try:
            root = apply(kind, *[of(i, dtype) for i in range(1 + (kind in OF_TWO))])
            made = cast(root, dtype) if root.dtype == "float32" else root
            lowered(made)
            found[kind] = made
        except (TypeError, NoExpansion):  # of booleans alone
            continue
    return found


def has_a_text(root: Expression) -> bool:
    """Whether it is a formula of floating numbers and booleans."""
    try:
        lowered(root)
    except NoExpansion:
        return False
    return True


def formulas(dtype: str) -> dict[str, Expression]:
    """Every function, and the values and pullbacks of all samples of all pointwise rows."""
    found = {root: name for name, root in functions(dtype).items()}
    for row in ROWS:
        for s in row.samples:
            try:
                args, consts = row.op.op.bind(tuple(s.arrays(row.name, "float32")), dict(s.consts))
                dtypes = [getattr(a, "dtype", a) for a in args]
                dtypes = [np.dtype(dtype) if isinstance(d, np.dtype) and d.kind == "f" else d for d in dtypes]
                reading = read(row.op.op, dtypes, consts, cuda.SET)
            except (NotPointwise, ValueError, TypeError, dl.errors.ArgumentError):
                continue
            made = [r for r in (reading.value, *reading.pullbacks) if r is not None and r.kind not in ("const", "input")]
            found |= {root: row.name for root in made if root not in found and inputs_of(root) and has_a_text(root)}
    return {f"{name}_{i}": in_places(root)[0] for i, (root, name) in enumerate(found.items())}


def batch(roots: dict[str, Expression], kinds: tuple[str, ...]) -> tuple[list[tuple[str, Expression, Kernel]], str]:
    """Formulas as kernels of one file, which are compiled at once."""
    made = [(name, root, kernel(root, name)) for name, root in roots.items()]
    texts = [launch_text(k, kind) for _, _, k in made for kind in kinds]
    headers = "".join(f"#include <{h}>\n" for h in ("cuda_fp16.h", "cuda_bf16.h"))
    file = written(headers + '#include "formula.cuh"\n' + "\n".join(re.sub("#include.*\n", "", t) for t in texts))
    for _, _, k in made:
        k.kernels = {kind: launch.Kernel(file, k.kernel(kind).name, listed=False) for kind in kinds}
    return made, file


def launch_text(k: Kernel, kind: str) -> str:
    from dlengine.kernels.cuda.machine.source import _written

    return _written[k.kernel(kind).file]


def same(got: Any, want: Any, dtype: str) -> bool:
    got, want = np.asarray(got).astype("float64"), np.asarray(want).astype("float64")
    with np.errstate(all="ignore"):
        specials = np.array_equal(np.isnan(got), np.isnan(want)) and np.array_equal(np.isinf(got), np.isinf(want))
    fine = np.isfinite(want)
    return specials and np.allclose(got[fine], want[fine], rtol=UNITS[dtype], atol=UNITS[dtype] * 0.1)


@emulated
@pytest.mark.parametrize("dtype", FLOATS)
def test_every_pointwise_row(dtype: str) -> None:
    """Values and pullbacks of all samples, several elements at a time and one by one, with special values in every place."""
    made, _ = batch(formulas(dtype), ("flat", "strided"))
    assert len(made) > 100
    x = points(dtype)
    wrong = []
    for name, root, k in made:
        with np.errstate(all="ignore"):
            given = [np.roll(x, 5 * i) if d.kind != "b" else np.roll(x, 3) > 0 for i, d in enumerate(k.dtypes)]
            want = evaluate(root, given)
        for arrays in (given, [a[::2] for a in given]):
            got = k(*arrays)
            if got.dtype != want.dtype or not same(got, want if arrays is given else want[::2], dtype):
                wrong.append(name)
    assert not wrong


@needs_nvrtc
@pytest.mark.parametrize("dtype", FLOATS)
def test_every_function_compiles(dtype: str) -> None:
    made, file = batch(functions(dtype), ("flat",))
    used = compile_check.compile_source(compose(file, "", {}, {}), 90)
    assert {k.kernels["flat"].name for _, _, k in made} == set(used)
    for found in used.values():
        assert found.stack == 0 or re.match("sin|cos|tan", found.kernel), "the reduction of large angles needs memory"


@needs_nvrtc
@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_every_architecture_compiles(arch: int) -> None:
    a, b, c = argument(0, "float32"), of(1, "float16"), argument(2, "bool")
    for kind in ("flat", "strided"):
        root = where(c, apply("erf", a) * b, a)
        (_, _, k), = batch({"mixed": root}, (kind,))[0]
        (used,) = compile_check.compile_source(k.kernels[kind].source(""), arch).values()
        assert used.stack == 0


@emulated
def test_layouts_and_shapes() -> None:
    a, b = of(0, "float16"), argument(1, "float32")
    k = kernel(a * b + apply("exp", b))
    rng = np.random.default_rng(1)
    base = rng.standard_normal((12, 10)).astype("float16")
    crooked = np.frombuffer(b"\0" + base[:6, :5].tobytes(), np.float16, count=30, offset=1).reshape(6, 5)
    y = rng.standard_normal((6, 5)).astype("float32")
    read_only = y.copy()
    read_only.flags.writeable = False
    firsts = [base[:6, :5], base[:6, 5:], base.T[:6, :5], base[::2, ::2], base[::-2, ::-1][:, :5], crooked, base[:0, :5]]
    firsts.append(np.float16(2))
    seconds = [y, read_only, y[0], y[:, :1], y[:1], np.float32(3), np.ones((1, 1), "float32"), y[::-1, ::-1], y.T.copy().T]
    with emulator.checked():
        for x in firsts:
            for z in seconds:
                if np.shape(x)[:1] == (0,) and np.shape(z)[:1] == (6,):
                    with pytest.raises(ValueError, match="broadcast"):
                        k(x, z)
                    continue
                got = k(x, z)
                want = np.asarray(x, "float64") * z + np.exp(np.asarray(z, "float64"))
                assert (got.shape, got.dtype) == (want.shape, "float32")
                assert got.flags.c_contiguous
                assert np.allclose(got, want, rtol=1e-5, atol=1e-5)


@emulated
def test_broadcast_pictures_are_read_several_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "MAX_BLOCKS", 1)
    k = kernel(argument(0, "float32") * argument(1, "float32"))
    rng = np.random.default_rng(2)
    for shape, other, several in [
        ((2, 3, 4, 8), (3, 1, 1), True), ((5, 8), (8,), True), ((5, 7), (7,), False), ((4, 8), (4, 1), True),
        ((2, 1, 8), (2, 3, 1), True), ((3, 1, 2, 1, 4), (1, 5, 1, 3, 1), True), ((40, 40, 40), (40, 1, 40), True),
    ]:  # fmt: skip
        x, y = rng.standard_normal(shape).astype("float32"), rng.standard_normal(other).astype("float32")
        want = x * y
        assert np.array_equal(k(x, y), want)
        lies = tuple((a.shape, tuple(s // 4 for s in a.strides)) for a in (x, y))
        assert bool(layout_of(want.shape, lies, (0, 0), 4).struct["several"]) == several


@emulated
def test_more_axes_than_a_kernel_walks_through() -> None:
    k = kernel(argument(0, "float64") - argument(1, "float64"))
    x = np.arange(2.0**5).reshape((2, 1) * 5)
    y = np.arange(2.0**5).reshape((1, 2) * 5) * 100
    assert np.array_equal(k(x, y), x - y)


@emulated
def test_booleans_and_mixed_dtypes() -> None:
    c, x, h = argument(0, "bool"), argument(1, "float64"), cast(argument(2, bfloat16), "float64")
    k = kernel(where(c, x * 2, h))
    mask = np.random.default_rng(3).random(77) > 0.5
    values, halves = np.arange(77.0), (np.arange(77) / 7).astype(bfloat16)
    got = k(mask, values, halves)
    assert got.dtype == "float64"
    assert np.array_equal(got, np.where(mask, values * 2, halves.astype("float64")))


@emulated
@pytest.mark.parametrize("dtype", HALVES)
def test_halves_are_rounded_once(dtype: str) -> None:
    x = of(0, dtype)
    values = np.array([300.0, 0.001, -7.25, 2049.0], dtype)
    got = kernel(cast(apply("sqrt", x * x + 0.5), dtype))(values)
    assert np.array_equal(got, np.sqrt(values.astype("float32") ** 2 + np.float32(0.5)).astype(dtype))


@emulated
@pytest.mark.parametrize("dtype", HALVES)
def test_float64_becomes_half_by_one_rounding(dtype: str) -> None:
    """Just above the middle of two halves, where a float32 in between would be the middle itself."""
    one = np.array(1, dtype)
    gap = float(np.nextafter(one, np.array(2, dtype)).astype("float64")) - 1
    x = 1 + gap / 2 + 2.0**-40
    root = cast(cast(argument(0, "float64"), dtype), "float64") + 0.0
    assert kernel(root)(np.array([x, -x, 1.0]))[:2].tolist() == [1 + gap, -1 - gap]


def test_what_has_no_text_is_refused() -> None:
    with pytest.raises(NoExpansion):
        kernel(argument(0, "int32") + argument(1, "int32"))


def wave() -> Any:
    @dl.op(needs="x", promotes="float")
    def wave(xp: Any, x: Any, /, *, rate: float = 1.0) -> Any:
        return xp.sin(rate * x) * x, lambda gy: gy * (xp.sin(rate * x) + rate * x * xp.cos(rate * x))

    return wave


def both(f: Any, x: Any) -> tuple[Any, Any]:
    t = dl.tensor(x, dtype=str(x.dtype)).requires_grad_()
    y = f(t)
    y.sum().backward()
    return y.detach(), t.grad


@emulated
@pytest.mark.parametrize("dtype", FLOATS)
def test_a_user_s_op_is_answered_by_generated_code(dtype: str) -> None:
    f, x = wave(), np.linspace(-3, 3, 105).reshape(21, 5).astype(dtype)
    with dl.use_backend("cuda-emulate"):
        with generating("off"):
            expected = both(lambda t: f(t.astype("float64"), rate=2.0), x)
        before = cuda.SET.launches.copy()
        with generating("always"):
            found = both(lambda t: f(t, rate=2.0), x)
    assert cuda.SET.launches["generated:wave"] == before["generated:wave"] + 1
    assert cuda.SET.launches["generated:wave_grad"] == before["generated:wave_grad"] + 1
    for a, b in zip(found, expected, strict=True):
        assert a.dtype == dtype
        assert np.allclose(a.astype("float64").numpy(), b.astype("float64").numpy(), rtol=UNITS[dtype], atol=UNITS[dtype])


@emulated
def test_on_a_card_small_arrays_too(machine: Any) -> None:
    f, x = wave(), dl.asarray([0.5, 1.0, 2.0]).requires_grad_()
    y = f(x)
    y.sum().backward()
    assert [name for name in machine.log if "generated" in name] == ["generated_wave_flat", "generated_wave_grad_flat"]
    assert np.allclose(y.detach().array.get(), np.sin([0.5, 1.0, 2.0]) * [0.5, 1.0, 2.0])
    assert np.allclose(x.grad.array.get(), np.sin([0.5, 1.0, 2.0]) + [0.5, 1.0, 2.0] * np.cos([0.5, 1.0, 2.0]))


@emulated
def test_parity_counts_them() -> None:
    for dtype in ("float32", "float16"):
        (cell,) = dl.testing.parity("erfc", backends=["cuda"], dtypes=[dtype], emulate=True)
        assert cell.ok, cell.message
        assert cell.answered
        assert cell.launches["generated:erfc"] > 0
        assert cell.launches["generated:erfc_grad"] > 0
