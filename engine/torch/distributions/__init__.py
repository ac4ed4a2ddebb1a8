"""torch.distributions: the common distributions, and their divergences."""

from __future__ import annotations

from . import constraints as constraints
from . import transforms as transforms
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
from .gammas import Beta as Beta
from .gammas import Chi2 as Chi2
from .gammas import Dirichlet as Dirichlet
from .gammas import FisherSnedecor as FisherSnedecor
from .gammas import Gamma as Gamma
from .gammas import NegativeBinomial as NegativeBinomial
from .gammas import StudentT as StudentT
from .mixtures import ContinuousBernoulli as ContinuousBernoulli
from .mixtures import LowRankMultivariateNormal as LowRankMultivariateNormal
from .mixtures import MixtureSameFamily as MixtureSameFamily
from .mixtures import VonMises as VonMises
from .relaxed import LogitRelaxedBernoulli as LogitRelaxedBernoulli
from .relaxed import RelaxedBernoulli as RelaxedBernoulli
from .relaxed import RelaxedOneHotCategorical as RelaxedOneHotCategorical
from .shapes import Distribution as Distribution
from .shapes import Independent as Independent
from .transformed import Gumbel as Gumbel
from .transformed import HalfCauchy as HalfCauchy
from .transformed import HalfNormal as HalfNormal
from .transformed import InverseGamma as InverseGamma
from .transformed import Pareto as Pareto
from .transformed import TransformedDistribution as TransformedDistribution
from .transformed import Weibull as Weibull
from .transforms import AbsTransform as AbsTransform
from .transforms import AffineTransform as AffineTransform
from .transforms import ComposeTransform as ComposeTransform
from .transforms import CumulativeDistributionTransform as CumulativeDistributionTransform
from .transforms import ExpTransform as ExpTransform
from .transforms import IndependentTransform as IndependentTransform
from .transforms import LowerCholeskyTransform as LowerCholeskyTransform
from .transforms import PowerTransform as PowerTransform
from .transforms import ReshapeTransform as ReshapeTransform
from .transforms import SigmoidTransform as SigmoidTransform
from .transforms import SoftmaxTransform as SoftmaxTransform
from .transforms import SoftplusTransform as SoftplusTransform
from .transforms import StickBreakingTransform as StickBreakingTransform
from .transforms import TanhTransform as TanhTransform
from .transforms import Transform as Transform
from .transforms import identity_transform as identity_transform

categorical = normal = bernoulli = uniform = binomial = multinomial = poisson = independent = kl = __import__(
    __name__, fromlist=["x"]
)
