"""Switches of the process: recording of gradients, seeds, default dtype, threads, precision, determinism."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ...generator import default_generator
from .core import is_tensor, kind_of, refuse
from .engine import dl


class set_grad_enabled:  # noqa: N801 - PyTorch's name
    """Record or not: at once for what follows, or inside a with block, or in a decorated function."""

    def __init__(self, mode: bool) -> None:
        self._mode = mode
        self._scope = (dl.enable_grad if mode else dl.no_grad)()
        self._scope.__enter__()

    def __enter__(self) -> None:
        """The mode is set already."""

    def __exit__(self, *exc: object) -> None:
        self._scope.__exit__(*exc)

    def __call__(self, function: Any) -> Any:
        self._scope.__exit__()
        return (dl.enable_grad if self._mode else dl.no_grad)()(function)


def inference_mode(mode: Any = True) -> Any:
    """No recording, as a block or a decorator."""
    if callable(mode):
        return dl.no_grad()(mode)
    return (dl.no_grad if mode else dl.enable_grad)()


def manual_seed(seed: int) -> Any:
    """Seed the generator of all random numbers."""
    return dl.manual_seed(int(seed) % 2**64)


def initial_seed() -> int:
    """The seed of the default generator."""
    return default_generator.seed


def seed() -> int:
    """Seed with a random number, and return it."""
    new = int.from_bytes(os.urandom(7), "little")
    dl.manual_seed(new)
    return new


def get_rng_state() -> Any:
    """The state of the default generator, as a dict that set_rng_state takes."""
    return default_generator.state_dict()


def set_rng_state(new_state: Any) -> None:
    """Continue from what get_rng_state gave."""
    default_generator.load_state_dict(new_state)


@contextmanager
def fork_rng(devices: Any = (), enabled: bool = True, **_: Any) -> Iterator[None]:
    """Inside the block, draws leave the generator outside as it was."""
    kept = get_rng_state()
    try:
        yield
    finally:
        if enabled:
            set_rng_state(kept)


def set_default_dtype(d: Any) -> None:
    """Set the dtype of new floating tensors."""
    dl.set_default_dtype(d)


def set_default_tensor_type(t: Any) -> None:
    """Set the default dtype by the old name of a tensor type."""
    if isinstance(t, str):
        from .creation import TYPED

        t = TYPED[t.rpartition(".")[2]]
    dl.set_default_dtype(t.dtype)


def set_default_device(device: Any) -> None:
    """Accepted for the device that the backend has already."""
    from ... import backend

    if device is not None and str(device).split(":")[0] != backend.default_device().split(":")[0]:
        raise refuse("set_default_device", "the backend decides; choose it with dlengine.set_backend or DLENGINE_BACKEND")


def result_type(tensor1: Any, tensor2: Any) -> Any:
    """The dtype of tensor1 + tensor2."""
    from .core import demoted

    a, b = demoted(tensor1, tensor2)
    if not is_tensor(a) and not is_tensor(b):
        return np.result_type(np.asarray(a), np.asarray(b))
    small = [dl.zeros(1, dtype=v.dtype) if is_tensor(v) else v for v in (a, b)]
    return (small[0] * small[1]).dtype


def promote_types(type1: Any, type2: Any) -> Any:
    """The dtype that holds both, in PyTorch's rule: integers take the dtype of floats."""
    return (dl.zeros(1, dtype=type1) + dl.zeros(1, dtype=type2)).dtype


def can_cast(from_: Any, to: Any) -> bool:
    """Whether PyTorch casts so in place: never to a lower category."""
    return kind_of(np.dtype(from_)) <= kind_of(np.dtype(to))


def _nothing(name: str) -> Any:
    def call(*_: Any, **__: Any) -> None:
        """Accepted: dlengine has no such switch, and results do not depend on it."""

    call.__name__ = name
    return call


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Accepted: dlengine's results do not depend on chance."""


def compile(model: Any = None, **_: Any) -> Any:
    """Return the model or function itself, which is already compiled loops where the backend has them."""
    return (lambda f: f) if model is None else model


def typename(o: Any) -> str:
    """The name of an object's type."""
    return o.type() if is_tensor(o) else f"{type(o).__module__}.{type(o).__qualname__}"


NAMES: dict[str, Any] = {
    "no_grad": dl.no_grad, "enable_grad": dl.enable_grad, "is_grad_enabled": dl.is_grad_enabled,
    "set_grad_enabled": set_grad_enabled, "inference_mode": inference_mode, "manual_seed": manual_seed,
    "initial_seed": initial_seed, "seed": seed, "get_rng_state": get_rng_state, "set_rng_state": set_rng_state,
    "default_generator": default_generator, "get_default_dtype": dl.get_default_dtype, "set_default_dtype": set_default_dtype,
    "set_default_tensor_type": set_default_tensor_type, "set_default_device": set_default_device, "result_type": result_type,
    "promote_types": promote_types, "can_cast": can_cast, "compile": compile, "typename": typename,
    "use_deterministic_algorithms": use_deterministic_algorithms, "set_deterministic": _nothing("set_deterministic"),
    "are_deterministic_algorithms_enabled": lambda: True, "is_deterministic": lambda: True,
    "set_float32_matmul_precision": _nothing("set_float32_matmul_precision"),
    "get_float32_matmul_precision": lambda: "highest", "set_num_threads": _nothing("set_num_threads"),
    "get_num_threads": lambda: os.cpu_count() or 1, "set_num_interop_threads": _nothing("set_num_interop_threads"),
    "is_inference_mode_enabled": lambda: not dl.is_grad_enabled(), "set_warn_always": _nothing("set_warn_always"),
    "get_default_device": lambda: __import__("dlengine.torch.names.places", fromlist=["x"]).device("cpu"),
}  # fmt: skip
