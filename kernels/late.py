"""Modules that are imported when they are first needed, locks, and forks: a child has none of its parent's other threads.

A child that needed a module which another thread was importing, or a lock which another thread held, would wait for ever. So a
fork waits for both.
"""

from __future__ import annotations

import os
from importlib import import_module
from threading import RLock
from typing import Any, Protocol


class Lock(Protocol):
    """What a thread can take and give back."""

    def acquire(self) -> Any: ...

    def release(self) -> Any: ...


importing = RLock()
"""Held while a thread imports modules of ours late. They may take the locks below; who holds one of these imports none."""

_locks: list[Lock] = []
_taken: list[tuple[Lock, ...]] = []


def imported(name: str, package: str | None = None) -> Any:
    """A module by its name, which may begin with a dot in a package, imported if need be."""
    with importing:
        return import_module(name, package)


def hold_at_fork(*locks: Lock) -> None:
    """Have a fork take these locks, after those that were named before: in the order in which a thread may take them."""
    _locks.extend(locks)


def _before() -> None:
    importing.acquire()
    now = tuple(_locks)  # a module that was just imported may have added some
    for lock in now:
        lock.acquire()
    _taken.append(now)


def _after() -> None:
    for lock in reversed(_taken.pop()):
        lock.release()
    importing.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_after, after_in_child=_after)
