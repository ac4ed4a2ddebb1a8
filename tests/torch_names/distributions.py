"""Snippets that ask distributions for everything that does not depend on chance, and their divergences."""

from __future__ import annotations

BEGIN = """
D = torch.distributions
X = torch.distributions.transforms
a, b, m = (torch.tensor(v, requires_grad=True) for v in ([0.5, 1.5, 3.0], [1.2, 0.4, 2.5], [-0.5, 0.3, 1.0]))
p, w = torch.tensor([0.2, 0.5, 0.9], requires_grad=True), torch.tensor([[1.0, 0.5, -0.3], [0.2, 0.1, 0.9]], requires_grad=True)
L, V = torch.tensor([[1.0, 0.2], [0.3, -0.5], [0.1, 0.7]], requires_grad=True), torch.tensor([0.3, 0.7, 0.4], requires_grad=True)
def all_of(d, v, q=True):
    y = d.log_prob(v)
    r = [y, *(g for g in torch.autograd.grad(y.sum(), (a, b, m, p, w, L), allow_unused=True) if g is not None)]
    for ask in (lambda: d.mean, lambda: d.variance, lambda: d.stddev, lambda: d.mode, d.entropy, lambda: d.cdf(v)):
        try:
            r.append(ask())
        except NotImplementedError:
            r.append('not there')
    r += [d.icdf(torch.tensor([0.1, 0.5, 0.8]))] if q else []
    return [*r, list(d.batch_shape), list(d.event_shape), d.has_rsample, list(d.sample((4, 2)).shape)]
"""
"""What every snippet begins with."""

POSITIVE = "torch.tensor([0.3, 1.0, 2.5])"
INSIDE = "torch.tensor([0.3, 0.5, 0.8])"
ANY = "torch.tensor([-0.7, 0.2, 1.5])"
COUNTS = "torch.tensor([0.0, 2.0, 5.0])"
SHARES = "torch.tensor([[0.2, 0.3, 0.5], [0.6, 0.3, 0.1]])"
MADE = {
    "Normal(m, b)": f"{ANY}, True",
    "LogNormal(m, b)": f"{POSITIVE}, True",
    "Laplace(m, b)": f"{ANY}, True",
    "Cauchy(m, b)": f"{ANY}, True",
    "Uniform(m, m + b)": "m.detach() + 0.1, True",
    "Exponential(b)": f"{POSITIVE}, True",
    "Gamma(a, b)": f"{POSITIVE}, False",
    "Chi2(b)": f"{POSITIVE}, False",
    "Beta(a, b)": f"{INSIDE}, False",
    "Dirichlet(torch.stack([a, b]))": f"{SHARES}, False",
    "StudentT(a, m, b)": f"{ANY}, False",
    "FisherSnedecor(a, b * 4)": f"{POSITIVE}, False",
    "InverseGamma(a, b)": f"{POSITIVE}, False",
    "Gumbel(m, b)": f"{ANY}, True",
    "HalfNormal(b)": f"{POSITIVE}, True",
    "HalfCauchy(b)": f"{POSITIVE}, True",
    "Weibull(a, b)": f"{POSITIVE}, True",
    "Pareto(a, b)": f"a.detach() + {POSITIVE}, True",
    "NegativeBinomial(5, p * 0.9)": f"{COUNTS}, False",
    "NegativeBinomial(a, logits=m)": f"{COUNTS}, False",
    "ContinuousBernoulli(p)": f"{INSIDE}, True",
    "ContinuousBernoulli(logits=m)": f"{INSIDE}, True",
    "VonMises(m, a)": f"{ANY}, False",
    "RelaxedBernoulli(torch.tensor(0.7), p)": f"{INSIDE}, False",
    "RelaxedOneHotCategorical(torch.tensor(0.7), logits=w)": f"{SHARES}, False",
    "MixtureSameFamily(D.Categorical(logits=w[0]), D.Normal(m, b))": "torch.tensor([0.3, -0.2]), False",
    "MixtureSameFamily(D.Categorical(p), D.Independent(D.Normal(L, 0.5), 1))": "torch.tensor([[0.3, -0.2], [1.0, 0.4]]), False",
    "LowRankMultivariateNormal(m, L, V)": "torch.tensor([[0.3, -0.2, 1.0], [0.1, 0.2, 0.3]]), False",
    "TransformedDistribution(D.Normal(m, b), [X.AffineTransform(1.0, 2.0), X.TanhTransform()])": f"{INSIDE}, True",
    "TransformedDistribution(D.Normal(m, b), [X.SigmoidTransform(), X.AffineTransform(a, -1 * b)])":
        "a.detach() - 0.5 * b.detach(), True",
    "TransformedDistribution(D.Normal(0.0, 1.0), [X.ExpTransform(), X.PowerTransform(a)])": f"{POSITIVE}, True",
    "TransformedDistribution(D.Independent(D.Normal(m, b), 1), X.StickBreakingTransform())": "torch.full((2, 4), 0.25), False",
    "TransformedDistribution(D.Normal(m, b), X.ComposeTransform([X.SoftplusTransform(), X.ExpTransform().inv]))": f"{ANY}, True",
}  # fmt: skip
"""Distributions, the values for log_prob and cdf, and whether they have an icdf."""

PAIRS = (
    "Gamma(a, b), D.Gamma(b, a)",
    "Beta(a, b), D.Beta(b, a)",
    "Dirichlet(torch.stack([a, b])), D.Dirichlet(torch.stack([b, a]))",
    "Gumbel(m, b), D.Gumbel(m + 1, a)",
    "Laplace(m, b), D.Laplace(m + 1, a)",
    "Poisson(a), D.Poisson(b)",
    "Geometric(p * 0.9), D.Geometric(p * 0.5)",
    "Binomial(4, p * 0.9), D.Binomial(4, p * 0.5)",
    "Pareto(a, b), D.Pareto(a * 0.5, a)",
    "Pareto(a, b), D.Pareto(a * 2, a)",
    "OneHotCategorical(logits=w), D.OneHotCategorical(logits=w * 2)",
    "HalfNormal(a), D.HalfNormal(b)",
    "ContinuousBernoulli(p), D.ContinuousBernoulli(p * 0.6)",
    "LowRankMultivariateNormal(m, L, V), D.LowRankMultivariateNormal(m + 1, L * 2, V * 2)",
    "LowRankMultivariateNormal(m, L, V), D.MultivariateNormal(m + 1, torch.eye(3))",
    "MultivariateNormal(m + 1, torch.eye(3)), D.LowRankMultivariateNormal(m, L, V)",
    "LogNormal(m, b), D.LogNormal(m + 1, a)",
    "TransformedDistribution(D.Normal(m, b), X.TanhTransform()), D.TransformedDistribution(D.Normal(m, a), X.TanhTransform())",
)
"""Pairs of distributions with a divergence."""


def snippets() -> dict[str, str]:
    """The snippets by name."""
    found = {f"distributions.{made}": f"{BEGIN}\nr = all_of(D.{made}, {asked})" for made, asked in MADE.items()}
    return found | {f"kl_divergence(D.{pair})": f"{BEGIN}\nr = D.kl_divergence(D.{pair})" for pair in PAIRS}
