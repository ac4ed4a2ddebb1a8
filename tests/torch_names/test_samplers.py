"""Samples have the distribution's mean and variance, and their gradients are on average those of the mean."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import dlengine.torch as torch

D: Any = torch.distributions
A, B = [0.4, 1.5, 6.0], [1.2, 3.0, 2.5]
N = 20_000
MADE: dict[str, Any] = {
    "Gamma": lambda a, b: D.Gamma(a, b),
    "Beta": lambda a, b: D.Beta(a, b),
    "Chi2": lambda a, b: D.Chi2(a),
    "StudentT": lambda a, b: D.StudentT(a + 5, b, b),
    "Dirichlet": lambda a, b: D.Dirichlet(a),
    "Gumbel": lambda a, b: D.Gumbel(a, b),
    "Weibull": lambda a, b: D.Weibull(a, b),
    "HalfNormal": lambda a, b: D.HalfNormal(b),
    "Pareto": lambda a, b: D.Pareto(a, b + 5),
    "ContinuousBernoulli": lambda a, b: D.ContinuousBernoulli(logits=a - b),
    "LowRankMultivariateNormal": lambda a, b: D.LowRankMultivariateNormal(a, b.unsqueeze(1), a * b),
    "NegativeBinomial": lambda a, b: D.NegativeBinomial(a, logits=b - 3),
    "MixtureSameFamily": lambda a, b: D.MixtureSameFamily(D.Categorical(logits=a / 4), D.Normal(a, b)),
}


@pytest.mark.parametrize("name", MADE)
def test_samples(name: str) -> None:
    torch.manual_seed(0)
    a, b = (torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (A, B))
    d = MADE[name](a, b)
    x = (d.rsample if d.has_rsample else d.sample)((N,))
    assert tuple(x.shape) == (N, *d.batch_shape, *d.event_shape)
    spread = 6 * (d.variance / N).sqrt().detach().numpy()
    assert (np.abs((x.mean(0) - d.mean).detach().numpy()) < spread).all()
    np.testing.assert_allclose(x.var(0).detach().numpy(), d.variance.detach().numpy(), rtol=0.25)
    if d.has_rsample:
        drawn = x.mean(0).sum() if name != "Dirichlet" else x[:, 0].mean()
        given = torch.autograd.grad(drawn, (a, b), allow_unused=True, retain_graph=True)
        known = d.mean.sum() if name != "Dirichlet" else d.mean[0]
        wanted = torch.autograd.grad(known, (a, b), allow_unused=True)
        for mine, theirs in zip(given, wanted, strict=True):
            if theirs is not None:
                np.testing.assert_allclose(mine.numpy(), theirs.numpy(), rtol=0.1, atol=0.05)


def test_angles() -> None:
    torch.manual_seed(0)
    d = D.VonMises(torch.tensor([0.5, -1.0]), torch.tensor([2.0, 8.0]))
    x = d.sample((N,))
    np.testing.assert_allclose(1 - (x - d.mean).cos().mean(0).numpy(), d.variance.numpy(), atol=0.02)
    assert bool((x.abs() <= np.pi).all())


def test_gradient_of_a_gamma_variable() -> None:
    """The sample moves so that its cumulative probability stays: the derivative solves F_a + f dx/da = 0."""
    from scipy.special import gammaincinv

    from dlengine.torch.distributions.gammas import _slope

    for a in (0.05, 0.5, 3.0, 50.0, 1e4):
        for p in (1e-4, 0.1, 0.5, 0.9, 0.9999):
            h = 1e-4 * min(a, a**0.5)
            wanted = (gammaincinv(a + h, p) - gammaincinv(a - h, p)) / (2 * h)
            found = _slope(np.float64(gammaincinv(a, p)), np.float64(a))
            np.testing.assert_allclose(found, wanted, rtol=2e-4)


def test_bad_parameters_and_values() -> None:
    with pytest.raises(ValueError, match="rate .* GreaterThan"):
        D.Gamma(1.0, -1.0)
    with pytest.raises(ValueError, match="within the support"):
        D.Beta(1.0, 1.0).log_prob(torch.tensor(1.5))
    with pytest.raises(ValueError, match="a Transform or a list"):
        D.TransformedDistribution(D.Normal(0.0, 1.0), [3])
    assert bool(D.Gamma(1.0, -1.0, validate_args=False).rate == -1)
    assert repr(D.Normal(0.0, 1.0)) == "Normal(loc: 0.0, scale: 1.0)"
    assert list(D.Gamma(torch.ones(3), 1.0).expand((2, 3)).sample((4,)).shape) == [4, 2, 3]
