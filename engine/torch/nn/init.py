"""torch.nn.init: initial values, written to tensors in place."""

from __future__ import annotations

import warnings
from typing import Any

from ... import nn as _nn

_init = _nn.init


def _filling(name: str) -> Any:
    f = getattr(_init, name)

    def fill(tensor: Any, *args: Any, **options: Any) -> Any:
        f(tensor, *args, **options)
        return tensor

    fill.__name__ = name
    fill.__doc__ = f.__doc__
    return fill


uniform_, normal_, constant_, ones_, zeros_ = map(_filling, ("uniform_", "normal_", "constant_", "ones_", "zeros_"))
eye_, dirac_, orthogonal_, sparse_, trunc_normal_ = map(_filling, ("eye_", "dirac_", "orthogonal_", "sparse_", "trunc_normal_"))
xavier_uniform_, xavier_normal_ = _filling("xavier_uniform_"), _filling("xavier_normal_")
kaiming_uniform_, kaiming_normal_ = _filling("kaiming_uniform_"), _filling("kaiming_normal_")
calculate_gain = _init.calculate_gain


def _old(name: str) -> Any:
    f = globals()[name + "_"]

    def fill(tensor: Any, *args: Any, **options: Any) -> Any:
        warnings.warn(f"nn.init.{name} is now deprecated in favor of nn.init.{name}_.", FutureWarning, stacklevel=2)
        return f(tensor, *args, **options)

    fill.__name__ = name
    return fill


uniform, normal, constant, eye, dirac, orthogonal = map(_old, ("uniform", "normal", "constant", "eye", "dirac", "orthogonal"))
xavier_uniform, xavier_normal = _old("xavier_uniform"), _old("xavier_normal")
kaiming_uniform, kaiming_normal = _old("kaiming_uniform"), _old("kaiming_normal")


def _calculate_fan_in_and_fan_out(tensor: Any) -> tuple[int, int]:
    if tensor.ndim < 2:
        raise ValueError("Fan in and fan out can not be computed for tensor with fewer than 2 dimensions")
    field = 1
    for n in tensor.shape[2:]:
        field *= n
    return tensor.shape[1] * field, tensor.shape[0] * field
