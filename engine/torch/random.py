"""torch.random: seeds and the state of the generator."""

from __future__ import annotations

from .names.modes import fork_rng as fork_rng
from .names.modes import get_rng_state as get_rng_state
from .names.modes import initial_seed as initial_seed
from .names.modes import manual_seed as manual_seed
from .names.modes import seed as seed
from .names.modes import set_rng_state as set_rng_state
