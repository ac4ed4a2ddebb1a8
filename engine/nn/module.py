"""Module: what a layer or network is. Attributes that are Parameters, buffers or Modules are found by looking at them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

from .._tensor import Tensor
from ..autograd.base import TensorBase, must_be_tensors, no_grad, tensor_of, written
from ..autograd.hooks import Handle
from ..errors import CheckpointError, DLEngineError, DTypeError
from ..ops.creation import asarray
from ..states import real_for


class Parameter(Tensor):
    """A tensor that a module owns and an optimizer changes. Made from anything that dl.asarray takes; a tensor is shared."""

    __slots__ = ()

    def __init__(self, data: Any, requires_grad: bool = True) -> None:
        super().__init__(data, requires_grad=requires_grad)
        if isinstance(data, TensorBase):
            self._version = data._version

    def __repr__(self) -> str:
        return f"Parameter({super().__repr__()})"


def in_dtype_of(parameter: Any, x: Any) -> Any:
    """An input in the dtype that a layer computes in, that of a parameter: what every layer with parameters does on entry.

    Real numbers are cast, and their gradients cast back. A complex input, and one of a layer whose parameter is None, stay.
    """
    if parameter is None or x.dtype is parameter.dtype:
        return x
    must_be_tensors("layer", input=x)
    wanted = parameter.dtype
    real = all(d.kind in "fiub" or d.name == "bfloat16" for d in (x.dtype, wanted))
    return x.astype(wanted) if real and x.dtype != wanted else x


class Loaded(NamedTuple):
    """What load_state_dict(strict=False) passed over."""

    missing_keys: list[str]
    unexpected_keys: list[str]


class Module:
    """Base of layers and networks: assign Parameters and Modules to attributes, and write forward().

    A layer computes in the dtype of its parameters: float64 input, NumPy's default, is cast to a float32 layer's dtype on
    entry. model.double() computes in float64, whatever its input. Functions promote, as the array API says.

    Names, order and layouts in state_dict() are PyTorch's, so that weights can be exchanged.
    """

    training: bool = True
    _summarise: ClassVar[Callable[..., Any]]
    """nn.summary, entered by its module, which knows the kinds of layers."""

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes; every layer writes its own."""
        raise NotImplementedError(f"{type(self).__name__}: write forward(self, ...)")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        own = self.__dict__
        for hook in tuple(own.get("_pre_hooks", {}).values()):
            changed = hook(self, args)
            if changed is not None:
                args = changed if isinstance(changed, tuple) else (changed,)
        try:
            y = self.forward(*args, **kwargs)
        except AttributeError as error:
            _refuse_foreign(self, args, error)
            raise
        for hook in tuple(own.get("_post_hooks", {}).values()):
            changed = hook(self, args, y)
            y = y if changed is None else changed
        return y

    if not TYPE_CHECKING:  # else every misspelt attribute would pass the type check

        def __getattr__(self, name: str) -> Any:
            """A weight that is computed from others (see weight_norm), from what they are now."""
            if self._computes(name):
                return self.__dict__["parametrizations"].__dict__[name]()
            return object.__getattribute__(self, name)  # raises: Python's own words, or those of a property that failed

    def __setattr__(self, name: str, value: Any) -> None:
        if type(value) is Tensor and isinstance(self.__dict__.get(name), Parameter):
            raise DTypeError(
                f"{type(self).__name__}.{name} is a parameter: assign nn.Parameter(t) to replace it, "
                "write its values under dl.no_grad(), or delete it first"
            )
        if self._computes(name):
            raise DTypeError(
                f"{type(self).__name__}.{name} is computed from the parameters in parametrizations.{name}: write those instead"
            )
        if isinstance(value, list | dict):
            self._warn_of_hidden(name, value)
        super().__setattr__(name, value)

    def _computes(self, name: str) -> bool:
        """Whether an attribute is a weight that is computed from others."""
        made = self.__dict__.get("parametrizations")
        return made is not None and isinstance(made.__dict__.get(name), Module)

    def _warn_of_hidden(self, name: str, held: Any) -> None:
        """Say that what is in a list or dict is not found; as in PyTorch it is left alone."""
        kinds = {type(v): v for v in (held.values() if isinstance(held, dict) else held)}
        found = next((v for v in kinds.values() if isinstance(v, Module | Parameter)), None)
        if found is not None:
            kind = type(held).__name__
            way = f"use nn.Module{kind.capitalize()}" if isinstance(found, Module) else "give each an attribute of its own"
            warnings.warn(
                f"{type(self).__name__}.{name} is a {kind}, in which no parameters are found: they are neither trained, moved "
                f"nor saved; {way}, or use a tuple if they belong to something else",
                stacklevel=3,
            )

    # ------------------------------------------------------------------ what is in it
    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Set an attribute that is a Parameter, or None where there is none."""
        setattr(self, self._free(name, Parameter), param)

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Set an attribute that belongs to the state without being trained; persistent: it is saved."""
        setattr(self, self._free(name, Tensor), tensor)
        self.__dict__.setdefault("_buffer_names", {})[name] = persistent

    def add_module(self, name: str, module: Module | None) -> None:
        """Set an attribute that is a Module."""
        setattr(self, self._free(name, Module), module)

    def _free(self, name: str, kind: type) -> str:
        if not name or "." in name:
            raise KeyError(f"{type(self).__name__}: a name must not be empty or contain '.', got {name!r}")
        if hasattr(self, name) and not isinstance(getattr(self, name), kind | None):
            raise KeyError(f"{type(self).__name__} has an attribute {name!r} already")
        return name

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """(name, module) of the modules directly in this one, each once."""
        seen: set[int] = set()
        for name, m in tuple(self.__dict__.items()):
            if isinstance(m, Module) and id(m) not in seen:
                seen.add(id(m))
                yield name, m

    def children(self) -> Iterator[Module]:
        """The modules directly in this one."""
        return (m for _, m in self.named_children())

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """(dotted name, module) of this module and all inside it, each once."""
        seen: set[int] = set()
        rest = [(prefix, self)]
        while rest:
            path, m = rest.pop()
            if id(m) not in seen:
                seen.add(id(m))
                yield path, m
                rest += [(_dotted(path, name), inner) for name, inner in reversed(list(m.named_children()))]

    def modules(self) -> Iterator[Module]:
        """This module and all inside it."""
        return (m for _, m in self.named_modules())

    def named_parameters(self, prefix: str = "", recurse: bool = True) -> Iterator[tuple[str, Parameter]]:
        """(dotted name, parameter), a shared one once, under its first name."""
        return self._named(prefix, recurse, Module._own_parameters)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """The parameters, each once."""
        return (p for _, p in self.named_parameters(recurse=recurse))

    def named_buffers(self, prefix: str = "", recurse: bool = True) -> Iterator[tuple[str, Tensor]]:
        """(dotted name, buffer), each once."""
        return self._named(prefix, recurse, Module._own_buffers)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """The buffers, each once."""
        return (b for _, b in self.named_buffers(recurse=recurse))

    def _own_parameters(self) -> list[tuple[str, Any]]:
        return [(n, v) for n, v in self.__dict__.items() if isinstance(v, Parameter)]

    def _own_buffers(self) -> list[tuple[str, Any]]:
        names = self.__dict__.get("_buffer_names", {})
        held = ((n, self.__dict__.get(n)) for n in names)
        return [(n, t) for n, t in held if isinstance(t, Tensor) and not isinstance(t, Parameter)]  # it became a parameter

    def _named(
        self, prefix: str, recurse: bool, own: Callable[[Module], list[tuple[str, Any]]]
    ) -> Iterator[tuple[str, Any]]:
        seen: set[int] = set()
        for path, m in self.named_modules(prefix) if recurse else [(prefix, self)]:
            for name, value in own(m):
                if id(value) not in seen:
                    seen.add(id(value))
                    yield _dotted(path, name), value

    # ------------------------------------------------------------------ its state
    def state_dict(self, prefix: str = "") -> dict[str, Tensor]:
        """Every parameter and persistent buffer by dotted name, detached and sharing memory; a shared one under each name."""
        found: dict[str, Tensor] = {}
        rest = [(prefix, self)]
        while rest:
            path, m = rest.pop()
            persistent = m.__dict__.get("_buffer_names", {})
            mine = m._own_parameters() + [(n, b) for n, b in m._own_buffers() if persistent[n]]
            found |= {path + name: value.detach() for name, value in mine}
            inside = [(f"{path}{name}.", v) for name, v in m.__dict__.items() if isinstance(v, Module)]
            rest += reversed(inside)
        return found

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True) -> Loaded:
        """Copy values (tensors or NumPy arrays) into parameters and buffers of the same names.

        Nothing is changed unless everything fits. strict: every name must occur on both sides; returns what was passed
        over otherwise. Raises CheckpointError that lists all missing, unexpected and misshapen names.
        """
        if not isinstance(state_dict, Mapping):
            raise CheckpointError(f"load_state_dict: expected a mapping from names to tensors, got {type(state_dict).__name__}")
        own = self.state_dict()
        missing = [k for k in own if k not in state_dict]
        unexpected = [k for k in state_dict if k not in own]
        shared = {k: t for k, t in own.items() if k in state_dict}
        shapes: dict[str, Any] = {k: getattr(state_dict[k], "shape", None) for k in shared}
        wrong = [
            f"{k} is {type(state_dict[k]).__name__ if shapes[k] is None else tuple(shapes[k])}, expected {t.shape}"
            for k, t in shared.items()
            if shapes[k] is None or tuple(shapes[k]) != t.shape
        ]
        parts = [
            f"{what}: {', '.join(names)}"
            for what, names, counts in (
                ("missing", missing, strict),
                ("unexpected", unexpected, strict),
                ("misshapen", wrong, True),
            )
            if names and counts
        ]
        if parts:
            raise CheckpointError(f"load_state_dict: the state does not fit {type(self).__name__}; {'; '.join(parts)}")
        with no_grad():
            try:
                values = {k: asarray(real_for(t, state_dict[k]), dtype=t.dtype, device=t.device) for k, t in shared.items()}
            except (DLEngineError, TypeError, ValueError) as error:
                raise CheckpointError(f"load_state_dict: the values cannot be read: {error}") from None
            for k, t in shared.items():
                t[...] = values[k]
        return Loaded(missing, unexpected)

    # ------------------------------------------------------------------ how it behaves
    def train(self, mode: bool = True) -> Self:
        """Switch dropout, batch statistics and the like on (or off) everywhere inside; returns the module."""
        for m in self.modules():
            m.training = mode
        return self

    def eval(self) -> Self:
        """train(False)."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Start or stop tracking gradients of every parameter; returns the module."""
        for p in self.parameters():
            p.requires_grad_(requires_grad)
        return self

    def freeze(self) -> Self:
        """requires_grad_(False): optimizers and backward leave every parameter alone; returns the module."""
        return self.requires_grad_(False)

    def unfreeze(self) -> Self:
        """requires_grad_(True): train every parameter again; returns the module."""
        return self.requires_grad_(True)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget every parameter's gradient; or, not set_to_none, fill it with zeros."""
        for p in self.parameters():
            if set_to_none:
                p.grad = None
            elif p.grad is not None:
                with no_grad():
                    p.grad[...] = 0.0

    def apply(self, fn: Callable[[Module], Any]) -> Self:
        """Call fn on every module inside, children first, then on this one; returns the module."""
        rest: list[tuple[Module, bool]] = [(self, False)]
        while rest:
            m, reached = rest.pop()
            if reached:
                fn(m)
            else:
                rest += [(m, True), *((inner, False) for inner in reversed(list(m.children())))]
        return self

    def to(self, *targets: Any) -> Self:
        """Move parameters, gradients and buffers to a device ("cpu", "cuda:1") and, floating ones, to a dtype; in place."""
        tensors = {id(t): t for t in (*self.parameters(), *self.buffers())}
        for target in targets:
            place = isinstance(target, str) and target.split(":")[0] in ("cpu", "cuda")
            if not place and not _floating(target):
                raise DTypeError(f"{type(self).__name__}.to: expected a device or a floating dtype, got {target!r}")
            for t in tensors.values():
                if place or t.dtype.kind == "f" or t.dtype.name == "bfloat16":
                    _become(t, target)
        return self

    def float(self) -> Self:
        """Floating parameters and buffers as float32."""
        return self.to("float32")

    def double(self) -> Self:
        """Floating parameters and buffers as float64."""
        return self.to("float64")

    def register_forward_pre_hook(self, hook: Callable[[Module, tuple[Any, ...]], Any]) -> Handle:
        """Call hook(module, args) before forward; what it returns, if anything, replaces the arguments."""
        return Handle(self.__dict__.setdefault("_pre_hooks", {}), hook)

    def register_forward_hook(self, hook: Callable[[Module, tuple[Any, ...], Any], Any]) -> Handle:
        """Call hook(module, args, output) after forward; what it returns, if anything, replaces the output."""
        return Handle(self.__dict__.setdefault("_post_hooks", {}), hook)

    # ------------------------------------------------------------------ how it looks
    def summary(self, input_shape: tuple[int, ...], dtype: Any = None) -> Any:
        """A table of the layers with shapes, parameter and FLOP counts for an input (N, ...); see nn.summary."""
        return self._summarise(self, input_shape, dtype)

    def extra_repr(self) -> str:
        """What the module's settings are, for repr."""
        return ""

    def __repr__(self) -> str:
        inside = [(n, m) for n, m in self.__dict__.items() if isinstance(m, Module)]
        if not inside:
            return f"{type(self).__name__}({self.extra_repr()})"
        lines = [f"({n}): {m!r}".replace("\n", "\n  ") for n, m in inside]
        return "\n  ".join((f"{type(self).__name__}(", *([self.extra_repr()] if self.extra_repr() else []), *lines)) + "\n)"


def _floating(target: Any) -> bool:
    """Whether it names a floating dtype. Raises DeviceError for a name that is neither a dtype's nor a device's."""
    try:
        dtype = asarray(0.0).to(target).dtype
    except DTypeError:
        return False
    return dtype.kind in "fc" or dtype.name == "bfloat16"


def _dotted(prefix: str, name: str) -> str:
    return f"{prefix}.{name}" if prefix else name


def _become(t: Tensor, target: Any) -> None:
    """Let a tensor be itself on another device or with another dtype: optimizers keep what they hold."""
    with no_grad():
        held = t.grad
        t._array = t.to(target)._array
        written(t)
        if held is not None:
            t.grad = held.to(target)


def _refuse_foreign(module: Module, args: tuple[Any, ...], error: AttributeError) -> None:
    """Say in words that an argument is no tensor, where all that Python could say is that it has no ndim or dtype."""
    for i, given in enumerate(args):
        if given is not error.obj or isinstance(given, TensorBase):
            continue
        raise DTypeError(
            f"{type(module).__name__}: argument {i} must be a tensor, got a {type(given).__name__}; {tensor_of(given)}"
        ) from error
