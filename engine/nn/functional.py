"""Activations, losses and the other functions behind the layers: ``from dlengine.nn import functional as F``."""

from __future__ import annotations

from ..ops.activation import *  # noqa: F403
from ..ops.attention import *  # noqa: F403
from ..ops.conv import *  # noqa: F403
from ..ops.conv_geometry import output_size as output_size
from ..ops.distances import *  # noqa: F403
from ..ops.dropout import alpha_dropout as alpha_dropout
from ..ops.dropout import dropout as dropout
from ..ops.embedding import *  # noqa: F403
from ..ops.linalg import linear as linear
from ..ops.loss import *  # noqa: F403
from ..ops.loss_distribution import *  # noqa: F403
from ..ops.loss_margin import *  # noqa: F403
from ..ops.loss_metric import *  # noqa: F403
from ..ops.loss_regression import *  # noqa: F403
from ..ops.loss_sequence import *  # noqa: F403
from ..ops.norm import *  # noqa: F403
from ..ops.norm_local import *  # noqa: F403
from ..ops.penalty import *  # noqa: F403
from ..ops.piecewise import *  # noqa: F403
from ..ops.pool import *  # noqa: F403
from ..ops.repetition import pad as pad
from ..ops.resize import *  # noqa: F403
from ..ops.reversal import gradient_reversal as gradient_reversal
from ..ops.softmax import *  # noqa: F403
from ..ops.trigonometric import tanh as tanh
