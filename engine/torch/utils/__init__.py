"""torch.utils: data loading, checkpoints and the summary writer."""

from __future__ import annotations

from . import checkpoint as checkpoint
from . import data as data
from . import tensorboard as tensorboard
