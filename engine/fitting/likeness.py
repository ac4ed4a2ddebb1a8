"""How like the training data an input is, by its distance from the space that the main components of the training data span."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..data.host_arrays import HostArray

COMPONENTS = 20
MOST = 300
"""Features that are looked at; of more, evenly spaced ones."""


@dataclass(frozen=True)
class Likeness:
    """Main components of training features, and the largest distances that like inputs have."""

    mean: HostArray
    components: HostArray
    spread: HostArray
    rest: float
    inside: float

    @classmethod
    def fitted(cls, train: HostArray, validation: HostArray) -> Likeness:
        """Components of the training features (N,F); the bounds come from the validation features (M,F)."""
        x = _chosen(train[:: max(1, len(train) // 2000)])
        mean = x.mean(axis=0)
        _, values, rows = np.linalg.svd(x - mean, full_matrices=False)
        k = max(1, min(COMPONENTS, len(x) // 5, len(rows)))
        made = cls(mean, rows[:k], np.maximum(values[:k] / np.sqrt(len(x)), 1e-6), np.inf, np.inf)
        rest, inside = made.distances(validation)
        return cls(mean, rows[:k], made.spread, 1.3 * float(rest.max()) + 1e-6, 1.5 * float(inside.max()) + 1e-6)

    def distances(self, features: HostArray) -> tuple[HostArray, HostArray]:
        """The distance of features (M,F) from the space of the components, and from its middle, (M,) each."""
        x = _chosen(features) - self.mean
        along = x @ self.components.T
        return np.linalg.norm(x - along @ self.components, axis=1), np.linalg.norm(along / self.spread, axis=1) / np.sqrt(
            len(self.spread)
        )

    def unlike(self, features: HostArray) -> list[list[str]]:
        """A warning for each input that is further away than the validation data (M,)."""
        rest, inside = self.distances(features)
        far = np.maximum(rest / self.rest, inside / self.inside)
        return [[f"unlike the training data ({d:.1f} times as far as the furthest)"] if d > 1 else [] for d in far]

    def state(self) -> dict[str, Any]:
        """What ``from_state`` takes."""
        return {
            "mean": self.mean.astype(np.float32), "components": self.components.astype(np.float32),
            "spread": self.spread.astype(np.float32), "rest": self.rest, "inside": self.inside,
        }  # fmt: skip

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Likeness:
        """The likeness of a state."""
        mean, components, spread = (
            np.asarray(state[k].numpy_copy(), dtype=np.float64) for k in ("mean", "components", "spread")
        )
        return cls(mean, components, spread, float(state["rest"]), float(state["inside"]))


def _chosen(features: HostArray) -> HostArray:
    x = np.asarray(features, dtype=np.float64)
    return x if x.shape[1] <= MOST else x[:, np.linspace(0, x.shape[1] - 1, MOST).astype(np.int64)]
