"""torch.optim: optimizers and schedules with PyTorch's arguments; those that only choose a faster path are taken and ignored."""

from __future__ import annotations

import inspect
from collections import defaultdict
from typing import Any

from ... import optim as _optim
from ...optim.parameters import FASTER_PATHS
from ..names.core import own, refuse
from ..names.engine import dl
from . import lr_scheduler as lr_scheduler
from . import swa_utils as swa_utils

ORDERS = {
    "SGD": "params, lr=1e-3, momentum=0, dampening=0, weight_decay=0, nesterov=False, *, maximize=False",
    "Adam": "params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0, amsgrad=False, *, maximize=False",
    "AdamW": "params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-2, amsgrad=False, *, maximize=False",
    "Adagrad": "params, lr=1e-2, lr_decay=0, weight_decay=0, initial_accumulator_value=0, eps=1e-10, *, maximize=False",
    "RMSprop": "params, lr=1e-2, alpha=0.99, eps=1e-8, weight_decay=0, momentum=0, centered=False, *, maximize=False",
    "LBFGS": "params, lr=1, max_iter=20, max_eval=None, tolerance_grad=1e-7, tolerance_change=1e-9, history_size=100, "
    "line_search_fn=None",
    "NAdam": "params, lr=2e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0, momentum_decay=4e-3, decoupled_weight_decay=False, "
    "*, maximize=False",
    "RAdam": "params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0, decoupled_weight_decay=False, *, maximize=False",
    "Adadelta": "params, lr=1.0, rho=0.9, eps=1e-6, weight_decay=0, *, maximize=False",
    "Adamax": "params, lr=2e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0, *, maximize=False",
    "ASGD": "params, lr=1e-2, lambd=1e-4, alpha=0.75, t0=1e6, weight_decay=0, *, maximize=False",
    "Rprop": "params, lr=1e-2, etas=(0.5, 1.2), step_sizes=(1e-6, 50), *, maximize=False",
}


class Optimizer(_optim.Optimizer):
    """Base of optimizers: a subclass of the program's own defines step, and keeps what it likes in state[p]."""

    built_in = False

    def __init__(self, params: Any, defaults: Any) -> None:
        super().__init__(_named(params), dict(defaults))
        if not self.built_in:
            self.state: Any = defaultdict(dict, self.state)


def _make(name: str) -> Any:
    base = getattr(_optim, name)
    asked = inspect.signature(eval(f"lambda {ORDERS[name]}: 0"))  # noqa: S307 - texts of this file

    def init(self: Any, *args: Any, **options: Any) -> None:
        given = asked.bind(*args, **options)
        given.apply_defaults()
        values = dict(given.arguments)
        params = values.pop("params")
        values["lr"] = float(values["lr"].item() if isinstance(values["lr"], dl.Tensor) else values["lr"])
        base.__init__(self, _named(params), **{k: v for k, v in values.items()})

    def step(self: Any, closure: Any = None) -> Any:
        return own(base.step(self) if closure is None else base.step(self, closure))

    init.__signature__ = asked.replace(  # type: ignore[attr-defined]
        parameters=[inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY), *asked.parameters.values(),
                    *(inspect.Parameter(k, inspect.Parameter.KEYWORD_ONLY, default=None) for k in FASTER_PATHS)])  # fmt: skip
    body = {"__init__": init, "step": step, "built_in": True, "__doc__": base.__doc__, "__module__": "dlengine.torch.optim"}
    return type(name, (base, Optimizer), body)


def _named(params: Any) -> Any:
    """Parameters without names that named_parameters() gave."""
    listed = list(params)
    return [p[1] if isinstance(p, tuple) else p for p in listed]


SGD, Adam, AdamW, Adagrad, RMSprop = map(_make, ("SGD", "Adam", "AdamW", "Adagrad", "RMSprop"))
LBFGS, NAdam, RAdam, Adadelta = map(_make, ("LBFGS", "NAdam", "RAdam", "Adadelta"))
Adamax, ASGD, Rprop = map(_make, ("Adamax", "ASGD", "Rprop"))


class Muon(Optimizer):
    """Momentum whose steps are matrices with all singular values near 1 (Jordan 2024), for parameters of two axes."""

    def __init__(self, params: Any, lr: float = 1e-3, weight_decay: float = 0.1, momentum: float = 0.95, nesterov: bool = True,
                 ns_coefficients: Any = (3.4445, -4.7750, 2.0315), eps: float = 1e-7, ns_steps: int = 5,
                 adjust_lr_fn: Any = None) -> None:  # fmt: skip
        if adjust_lr_fn not in (None, "original", "match_rms_adamw"):
            raise ValueError(f"Adjust learning rate function {adjust_lr_fn} is not supported")
        if min(lr, momentum, weight_decay) < 0:
            raise ValueError(f"Muon: lr, momentum and weight_decay must be at least 0, got {lr}, {momentum} and {weight_decay}")
        given = {"lr": float(lr), "weight_decay": weight_decay, "momentum": momentum, "nesterov": nesterov}
        super().__init__(params, {**given, "ns_coefficients": ns_coefficients, "eps": eps, "ns_steps": ns_steps,
                                  "adjust_lr_fn": adjust_lr_fn})  # fmt: skip
        wrong = [tuple(p.shape) for g in self.param_groups for p in g["params"] if p.ndim != 2]
        if wrong:
            raise ValueError(f"Muon only supports 2D parameters whereas we found a parameter with size: {wrong[0]}")

    def step(self, closure: Any = None) -> Any:
        """One step."""
        with dl.enable_grad():
            loss = closure() if closure is not None else None
        with dl.no_grad():
            for group in self.param_groups:
                for p in (p for p in group["params"] if p.grad is not None):
                    held = self.state[p].setdefault("momentum_buffer", own(dl.zeros_like(p.detach())))
                    share = group["momentum"]
                    held.copy_(held + (1 - share) * (p.grad - held))
                    change = p.grad + share * (held - p.grad) if group["nesterov"] else held
                    rows, columns = p.shape
                    as_adamw = group["adjust_lr_fn"] == "match_rms_adamw"
                    wide = max(rows, columns) ** 0.5 * 0.2 if as_adamw else max(1, rows / columns) ** 0.5
                    step = _orthogonal(change, group["ns_coefficients"], group["ns_steps"], group["eps"])
                    p.copy_(p * (1 - group["lr"] * group["weight_decay"]) - group["lr"] * wide * step)
        return loss


def _orthogonal(g: Any, coefficients: Any, steps: int, eps: float) -> Any:
    """A matrix with the singular vectors of g and singular values near 1, by Newton-Schulz steps in bfloat16 as PyTorch's."""
    a, b, c = coefficients
    tall = g.shape[0] > g.shape[1]

    def rounded(x: Any) -> Any:
        return dl.astype(dl.astype(x, dl.bfloat16), "float32")

    x = rounded(g.T if tall else g)
    x = rounded(x / dl.clip(rounded(dl.linalg.vector_norm(x)), min=eps))
    for _ in range(steps):
        gram = rounded(dl.matmul(x, x.T))
        x = rounded(a * x + dl.matmul(rounded(b * gram + c * dl.matmul(gram, gram)), x))
    return dl.astype(x.T if tall else x, g.dtype)


def _absent(name: str) -> Any:
    def init(*_: Any, **__: Any) -> None:
        raise refuse(f"optim.{name}", "this optimizer is not supported; Adam, AdamW, NAdam, RAdam and SGD are")

    init.__name__ = name
    return init


SparseAdam, Adafactor = map(_absent, ("SparseAdam", "Adafactor"))
