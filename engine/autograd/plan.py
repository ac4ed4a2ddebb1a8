"""The plan of a walk: its targets, where it stops, and which nodes lead to a target."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from .base import Node, TensorBase, graph


class Plan:
    """Where a walk goes: to all leaves, or to some targets alone.

    Attributes
    ----------
    leaves : set of TensorBase
        Targets that are leaves.
    inner : set of (Node, int)
        Targets that are outputs of nodes.
    stop : collection of (Node, int)
        Outputs that count as leaves: the walk goes no further.
    relevant : set of Node, or None
        The nodes through which a target is reached; None where every leaf is a target.
    """

    def __init__(self, roots: Sequence[Node], targets: Sequence[TensorBase] | None, upto: bool) -> None:
        self.targets = targets or ()
        self.leaves = {t for t in self.targets if t.node is None}
        self.inner = {(t.node, t._index) for t in self.targets if t.node is not None}
        self.stop: Collection[Any] = self.inner if upto else ()
        self.upto = upto
        self.relevant = None if targets is None else self._leading_to_targets(roots)

    def _leading_to_targets(self, roots: Sequence[Node]) -> set[Node]:
        relevant: set[Node] = set()
        for node in graph(roots, self.stop):
            for s, n in zip(node.inputs, node.need, strict=True):
                if n and (self._leads(s, relevant) if type(s) is tuple else s in self.leaves):
                    relevant.add(node)
                    break
        return relevant

    def _leads(self, source: Any, relevant: set[Node]) -> bool:
        place = (source[0], source[1])
        return place in self.inner or (source[0] in relevant and place not in self.stop)

    def reaches_target(self, source: Any) -> bool:
        """Whether an input of a node is a target, or depends on one."""
        if type(source) is tuple:
            return source[0] in self.relevant or (source[0], source[1]) in self.inner  # type: ignore[operator]
        return source in self.leaves


EVERYWHERE = Plan((), None, False)
"""To all leaves."""
