"""Optimizers written as rules: on cuda one generated kernel makes the step of a group, with the rule's own numbers."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from cuda.test_capture_optimizers import OPTIMIZERS

import dlengine as dl
from dlengine import optim
from dlengine.kernels.cuda import FLOATS, SET, emulator
from dlengine.kernels.cuda.machine import compile_check, source
from dlengine.optim import generated

emulated = pytest.mark.skipif(emulator.available() is not None, reason=str(emulator.available()))
needs_nvrtc = pytest.mark.skipif(compile_check.available() is not None, reason=str(compile_check.available()))
NAMES = [name for name in OPTIMIZERS if name != "two groups"]


def parameters(dtype: str = "float32") -> list[Any]:
    """Two chunks of one, none of another."""
    rng = np.random.default_rng(0)
    shapes: list[tuple[int, ...]] = [(3, 5), (0,), (2100,)]
    return [dl.asarray(rng.standard_normal(s).astype("float32")).astype(dtype).requires_grad_() for s in shapes]


def give_gradients(ps: list[Any], seed: int) -> None:
    rng = np.random.default_rng(seed)
    for p in ps:
        p.grad = dl.asarray(rng.standard_normal(p.shape).astype("float32")).astype(p.dtype)
    if ps[0].size:
        ps[0].grad[0, 0] = [0.0, np.nan, np.inf, 0.0][seed % 4]


def stepped(opt: Any, ps: list[Any], steps: int = 8) -> list[Any]:
    """All arrays after some steps."""
    with np.errstate(all="ignore"):
        for seed in range(steps):
            give_gradients(ps, seed)
            opt.step()
    arrays = [t.detach() for p in ps for t in (p, *opt.state[p].values()) if hasattr(t, "array")]
    return [t.to("cpu").astype("float64").numpy() for t in arrays]


@emulated
@pytest.mark.parametrize(
    ("name", "dtype"),
    [*((name, "float32") for name in NAMES), *((name, d) for name in ("NAdam", "Rprop") for d in FLOATS if d != "float32")],
)
def test_the_rule_s_numbers(name: str, dtype: str, gpu: bool) -> None:
    """Bit for bit: the emulator rounds each operation, as NumPy does. A GPU rounds a product and a sum at once."""
    ps = parameters(dtype)
    want = stepped(OPTIMIZERS[name](ps), ps)
    with dl.use_backend("cuda-emulate"):
        ps = parameters(dtype)
        before = SET.launches[f"generated:{name.split()[0]}"]
        found = stepped(OPTIMIZERS[name](ps), ps)
        assert SET.launches[f"generated:{name.split()[0]}"] >= before + 8
    loose = {"float64": 1e-12, "float32": 1e-4, "float16": 1e-2, "bfloat16": 5e-2}[dtype] if gpu else 0.0
    for a, b in zip(found, want, strict=True):
        np.testing.assert_allclose(a, b, rtol=loose, atol=loose)


@emulated
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_one_launch_for_all_parameters(name: str, machine: Any) -> None:
    ps = parameters()
    opt = OPTIMIZERS[name](ps)
    stepped(opt, ps, 2)
    machine.work.clear()
    opt.step()
    negated = ["neg"] * len(ps) if opt.defaults["maximize"] else []
    assert [re.sub("_update", "", work) for work in machine.work] == [
        *negated, *[f"generated_{type(opt).__name__}" for _ in opt.param_groups]
    ]  # fmt: skip


@emulated
def test_other_settings_are_another_rule() -> None:
    """A setting that decides what is computed; one that is a number needs no other kernel."""
    with dl.use_backend("cuda-emulate"):
        ps = parameters()
        opt = optim.RMSprop(ps, lr=0.1)
        stepped(opt, ps, 1)
        made, read = len(generated._updates), len(generated._readings)
        opt.param_groups[0]["lr"] = 0.2
        stepped(opt, ps, 1)
        assert (len(generated._updates), len(generated._readings)) == (made, read)
        opt.param_groups[0]["momentum"] = 0.5
        stepped(opt, ps, 1)
        assert opt.state[ps[2]]["momentum_buffer"].numpy().any()
        opt = optim.Lion(ps, lr=0.5)
        for decay in (0.0, 0.5):
            opt.param_groups[0]["weight_decay"] = decay
            before = ps[2].detach().numpy().copy()
            ps[2].grad = dl.zeros_like(ps[2])
            opt.state.clear()
            opt.step()
            np.testing.assert_allclose(ps[2].detach().numpy(), before * (1.0 - 0.5 * decay), rtol=1e-6)


@emulated
def test_readings_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generated, "KEPT", 3)
    with dl.use_backend("cuda-emulate"):
        ps = parameters()
        opt = optim.RMSprop(ps, weight_decay=0.1)
        stepped(opt, ps, 1)
        made = len(generated._updates)
        for decay in range(1, 9):
            opt.param_groups[0]["weight_decay"] = decay / 10
            stepped(opt, ps, 1)
    assert len(generated._readings) <= 3
    assert len(generated._updates) == made


class Clipped(optim.RMSprop):
    """A rule that no kernel can have: it looks at all elements."""

    def update_rule(self, xp: Any, p: Any, g: Any, s: Any, n: Any, group: Any) -> Any:
        return super().update_rule(xp, p, g / xp.max(xp.abs(g)), s, n, group)


@emulated
def test_a_rule_of_whole_arrays_computes_by_itself() -> None:
    found = []
    for backend in ("numpy", "cuda-emulate"):
        with dl.use_backend(backend):
            p = dl.asarray(np.arange(1.0, 6.0, dtype="float32")).requires_grad_()
            opt = Clipped([p])
            p.grad = dl.asarray(np.arange(5.0, dtype="float32"))
            opt.step()
            found.append(p.detach().numpy())
    np.testing.assert_array_equal(*found)


@emulated
def test_views_are_renewed_in_place() -> None:
    whole = np.zeros((6, 4), "float32")
    with dl.use_backend("cuda-emulate"):
        p = dl.from_dlpack(whole)[::2].detach().requires_grad_()
        opt = optim.Lion([p], lr=0.5)
        p.grad = dl.ones_like(p)
        opt.step()
        np.testing.assert_array_equal(p.detach().numpy(), np.full((3, 4), -0.5, "float32"))
    assert (whole[::2] == -0.5).all()
    assert not whole[1::2].any()


@emulated
def test_checked() -> None:
    with dl.use_backend("cuda-emulate"), emulator.checked():
        ps = parameters()
        stepped(OPTIMIZERS["RMSprop centered"](ps), ps, 1)


@needs_nvrtc
@pytest.mark.parametrize("dtype", FLOATS)
def test_they_compile(dtype: str) -> None:
    """All texts of a dtype at once."""
    texts, kernels = [], []
    for name in NAMES:
        ps = parameters(dtype)
        opt = OPTIMIZERS[name](ps)
        group = opt.param_groups[0]
        state = opt._initial_state(np, ps[0].array, group)
        count = len(opt.numbers(group, {**state, "step": 1}))
        update = generated.update_of(opt, 1, ps[0].array.dtype, count, group)
        one = source._written[update.kernel.file]
        unlike = f"{update.kernel.name}_{len(kernels)}"
        texts.append(one.replace(f"KERNEL({update.kernel.name},", f"KERNEL({unlike},"))
        kernels.append(unlike)
    includes = sorted({line for text in texts for line in text.splitlines() if line.startswith("#include")})
    file = source.written("\n".join([*includes, *[re.sub("#include.*\n", "", text) for text in texts]]))
    found = compile_check.compile_source(source.compose(file, "", {"CHUNK": 2048}, {}), 90)
    assert set(found) == set(kernels)
    assert all(used.stack == 0 for used in found.values())
