"""torch.distributions: the common distributions, and their divergences."""

from __future__ import annotations

from .continuous import Beta as Beta
from .continuous import Cauchy as Cauchy
from .continuous import Exponential as Exponential
from .continuous import Laplace as Laplace
from .continuous import LogNormal as LogNormal
from .continuous import MultivariateNormal as MultivariateNormal
from .continuous import Normal as Normal
from .continuous import Uniform as Uniform
from .discrete import Bernoulli as Bernoulli
from .discrete import Binomial as Binomial
from .discrete import Categorical as Categorical
from .discrete import Geometric as Geometric
from .discrete import Multinomial as Multinomial
from .discrete import OneHotCategorical as OneHotCategorical
from .discrete import Poisson as Poisson
from .divergence import kl_divergence as kl_divergence
from .divergence import register_kl as register_kl
from .shapes import Distribution as Distribution
from .shapes import Independent as Independent

categorical = normal = bernoulli = uniform = binomial = multinomial = poisson = independent = kl = __import__(
    __name__, fromlist=["x"]
)
