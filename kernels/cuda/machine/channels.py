"""How the sums over the channels of an array are divided among blocks; channels.cuh adds them."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from ...types import Array
from .launch import blocks_for

FULL_GRID = 512
"""Blocks that keep every card busy. Not asked of the card: the split of a sum, and so its rounding, must not depend on it."""
SPLIT_SIZE = 2048
"""Values that a part of a channel's sum has at least."""
PACK = 8
"""Values that a thread may read at once: 16 bytes of them, whatever the dtype, divide so many."""
LONG = 32
"""From this length on, threads of a warp read along a channel; below, across channels."""


@dataclass(frozen=True)
class Channels:
    """An array (outer, channels, inner), and how the sums over its channels are divided among blocks."""

    outer: int
    channels: int
    inner: int

    @property
    def values(self) -> int:
        """Of one channel."""
        return self.outer * self.inner

    @property
    def across(self) -> int:
        """Channels that a block sums."""
        return 1 if self.inner >= LONG else 32

    @property
    def tiles(self) -> int:
        return blocks_for(self.channels, self.across)

    @property
    def packs(self) -> bool:
        """Whether whole packs lie in a channel of an image."""
        return self.across == 1 and self.inner % PACK == 0

    @property
    def split_size(self) -> int:
        """Values of a part."""
        wanted = min(blocks_for(FULL_GRID, max(self.tiles, 1)), blocks_for(self.values * self.across, SPLIT_SIZE))
        size = max(1, blocks_for(self.values, max(1, wanted)))
        return blocks_for(size, PACK) * PACK if self.packs else size

    @property
    def splits(self) -> int:
        """Parts that a channel is summed in."""
        return max(1, blocks_for(self.values, self.split_size))


def channels_of(x: Array) -> Channels:
    """Where the channels of (N, C, *S) lie."""
    return Channels(x.shape[0], x.shape[1], prod(x.shape[2:]))
