"""The functions behind the layers under one name: from dlengine.nn import functional as F."""

from __future__ import annotations

from ..ops.activation import *  # noqa: F403
from ..ops.conv import *  # noqa: F403
from ..ops.embedding import *  # noqa: F403
from ..ops.loss import *  # noqa: F403
from ..ops.norm import *  # noqa: F403
from ..ops.pool import *  # noqa: F403
from ..ops.random import dropout as dropout
from ..ops.softmax import *  # noqa: F403
