"""Random small programs, run here and in PyTorch in float64: values, first and second gradients must agree.

A program is a list of steps drawn from a seed. Each step takes earlier values, so that values are used never, once or many
times; views, slices, broadcasting, detached values, writes and checkpoints mix as they fall.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import dlengine as dl
from dlengine.nn import functional as F

torch = pytest.importorskip("torch", reason="compares with PyTorch")

N, C, D = 3, 4, 6  # every value is (N, D), every image (N, C, D, D)
STEPS = 20
PROGRAMS = 40

Run = Callable[..., Any]
Step = tuple[str, Run, Run, int]  # name, here, in PyTorch, how many values it takes




def steps(rng: np.random.Generator) -> list[Step]:
    """The steps a program chooses from, with constants drawn for this program."""
    i, j = sorted(int(v) for v in rng.choice(D + 1, 2, replace=False))
    order, picks = rng.permutation(D), rng.integers(0, D, D)
    labels, mask = rng.integers(0, D, N), rng.random((N, D)) < 0.5
    T, A = torch.as_tensor, dl.asarray

    def same(name: str, f: Callable[[Any, Any], Any], count: int = 1) -> Step:
        return name, lambda *v: f(dl, *v), lambda *v: f(torch, *v), count

    def written(clone: Run, grad: bool) -> Run:
        def run(x: Any, y: Any) -> Any:
            z = clone(x)
            z[:, i:j] = y[:, i:j] * 2 if grad else 0.5
            z += y
            return z

        return run

    def image_here(x: Any, y: Any) -> Any:
        image = dl.reshape(x, (N, 1, 1, D)) * dl.reshape(y, (1, N, D, 1))
        image = F.max_pool2d(dl.conv2d(image, dl.reshape(x[0] * 0.3, (1, 1, 2, 3)) + dl.ones((2, 3, 1, 1), dtype=dl.float64)), 2)
        return dl.tanh(dl.reshape(image, (N, -1))[:, :1] + x)

    def image_there(x: Any, y: Any) -> Any:
        image = x.reshape(N, 1, 1, D) * y.reshape(1, N, D, 1)
        weight = (x[0] * 0.3).reshape(1, 1, 2, 3) + torch.ones((2, 3, 1, 1), dtype=torch.float64)
        image = torch.nn.functional.max_pool2d(torch.nn.functional.conv2d(image, weight), 2)
        return torch.tanh(image.reshape(N, -1)[:, :1] + x)

    return [
        same("add", lambda m, x, y: x + y, 2),
        same("subtract", lambda m, x, y: x - 0.5 * y, 2),
        same("multiply", lambda m, x, y: m.tanh(x * y), 2),
        same("divide", lambda m, x, y: x / (1 + y * y), 2),
        same("square twice", lambda m, x: m.tanh(x * x)),
        same("power", lambda m, x: (1 + x * x) ** 0.5),
        same("tanh", lambda m, x: m.tanh(x) * 2),
        same("sin", lambda m, x: m.sin(x) * 1.5),
        same("exp", lambda m, x: m.exp(-x * x)),
        same("log", lambda m, x: m.log(x * x + 0.5)),
        same("abs", lambda m, x: abs(x) - 1),
        same("row", lambda m, x, y: x + y[1], 2),
        same("column", lambda m, x, y: m.tanh(x * y[:, i : i + 1] if i < D else x), 2),
        same("scalar", lambda m, x, y: x + m.sum(y * y) / 30, 2),
        same("unused part", lambda m, x: x[:, :1] - x),
        ("flip", lambda x: dl.flip(x, axis=1), lambda x: torch.flip(x, (1,)), 1),
        ("order", lambda x: x[:, A(order)], lambda x: x[:, T(order)], 1),
        ("picks", lambda x: dl.take(x, A(picks), axis=1), lambda x: x[:, T(picks)], 1),
        ("where", lambda x, y: dl.where(A(mask), x, y), lambda x, y: torch.where(T(mask), x, y), 2),
        ("mean", lambda x: x - dl.mean(x, axis=1, keepdims=True), lambda x: x - x.mean(1, keepdim=True), 1),
        ("max", lambda x: x - dl.max(x, axis=0), lambda x: x - x.amax(0), 1),
        ("var", lambda x: x * dl.var(x, axis=0), lambda x: x * x.var(0, correction=0), 1),
        ("softmax", lambda x: F.softmax(x, axis=1) * 3, lambda x: torch.softmax(x, 1) * 3, 1),
        ("log softmax", lambda x: F.log_softmax(x, axis=0), lambda x: torch.log_softmax(x, 0), 1),
        ("running sum", lambda x: dl.cumulative_sum(x, axis=1) / 3, lambda x: x.cumsum(1) / 3, 1),
        ("running product", lambda x: dl.cumulative_prod(dl.sin(x), axis=1), lambda x: torch.sin(x).cumprod(1), 1),
        ("matmul", lambda x, y: dl.tanh(x @ dl.matrix_transpose(y) @ x / 5), lambda x, y: torch.tanh(x @ y.mT @ x / 5), 2),
        (
            "einsum", lambda x, y: dl.einsum("ij,kj,kl->il", x, y, x) / 9,
            lambda x, y: torch.einsum("ij,kj,kl->il", x, y, x) / 9, 2,
        ),
        (
            "concat", lambda x, y: dl.concat([x[:, i:], y], axis=1)[:, :D] * 1.1,
            lambda x, y: torch.cat([x[:, i:], y], 1)[:, :D] * 1.1, 2,
        ),
        (
            "view of a view", lambda x: dl.reshape(dl.reshape(x, (N * D,))[::-1], (D, N)).T[:, ::-1],
            lambda x: x.reshape(N * D).flip(0).reshape(D, N).T.flip(1), 1,
        ),
        ("layer norm", lambda x: F.layer_norm(x, D), lambda x: torch.nn.functional.layer_norm(x, (D,)), 1),
        (
            "cross-entropy", lambda x, y: x * F.cross_entropy(y, A(labels)),
            lambda x, y: x * torch.nn.functional.cross_entropy(y, T(labels)), 2,
        ),
        ("several outputs", lambda x: dl.unstack(x * x)[1] - x, lambda x: torch.unbind(x * x)[1] - x, 1),
        ("detach", lambda x, y: x * y.detach(), lambda x, y: x * y.detach(), 2),
        ("write a constant", written(lambda x: x.clone(), False), written(lambda x: x.clone(), False), 2),
        ("write a value", written(lambda x: x * 1, True), written(lambda x: x * 1, True), 2),
        (
            "checkpoint", lambda x, y: dl.checkpoint(lambda a: dl.tanh(a * y + a), x * 1.2),
            lambda x, y: torch.tanh(x * 1.2 * y + x * 1.2), 2,
        ),
        ("image", image_here, image_there, 2),
    ]  # fmt: skip


def tame(x: Any) -> Any:
    """Keep values small, so that twenty steps do not overflow: x / sqrt(1 + x^2 / 25)."""
    return x / (1 + x * x / 25) ** 0.5


@pytest.mark.parametrize("seed", range(PROGRAMS))
def test_program(seed: int) -> None:
    rng = np.random.default_rng(seed)
    choices = steps(rng)
    start = [rng.normal(size=(N, D)) for _ in range(3)]
    here = [dl.asarray(a).requires_grad_() for a in start]
    there = [torch.tensor(a, requires_grad=True) for a in start]
    leaves_here, leaves_there = list(here), list(there)
    story = []
    with dl.use_backend("auto" if seed % 2 else "numpy"):
        for _ in range(STEPS):
            name, f, g, count = choices[int(rng.integers(len(choices)))]
            at = [max(0, len(here) - 1 - int(k)) for k in rng.integers(0, 6, count)]
            story.append(f"v{len(here)} = {name}({', '.join(f'v{k}' for k in at)})")
            here.append(tame(f(*[here[k] for k in at])))
            there.append(tame(g(*[there[k] for k in at])))
            close(here[-1], there[-1], story)
        weights = rng.normal(size=(N, D))
        # an intermediate value as a target too
        middle = int(rng.integers(3, len(here)))
        targets = [*leaves_here, here[middle]] if here[middle].requires_grad else leaves_here
        peers = [*leaves_there, there[middle]] if here[middle].requires_grad else leaves_there
        y, z = dl.sum(here[-1] * dl.asarray(weights)), (there[-1] * torch.tensor(weights)).sum()
        assert y.requires_grad == z.requires_grad, story
        if not y.requires_grad:
            return
        plain = dl.gradients(y, targets, retain_graph=True)
        first = dl.gradients(y, targets, create_graph=True)
        peer = torch.autograd.grad(z, peers, create_graph=True, allow_unused=True)
        peer = [torch.zeros_like(p) if g is None else g for p, g in zip(peers, peer, strict=True)]
        for a, b, c in zip(plain, first, peer, strict=True):
            close(a, c, story, "first gradient")
            close(b, c, story, "first gradient, recorded")
        second, other = sum(dl.sum(g * g) for g in first), sum((g * g).sum() for g in peer)
        if other.requires_grad:
            theirs = torch.autograd.grad(other, leaves_there, allow_unused=True, retain_graph=True)
            ours = dl.gradients(second, leaves_here, retain_graph=True)
            for a, c, p in zip(ours, theirs, leaves_there, strict=True):
                close(a, torch.zeros_like(p) if c is None else c, story, "second gradient")
        y.backward()
        for leaf, a in zip(leaves_here, plain, strict=False):
            np.testing.assert_array_equal((leaf.grad if leaf.grad is not None else a * 0).numpy(), a.numpy(), str(story))


def close(ours: Any, theirs: Any, story: list[str], what: str = "value") -> None:
    expected = theirs.detach().numpy()
    scale = max(1.0, float(np.abs(expected).max(initial=0.0)))
    message = f"{what} of\n" + "\n".join(story)
    np.testing.assert_allclose(ours.detach().numpy(), expected, rtol=1e-7, atol=1e-9 * scale, err_msg=message)
