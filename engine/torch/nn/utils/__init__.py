"""torch.nn.utils: gradients clipped, parameters as one vector, and the packages rnn and parametrizations."""

from __future__ import annotations

from typing import Any

import numpy as np

from .... import optim
from ....errors import GradientError
from ...names.core import is_tensor, own
from ...names.engine import dl
from . import parametrizations as parametrizations
from . import parametrize as parametrize
from . import prune as prune
from . import rnn as rnn
from .legacy import remove_spectral_norm as remove_spectral_norm
from .legacy import remove_weight_norm as remove_weight_norm
from .legacy import spectral_norm as spectral_norm
from .legacy import weight_norm as weight_norm

USUAL = {np.dtype("float32"), np.dtype("float64")}


def _listed(parameters: Any) -> list[Any]:
    return [parameters] if is_tensor(parameters) else list(parameters)


def clip_grad_norm_(parameters: Any, max_norm: float, norm_type: float = 2.0, error_if_nonfinite: bool = False,
                    foreach: Any = None) -> Any:  # fmt: skip
    """Scale gradients so that their common norm is max_norm at most; return the norm before."""
    chosen, norm_type = [p for p in _listed(parameters) if p._grad is not None], float(norm_type)
    if not chosen:
        return own(dl.asarray(0.0))
    usual = max_norm >= 0 and norm_type > 0 and {p._grad.dtype for p in chosen} <= USUAL
    try:
        if usual:  # a few calls for all gradients together
            return own(optim.clip_grad_norm_(chosen, float(max_norm), norm_type, error_if_nonfinite))
        total = _norm([p.grad for p in chosen], norm_type)
        if error_if_nonfinite and not bool(dl.isfinite(total)):
            raise GradientError
    except GradientError:
        raise RuntimeError(f"The total norm of order {norm_type} for gradients from `parameters` is non-finite") from None
    factor = dl.clip(max_norm / (total + 1e-6), max=1.0)
    with dl.no_grad():
        for p in chosen:
            p.grad[...] = p.grad * factor
    return own(total)


def _norm(gradients: list[Any], order: float) -> Any:
    return dl.linalg.vector_norm(dl.stack([dl.linalg.vector_norm(g, ord=order) for g in gradients]), ord=order)


def clip_grad_norm(parameters: Any, max_norm: float, norm_type: float = 2.0) -> Any:
    """clip_grad_norm_ under its old name."""
    return clip_grad_norm_(parameters, max_norm, norm_type)


def clip_grad_value_(parameters: Any, clip_value: float, foreach: Any = None) -> None:
    """Cut the elements of gradients off at clip_value."""
    optim.clip_grad_value_([p for p in _listed(parameters) if p.grad is not None], float(clip_value))


def parameters_to_vector(parameters: Any) -> Any:
    """All parameters in one vector."""
    return own(dl.concat([dl.reshape(p, (-1,)) for p in parameters], axis=0))


def vector_to_parameters(vec: Any, parameters: Any) -> None:
    """Write a vector to parameters one after another."""
    start = 0
    with dl.no_grad():
        for p in parameters:
            n = int(p.array.size)
            p[...] = dl.reshape(vec[start : start + n], tuple(p.shape))
            start += n


def skip_init(module_cls: Any, *args: Any, **kwargs: Any) -> Any:
    """A module whose parameters the program sets itself; here they are set to their usual values first."""
    return module_cls(*args, **kwargs)
