"""Rows of interpolation and pixel shuffling."""

from __future__ import annotations

from ...errors import ConfigError, ShapeError
from ...ops import resize as ops
from ..arguments import normal
from ..bounds import exact, forward_error
from ..references import resize as ref
from ..table import case, error, sample

case(
    ops.interpolate,
    sample(normal(2, 3, 4, 5), scale_factor=2),
    sample(normal(1, 2, 4, 5), size=(3, 7), mode="nearest-exact"),
    sample(normal(1, 2, 4, 5), size=(7, 3), mode="bilinear"),
    sample(normal(1, 2, 4, 5), scale_factor=(1.5, 2.0), mode="bilinear"),
    sample(normal(1, 2, 4, 5), size=(7, 4), mode="bilinear", align_corners=True),
    sample(normal(1, 2, 4, 5), size=(3, 9), mode="bicubic"),
    sample(normal(1, 2, 7, 5), size=3, mode="area"),
    sample(normal(1, 2, 4, 3), size=(5, 7), mode="area"),
    sample(normal(1, 2, 4, 5), scale_factor=(2.0, 1.7), mode="bicubic", align_corners=True),
    sample(normal(1, 2, 5), scale_factor=1.6, mode="nearest-exact"),
    sample(normal(1, 2, 3, 4, 3), scale_factor=(0.7, 2.0, 1.5)),
    sample(normal(1, 2, 3, 2, 4), size=(5, 1, 3), mode="trilinear", align_corners=True),
    sample(normal(2, 3, 5), size=9, mode="linear"),
    sample(normal(1, 2, 3, 2, 4), size=(5, 3, 2), mode="trilinear"),
    sample(normal(2, 3, 4, 4), size=4, mode="bilinear", label="same size"),
    sample(normal(0, 3, 4, 4), size=2, label="no images"),
    error(ShapeError, "input must be (N,C,*S)", normal(3, 4), size=2),
    error(ShapeError, "nothing to resize", normal(1, 2, 0, 4), size=2),
    error(ConfigError, "mode must be one of", normal(1, 2, 4, 4), size=2, mode="linear"),
    error(ConfigError, "either size or scale_factor", normal(1, 2, 4, 4)),
    error(ConfigError, "align_corners has a meaning", normal(1, 2, 4, 4), size=2, align_corners=True),
    error(ConfigError, "scale_factor must be positive", normal(1, 2, 4, 4), scale_factor=-1.0),
    bound=forward_error(16, c=8),
    reference=ref.interpolate,
)
case(
    ops.pixel_shuffle,
    sample(normal(2, 12, 3, 2), 2),
    sample(normal(1, 18, 1, 2), 3),
    sample(normal(4, 3, 2), 2, label="one sample"),
    error(ShapeError, "(N, C r r, H, W) with r=3", normal(2, 12, 3, 2), 3),
    bound=exact,
    reference=ref.pixel_shuffle,
)
case(
    ops.channel_shuffle,
    sample(normal(2, 6, 3, 2), 2),
    sample(normal(1, 12, 5), 3),
    error(ShapeError, "multiple of groups=4", normal(2, 6, 3), 4),
    bound=exact,
    reference=ref.channel_shuffle,
)
case(
    ops.pixel_unshuffle,
    sample(normal(2, 3, 6, 4), 2),
    sample(normal(1, 2, 3, 6), 3),
    sample(normal(2, 4, 2), 2, label="one sample"),
    error(ShapeError, "(N, C, H r, W r) with r=3", normal(2, 3, 6, 4), 3),
    bound=exact,
    reference=ref.pixel_unshuffle,
)
