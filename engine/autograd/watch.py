"""Watchers of leaves: told of each gradient as soon as it is complete, while the walk goes on, and again at its end.

A hook of a tensor runs when the whole walk is over. A watcher starts work on a gradient earlier, such as sending it to other
processes while the gradients of the layers before are still computed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from .base import Node, TensorBase, graph


class Watcher(Protocol):
    """What watches leaves."""

    def early(self, leaf: TensorBase) -> bool:
        """Whether a leaf's gradient is wanted while the walk goes on; the others are told of at its end."""
        ...

    def ready(self, leaf: TensorBase, gradient: Any) -> None:
        """Note that the gradient of a leaf, an array that must not be written to, is complete."""

    def finish(self, gradients: dict[Any, Any]) -> None:
        """End a walk: replace gradients in the dict of leaves and their arrays."""

    def abandon(self) -> None:
        """End a walk that an error has stopped."""


watchers: dict[TensorBase, Watcher] = {}
"""The watcher of each leaf that has one."""


class Watched:
    """The watched leaves of one walk."""

    def __init__(self, roots: Iterable[Node]) -> None:
        last: dict[TensorBase, Node] = {}
        early = {leaf for leaf, watcher in watchers.items() if watcher.early(leaf)}
        for node in graph(roots) if early else ():  # oldest first: the first user of a leaf is the last that the walk comes to
            for source, needed in zip(node.inputs, node.need, strict=True):
                if needed and type(source) is not tuple and source in early:
                    last.setdefault(source, node)
        self.complete: dict[Node, list[TensorBase]] = {}
        for leaf, node in last.items():
            self.complete.setdefault(node, []).append(leaf)
        self.told: set[TensorBase] = set()

    def after(self, node: Node, gradients: dict[Any, Any]) -> None:
        """Tell the watchers of early leaves that get nothing more after this node."""
        for leaf in self.complete.pop(node, ()):
            if leaf in gradients:
                self.told.add(leaf)
                watchers[leaf].ready(leaf, gradients[leaf])

    def finish(self, gradients: dict[Any, Any]) -> None:
        """Tell the watchers of the other leaves, and that the walk has ended."""
        for leaf in [leaf for leaf in gradients if leaf in watchers and leaf not in self.told]:
            watchers[leaf].ready(leaf, gradients[leaf])
        for watcher in {id(w): w for w in watchers.values()}.values():
            watcher.finish(gradients)

    def abandon(self) -> None:
        """Tell the watchers that the walk was stopped by an error."""
        for watcher in {id(w): w for w in watchers.values()}.values():
            watcher.abandon()
