"""torch.nn.utils.parametrize: tensors of a module computed from others at each access, by modules of the program's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from .... import nn
from ...names.core import is_tensor, own
from ...names.engine import dl
from ..containers import ModuleDict, ModuleList
from ..parameter import Parameter

_KEPT: ContextVar[dict[int, Any] | None] = ContextVar("kept", default=None)
"""What was computed inside cached(), by the identity of what computes it."""


@contextmanager
def cached() -> Iterator[None]:
    """Compute each parametrized tensor once inside the block."""
    token = _KEPT.set({}) if _KEPT.get() is None else None
    try:
        yield
    finally:
        if token is not None:
            _KEPT.reset(token)


class ParametrizationList(ModuleList):
    """The modules that compute a tensor one after another, and what the first is given: original, or original0, original1 ..."""

    def __init__(self, modules: Any, original: Any, unsafe: bool = False) -> None:
        super().__init__(modules)
        self.unsafe = unsafe
        with dl.no_grad():
            new = original
            for m in reversed(list(self)):
                try:
                    new = m.right_inverse(new) if hasattr(m, "right_inverse") else new
                except NotImplementedError:
                    pass
        self.is_tensor = is_tensor(new)
        self.ntensors = 1 if self.is_tensor else len(new)
        if self.is_tensor:
            if new.dtype != original.dtype:
                raise ValueError(f"right_inverse may not change the dtype: the tensor has {original.dtype}, got {new.dtype}")
            with dl.no_grad():
                _set(original, new)
            _register(self, "original", original)
        else:
            for i, part in enumerate(new):
                trained = isinstance(original, nn.Parameter)
                _register(self, f"original{i}", Parameter(part, original.requires_grad) if trained else part)
        if not unsafe:
            _must_keep(self(), original, "a parametrization")

    def __call__(self, *args: Any, **options: Any) -> Any:
        kept = _KEPT.get()
        if kept is None:
            return super().__call__(*args, **options)
        if id(self) not in kept:
            kept[id(self)] = super().__call__(*args, **options)
        return kept[id(self)]

    def __iter__(self) -> Iterator[Any]:
        return (m for name, m in self.__dict__.items() if name.isdigit())

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def forward(self) -> Any:
        first, *rest = self
        x = first(*self.originals())
        for m in rest:
            x = m(x)
        return x

    def originals(self) -> list[Any]:
        """The tensors that the first module is given."""
        return [self.original] if self.is_tensor else [getattr(self, f"original{i}") for i in range(self.ntensors)]

    def right_inverse(self, value: Any) -> None:
        """Change the originals so that the modules compute a value."""
        with dl.no_grad():
            for m in reversed(list(self)):
                if not hasattr(m, "right_inverse"):
                    raise RuntimeError(f"a tensor cannot be assigned: {type(m).__name__} has no right_inverse")
                value = m.right_inverse(value)
            given = [value] if self.is_tensor else list(value)
            if len(given) != self.ntensors:
                raise ValueError(f"right_inverse: expected {self.ntensors} tensors, got {len(given)}")
            for held, new in zip(self.originals(), given, strict=True):
                if held.dtype != new.dtype:
                    raise ValueError(f"right_inverse: expected a tensor of {held.dtype}, got {new.dtype}")
                _set(held, new)

    def advance(self) -> None:
        """Nothing goes on with a forward pass."""


def _set(held: Any, new: Any) -> None:
    """Give a tensor other values and, where they have another, another shape."""
    if held.shape == new.shape:
        held.copy_(new)
    else:
        held.array = dl.clone(new).array


def _register(module: Any, name: str, tensor: Any) -> None:
    if isinstance(tensor, nn.Parameter):
        module.register_parameter(name, tensor)
    else:
        module.__dict__.get("_buffer_names", {}).pop(name, None)  # it comes last now
        module.register_buffer(name, tensor)


def _must_keep(new: Any, old: Any, what: str) -> None:
    """Refuse results of another kind, dtype or shape."""
    if not is_tensor(new):
        raise ValueError(f"{what} must return a tensor, got {type(new).__name__}")
    if new.dtype != old.dtype or new.shape != old.shape:
        raise ValueError(
            f"{what} changes dtype or shape, which unsafe=True allows: the tensor is {tuple(old.shape)} of "
            f"{old.dtype}, got {tuple(new.shape)} of {new.dtype}"
        )


def register_parametrization(module: Any, tensor_name: str, parametrization: Any, *, unsafe: bool = False) -> Any:
    """Compute a parameter or buffer of a module by another module from what it was."""
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        held = module.parametrizations[tensor_name]
        if not isinstance(held, ParametrizationList):
            raise ValueError(f"{tensor_name} is computed by weight_norm or spectral_norm; register those after other modules")
        if not unsafe:
            y = getattr(module, tensor_name)
            x = parametrization(y)
            _must_keep(x, y, "a parametrization")
            if hasattr(parametrization, "right_inverse"):
                try:
                    _must_keep(parametrization.right_inverse(x), y, "parametrization.right_inverse")
                except NotImplementedError:
                    pass
        held.add_module(str(len(held)), parametrization)
        held.unsafe |= unsafe
    elif tensor_name in module._parameters or tensor_name in module._buffers:
        made = ParametrizationList([parametrization], module.__dict__[tensor_name], unsafe)
        delattr(module, tensor_name)
        if "parametrizations" not in module.__dict__:
            module.parametrizations = ModuleDict()
        module.parametrizations[tensor_name] = made
    else:
        raise ValueError(f"register_parametrization: {type(module).__name__} has no parameter or buffer {tensor_name!r}")
    return module


def is_parametrized(module: Any, tensor_name: str | None = None) -> bool:
    """Whether a tensor is computed from others."""
    made = module.__dict__.get("parametrizations")
    return made is not None and len(made) > 0 and (tensor_name is None or tensor_name in made.__dict__)


def remove_parametrizations(module: Any, tensor_name: str, leave_parametrized: bool = True) -> Any:
    """Put a parameter or buffer back, with the values that were computed or, unless leave_parametrized, the original ones."""
    if not is_parametrized(module, tensor_name):
        raise ValueError(f"remove_parametrizations: {tensor_name} of {type(module).__name__} has none")
    held = module.parametrizations[tensor_name]
    original = held.__dict__.get("original")
    if original is None and not leave_parametrized:
        raise ValueError("remove_parametrizations: leave_parametrized=False needs one original tensor, and this one has several")
    if leave_parametrized:
        value = getattr(module, tensor_name)
        if original is None:
            original = Parameter(value) if value.requires_grad else value
        else:  # the same parameter, which an optimizer may hold
            with dl.no_grad():
                _set(original, value.detach())
    del module.parametrizations[tensor_name]
    if not len(module.parametrizations):
        delattr(module, "parametrizations")
    _register(module, tensor_name, own(original))
    return module


def type_before_parametrizations(module: Any) -> type:
    """The class of a module."""
    return type(module)
