"""The recurrent kernels against torch (lengths as packed sequences), one sequence at a time, and differences."""

from __future__ import annotations

import numpy as np
import pytest
from reference_namespaces import NAMESPACES, NUMPY, close, run

T, N, I, H = 5, 4, 3, 2
LENGTHS = {"whole": None, "full": (5, 5, 5, 5), "mixed": (3, 5, 0, 1), "empty": (0, 0, 0, 0)}
GATES = {"lstm": 4, "gru": 3, "rnn": 1}
CASES = [
    (kind, lengths, reverse, biased)
    for kind in ("lstm", "gru", "rnn tanh", "rnn relu")
    for lengths in LENGTHS
    for reverse in (False, True)
    for biased in (True, False)
]


@pytest.fixture(params=sorted(NAMESPACES))
def xp(request):
    return NAMESPACES[request.param]


@pytest.fixture(params=CASES, ids=lambda case: "-".join(map(str, case)))
def case(request):
    return Case(*request.param)


class Case:
    """Arrays of one call, and its arguments in the order of the kernels."""

    def __init__(self, kind, lengths="whole", reverse=False, biased=True, steps=T, batch=N):
        self.kind, _, nonlinearity = kind.partition(" ")
        self.extra = (nonlinearity,) if nonlinearity else ()
        self.reverse = reverse
        lengths = LENGTHS[lengths]
        self.lengths = None if lengths is None else np.asarray(lengths)
        rng = np.random.default_rng(3)
        rows = GATES[self.kind] * H
        self.x = rng.standard_normal((steps, batch, I))
        self.states = tuple(rng.standard_normal((batch, H)) for _ in range(2 if self.kind == "lstm" else 1))
        biases = tuple(rng.standard_normal(rows) for _ in range(2 if self.kind == "gru" else 1))
        self.biases = biases if biased else (None,) * len(biases)
        self.weights = (rng.standard_normal((rows, I)), rng.standard_normal((rows, H)), *self.biases)
        self.gy = rng.standard_normal((steps, batch, H))
        self.gstates = tuple(rng.standard_normal((batch, H)) for _ in self.states)

    @property
    def arrays(self):
        return (self.x, *self.states, *self.weights)

    def forward(self, xp, arrays=None, save=True):
        return run(xp, self.kind, *(arrays or self.arrays), self.lengths, self.reverse, *self.extra, save)

    def backward(self, xp, residuals):
        gradients = (self.gy, *self.gstates)
        name = f"{self.kind}_grad"
        return run(xp, name, *gradients, *self.arrays, self.lengths, self.reverse, *self.extra, residuals)

    def by_torch(self):
        """Results and gradients from torch, each sequence alone (torch packs no empty ones) and turned by hand."""
        torch = pytest.importorskip("torch")
        arrays = [None if a is None else torch.tensor(a, requires_grad=True) for a in self.arrays]
        x, states, weights = arrays[0], arrays[1 : 1 + len(self.states)], arrays[1 + len(self.states) :]
        options = {"nonlinearity": self.extra[0]} if self.extra else {}
        layer = getattr(torch.nn, self.kind.upper())(I, H, bias=self.biases[0] is not None, **options).double()
        names = ["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"]
        values = dict(zip(names, weights, strict=False))
        if self.biases[0] is None:
            values = {name: value for name, value in values.items() if value is not None}
        elif len(self.biases) == 1:
            values["bias_hh_l0"] = torch.zeros_like(weights[2])
        ys, ends = [], []
        for n in range(x.shape[1]):
            length = x.shape[0] if self.lengths is None else int(self.lengths[n])
            inputs, start = x[:length, n : n + 1], [state[None, n : n + 1] for state in states]
            if length:
                inputs = inputs.flip(0) if self.reverse else inputs
                initial = tuple(start) if len(start) == 2 else start[0]
                y, end = torch.func.functional_call(layer, values, (inputs, initial))
                y = y.flip(0) if self.reverse else y
                end = list(end) if len(start) == 2 else [end]
            else:
                y, end = torch.zeros(0, 1, H, dtype=torch.float64), start
            ys.append(torch.cat([y, torch.zeros(x.shape[0] - length, 1, H, dtype=torch.float64)]))
            ends.append(end)
        y = torch.cat(ys, dim=1)
        finals = [torch.cat([end[k][0] for end in ends]) for k in range(len(states))]
        total = (y * torch.tensor(self.gy)).sum()
        total = total + sum((f * torch.tensor(g)).sum() for f, g in zip(finals, self.gstates, strict=True))
        total.backward()
        gradients = [None if a is None else torch.zeros_like(a) if a.grad is None else a.grad for a in arrays]
        return [y.detach(), *(f.detach() for f in finals)], gradients


def test_agrees_with_torch(xp, case):
    *results, residuals = case.forward(xp)
    gradients = case.backward(xp, residuals)
    expected, expected_gradients = case.by_torch()
    for result, value in zip(results, expected, strict=True):
        close(result, value)
    for gradient, value in zip(gradients, expected_gradients, strict=True):
        if value is None:
            assert gradient is None
        else:
            close(gradient, value)


@pytest.mark.parametrize("kind", ["lstm", "gru", "rnn tanh", "rnn relu"])
@pytest.mark.parametrize("reverse", [False, True])
def test_gradients_match_central_differences(kind, reverse):
    case = Case(kind, "mixed", reverse)

    def total(arrays):
        *results, _ = case.forward(NUMPY, arrays, save=False)
        return sum(np.sum(r * g) for r, g in zip(results, (case.gy, *case.gstates), strict=True))

    gradients = case.backward(NUMPY, case.forward(NUMPY)[-1])
    rng = np.random.default_rng(4)
    for k, gradient in enumerate(gradients):
        direction = rng.standard_normal(gradient.shape)
        ends = [
            total([a + step * direction if place == k else a for place, a in enumerate(case.arrays)])
            for step in (1e-6, -1e-6)
        ]
        close((ends[0] - ends[1]) / 2e-6, np.sum(gradient * direction), 1e-7)


def test_without_save_there_are_no_residuals(xp, case):
    with_residuals, without = case.forward(xp), case.forward(xp, save=False)
    assert without[-1] is None
    for a, b in zip(with_residuals[:-1], without[:-1], strict=True):
        assert np.array_equal(a, b)


@pytest.mark.parametrize("kind", ["lstm", "gru", "rnn tanh", "rnn relu"])
def test_what_lies_after_a_sequence_is_never_read(xp, kind):
    clean, dirty = Case(kind, "mixed"), Case(kind, "mixed")
    for n, length in enumerate(LENGTHS["mixed"]):
        dirty.x[length:, n] = np.nan
        dirty.gy[length:, n] = np.nan
    results = [case.forward(xp) for case in (clean, dirty)]
    pairs = list(zip(results[0][:-1], results[1][:-1], strict=True))
    gradients = [case.backward(xp, result[-1]) for case, result in zip((clean, dirty), results, strict=True)]
    for a, b in pairs + list(zip(*gradients, strict=True)):
        assert np.array_equal(a, b)


@pytest.mark.parametrize("kind", ["lstm", "gru", "rnn tanh"])
@pytest.mark.parametrize(("steps", "batch"), [(0, 3), (4, 0), (1, 1)])
def test_sizes_zero_and_one(xp, kind, steps, batch):
    case = Case(kind, steps=steps, batch=batch)
    y, *states, residuals = case.forward(xp)
    assert y.shape == (steps, batch, H)
    for array, gradient in zip(case.arrays, case.backward(xp, residuals), strict=True):
        assert gradient.shape == array.shape
    if steps == 0:
        for state, initial in zip(states, case.states, strict=True):
            assert np.array_equal(state, initial)
            assert not np.shares_memory(state, initial)


@pytest.mark.parametrize("kind", ["lstm", "gru", "rnn tanh"])
@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_keeps_dtype_and_layout(kind, dtype):
    case, exact = Case(kind, "mixed"), Case(kind, "mixed")
    for one in (case, exact):
        for name in ("states", "weights", "gstates"):
            setattr(one, name, tuple(np.asfortranarray(a.astype(dtype)) for a in getattr(one, name)))
        one.x, one.gy = one.x.astype(dtype), one.gy.astype(dtype)
    for name in ("states", "weights", "gstates"):
        setattr(exact, name, tuple(a.astype(np.float64) for a in getattr(exact, name)))
    exact.x, exact.gy = exact.x.astype(np.float64), exact.gy.astype(np.float64)
    *results, residuals = case.forward(NUMPY)
    *wanted, exact_residuals = exact.forward(NUMPY)
    results += case.backward(NUMPY, residuals)
    wanted += exact.backward(NUMPY, exact_residuals)
    for result, value in zip(results, wanted, strict=True):
        assert result.dtype == dtype
        assert result.flags.c_contiguous
        close(result, value, 4e-3 if dtype == "float16" else 2e-6)


def test_large_inputs_saturate_quietly(xp):
    case = Case("lstm")
    case.x *= 1e4
    *results, residuals = case.forward(xp)
    for array in (*results, *case.backward(xp, residuals)):
        assert np.isfinite(array).all()
