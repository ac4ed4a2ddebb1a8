"""The functions behind the layers under one name: from dlengine.nn import functional as F."""

from __future__ import annotations

from ..ops.activation import *  # noqa: F403
from ..ops.attention import *  # noqa: F403
from ..ops.conv import *  # noqa: F403
from ..ops.conv import output_size as output_size
from ..ops.embedding import *  # noqa: F403
from ..ops.linalg import linear as linear
from ..ops.loss import *  # noqa: F403
from ..ops.loss_distribution import *  # noqa: F403
from ..ops.loss_margin import *  # noqa: F403
from ..ops.loss_metric import *  # noqa: F403
from ..ops.loss_sequence import *  # noqa: F403
from ..ops.norm import *  # noqa: F403
from ..ops.penalty import *  # noqa: F403
from ..ops.piecewise import *  # noqa: F403
from ..ops.pool import *  # noqa: F403
from ..ops.random import alpha_dropout as alpha_dropout
from ..ops.random import dropout as dropout
from ..ops.resize import *  # noqa: F403
from ..ops.reversal import gradient_reversal as gradient_reversal
from ..ops.shape import pad as pad
from ..ops.softmax import *  # noqa: F403
