"""Rows of the losses of embeddings."""

from __future__ import annotations

from ...errors import ConfigError, DataError, ShapeError
from ...ops import distances
from ...ops import loss_metric as ops
from ..arguments import given, integers, normal
from ..bounds import forward_error
from ..references import loss_metric as reference
from ..table import case, error, sample

_BOUND = forward_error(64)
_PAIRS = given([1.0, 0.0, 0.0, 1.0, 1.0], grad=False)
_SIGNS = given([1.0, -1.0, -1.0, 1.0, 1.0], grad=False)
_LABELS = given([0, 1, 1, 2, 0], dtype="int64")

case(
    distances.pairwise_distance,
    sample(normal(4, 3), normal(4, 3)),
    sample(normal(4, 3), normal(4, 3), p=1.0),
    sample(normal(4, 3), normal(4, 3), p=3.0, keepdim=True),
    sample(normal(4, 3), normal(4, 3), p=float("inf")),
    bound=_BOUND,
    reference=reference.pairwise_distance,
)
case(
    distances.cosine_similarity,
    sample(normal(4, 3), normal(4, 3)),
    sample(normal(4, 3, 2), normal(4, 3, 2), axis=2),
    bound=_BOUND,
    reference=reference.cosine_similarity,
    kernels=("cosine", "cosine_grad"),
)
case(distances.normalize, sample(normal(4, 3)), sample(normal(2, 3, 4), p=1.0), bound=_BOUND, reference=reference.normalize)
case(
    distances.squared_distances,
    sample(normal(4, 3), normal(5, 3)),
    sample(normal(11, 5), normal(70, 5)),
    sample(normal(0, 3), normal(5, 3)),
    error(ShapeError, "must agree in D", normal(4, 3), normal(5, 2)),
    bound=_BOUND,
    reference=reference.squared_distances,
    kernels=("squared_distances", "squared_distances_grad"),
)
case(
    ops.contrastive_loss,
    sample(normal(5, 3), normal(5, 3), _PAIRS, margin=3.0),
    sample(normal(5, 3), normal(5, 3), _PAIRS, margin=None, reduction="none"),
    error(ShapeError, "of one shape", normal(5, 3), normal(5, 2), _PAIRS),
    error(DataError, "expected between 0 and 1", normal(5, 3), normal(5, 3), _SIGNS),
    bound=_BOUND,
    reference=reference.contrastive_loss,
)
case(
    ops.triplet_margin_loss,
    sample(normal(5, 3), normal(5, 3), normal(5, 3)),
    sample(normal(5, 3), normal(5, 3), normal(5, 3), margin=0.5, swap=True, reduction="none"),
    error(ShapeError, "of one shape", normal(5, 3), normal(5, 2), normal(5, 3)),
    bound=_BOUND,
    reference=reference.triplet_margin_loss,
)
case(
    ops.cosine_embedding_loss,
    sample(normal(5, 3), normal(5, 3), _SIGNS),
    sample(normal(5, 3), normal(5, 3), _SIGNS, margin=0.2, reduction="sum"),
    bound=_BOUND,
    reference=reference.cosine_embedding_loss,
    kernels=("cosine", "cosine_grad"),
)
case(
    ops.info_nce_loss,
    sample(normal(5, 3), normal(5, 3)),
    sample(normal(5, 3), normal(5, 3), normal(4, 3), temperature=0.5, reduction="none"),
    error(ConfigError, "temperature must be positive", normal(5, 3), normal(5, 3), temperature=0.0),
    bound=_BOUND,
    reference=reference.info_nce_loss,
)
case(
    ops.prototypes,
    sample(normal(5, 3), _LABELS, ways=3),
    error(ShapeError, "support must be (M,D)", normal(5, 3), integers(0, 2, 4), ways=2),
    error(DataError, "no support example", normal(5, 3), _LABELS, ways=4),
    bound=_BOUND,
    reference=reference.prototypes,
)
case(
    ops.prototypical_loss,
    sample(normal(5, 3), _LABELS, normal(4, 3), integers(0, 3, 4), ways=3),
    sample(normal(5, 3), _LABELS, normal(4, 3), integers(0, 3, 4), ways=3, reduction="none"),
    bound=_BOUND,
    reference=reference.prototypical_loss,
)
