"""Module, the base of PyTorch's layers, over dlengine's."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from ... import nn
from ...nn.module import raise_if_not_tensor
from ..names.core import CLASSES, is_tensor, own, refuse
from ..names.engine import dl
from ..names.places import device as _device
from ..names.places import looks_like_device
from . import hooks
from .parameter import Parameter

_CALL = nn.Module.__call__

_HOOKS = {"_pre_hooks", "_post_hooks", "_backward_hooks", "_backward_pre_hooks"}

LAYERS: dict[type, type] = {}
"""dlengine's classes of modules and those of this namespace."""


def adopt(module: Any) -> Any:
    """Give a module that dlengine made, its inner modules and their tensors the classes of this namespace."""
    for m in module.modules():
        kind = LAYERS.get(type(m))
        if kind is not None:
            m.__class__ = kind
        for value in m.__dict__.values():
            if isinstance(value, dl.Tensor | tuple | list):
                own(value)
    return module


class Module(nn.Module):
    """Base of layers and networks, with PyTorch's methods."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Nothing has to be prepared; PyTorch's programs call this."""

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        called: Any = super().__call__
        if not _HOOKS.isdisjoint(self.__dict__) or called.__func__ is not _CALL:
            if "_backward_hooks" in self.__dict__ or "_backward_pre_hooks" in self.__dict__:
                return hooks.called(self, called, args, kwargs)
            return own(called(*args, **kwargs))
        try:
            return own(self.forward(*args, **kwargs))
        except AttributeError as error:
            raise_if_not_tensor(self, args, error)
            raise

    def __setattr__(self, name: str, value: Any) -> None:
        if type(value) in LAYERS:
            adopt(value)
        elif type(value) in CLASSES:
            own(value)
        if "parametrizations" in self.__dict__ and self._is_parametrized(name):
            self.__dict__["parametrizations"].__dict__[name].right_inverse(value)
            return
        if is_tensor(value) and not isinstance(value, nn.Parameter) and isinstance(self.__dict__.get(name), nn.Parameter):
            raise TypeError(f"cannot assign a tensor as parameter '{name}' (torch.nn.Parameter or None expected)")
        if isinstance(value, list | dict):  # PyTorch says nothing of modules in lists, whose parameters it does not find either
            object.__setattr__(self, name, value)
            return
        super().__setattr__(name, value)

    # ------------------------------------------------------------------ what is inside
    @property
    def _parameters(self) -> dict[str, Any]:
        return {n: v for n, v in self.__dict__.items() if isinstance(v, nn.Parameter)}

    @property
    def _modules(self) -> dict[str, Any]:
        return {n: v for n, v in self.__dict__.items() if isinstance(v, nn.Module)}

    @property
    def _buffers(self) -> dict[str, Any]:
        return {n: self.__dict__[n] for n in self.__dict__.get("_buffer_names", {})}

    def register_module(self, name: str, module: Any) -> None:
        """add_module under its other name."""
        self.add_module(name, module)

    def get_submodule(self, target: str) -> Any:
        """The module of a dotted name."""
        m: Any = self
        for part in target.split(".") if target else ():
            m = m.__dict__[part]
        return m

    def get_parameter(self, target: str) -> Any:
        """The parameter of a dotted name."""
        path, _, name = target.rpartition(".")
        return self.get_submodule(path).__dict__[name]

    def named_modules(  # type: ignore[override]
        self, memo: Any = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Any]]:
        """The modules with their dotted names, this one first."""
        if isinstance(memo, str):
            prefix = memo
        return super().named_modules(prefix)

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Any]]:
        """The parameters with their dotted names."""
        return super().named_parameters(prefix, recurse)

    # ------------------------------------------------------------------ moving and casting
    def to(self, *args: Any, device: Any = None, dtype: Any = None, non_blocking: bool = False, memory_format: Any = None) -> Any:
        """Move to a device, cast to a floating dtype."""
        for a in args:
            if is_tensor(a):
                device, dtype = a.device, a.dtype
            elif isinstance(a, bool):
                continue
            elif looks_like_device(a) or isinstance(a, int):
                device = a
            elif a is not None:
                dtype = a
        if device is not None:
            super().to(str(device) if isinstance(device, str) else f"cuda:{device}")
        if dtype is not None:
            super().to(dtype)
        return self

    def cuda(self, device: Any = None) -> Any:
        """Move to the GPU of the backend."""
        return self.to("cuda" if device is None else device)

    def cpu(self) -> Any:
        """Move to the CPU."""
        return self.to("cpu")

    def half(self) -> Any:
        """Cast to float16."""
        return self.to("float16")

    def bfloat16(self) -> Any:
        """Cast to bfloat16."""
        return self.to(dl.bfloat16)

    def type(self, dst_type: Any) -> Any:
        """Cast to a dtype."""
        return self.to(getattr(dst_type, "dtype", dst_type))

    def share_memory(self) -> Any:
        """Nothing has to be done: threads share all memory."""
        return self

    def compile(self, *_: Any, **__: Any) -> None:
        """Nothing has to be done."""

    # ------------------------------------------------------------------ saving and loading
    def state_dict(self, *args: Any, destination: Any = None, prefix: str = "", keep_vars: bool = False) -> Any:
        """The values by dotted name."""
        if args and isinstance(args[0], str):
            prefix = args[0]
        found = OrderedDict(own(super().state_dict(prefix)))
        if keep_vars:
            named = dict(self.named_parameters()) | dict(self.named_buffers())
            found = OrderedDict((k, named.get(k.removeprefix(prefix), v)) for k, v in found.items())
        if destination is not None:
            destination.update(found)
            return destination
        return found

    def load_state_dict(self, state_dict: Any, strict: bool = True, assign: bool = False) -> Any:
        """Load values by dotted name; nothing changes unless everything fits."""
        try:
            return super().load_state_dict(state_dict, strict)
        except dl.errors.CheckpointError as error:
            raise RuntimeError(f"Error(s) in loading state_dict for {type(self).__name__}:\n\t{error}") from None

    # ------------------------------------------------------------------ hooks
    def register_full_backward_hook(self, hook: Callable[..., Any], prepend: bool = False) -> Any:
        """Call a function with the gradients of the inputs and outputs, once they are known."""
        return hooks.register(self, "_backward_hooks", hook)

    def register_full_backward_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> Any:
        """Call a function with the gradients of the outputs; what it returns takes their place."""
        return hooks.register(self, "_backward_pre_hooks", hook)

    def register_backward_hook(self, hook: Callable[..., Any]) -> Any:
        """register_full_backward_hook under its old name."""
        return self.register_full_backward_hook(hook)

    def register_forward_hook(self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False,
                              always_call: bool = False) -> Any:  # fmt: skip
        """Call a function after every forward."""
        if with_kwargs or prepend or always_call:
            raise refuse("nn.Module.register_forward_hook", "with_kwargs, prepend and always_call are not supported")
        return super().register_forward_hook(lambda module, args, output: hook(module, args, own(output)))

    def __dir__(self) -> Any:
        return sorted({*object.__dir__(self), *self.__dict__})

    def _get_name(self) -> str:
        return type(self).__name__


_ = (Parameter, _device)
