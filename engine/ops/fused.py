"""Ops over kernels, made from the kernels' declarations (dlengine.kernels.registry).

    @kernel_op(needs="x w_ih w_hh lengths")
    def lstm(x: Tensor, h0: Tensor, ..., *, reverse: bool = False) -> tuple[Tensor, Tensor, Tensor]:
        \"\"\"What users read.\"\"\"
        ...  # checks
        return arguments(x, h0, c0, w_ih, w_hh, bias, lengths, reverse)

The function checks its arguments and returns those of the kernel. The op's definition is written from two declarations: it
calls `xp.lstm`, and its pullback calls `xp.lstm_grad` with what that is declared to take, found by name among the gradients of
the outputs (`gy` is that of `y`), the arguments, the outputs and what the forward kernel saved. `adjoint_ops` makes the ops of
kernels that are each other's gradients, such as those of convolution.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from dlengine.kernels.declaration import Argument, Declaration
from dlengine.kernels.registry import declaration

from ..autograd.op import op

P = ParamSpec("P")
R = TypeVar("R")


def arguments(*values: Any) -> R:  # type: ignore[type-var]
    """What a function under @kernel_op returns: the kernel's arguments in their declared order, `save` left out.

    Typed as whatever the function returns to its users.
    """
    return values  # type: ignore[return-value]


def kernel_op(
    kernel: str | None = None,
    *,
    needs: str | Sequence[str],
    sizes: str = "",
    wrapper: Callable[[Callable[..., Any]], Callable[..., Any]] | None = None,
    also: str = "",
    then: Callable[..., Any] | None = None,
    adds: tuple[int, ...] = (),
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Make an op out of a function that checks its arguments and returns `arguments(...)` of a kernel.

    Parameters
    ----------
    kernel : str, optional
        The kernel's name and the op's. By default the function's name.
    needs : str or sequence of str
        See `dlengine.op`.
    sizes : str
        Letters of the declaration, such as ``"M D"``. The function returns their values behind the kernel's arguments. Arrays
        that are declared with these letters alone are reshaped to them inside the op, and results back: as ops of their own,
        reshapes would cost more than the arithmetic on a small array.
    wrapper : callable, optional
        A decorator of the definition. The definition then returns a third value, the output or saved array called `also`.
    then : callable, optional
        The definition ``(xp, y, *constants)`` of what is done to the output inside the op: value and pullback, which is None
        for the identity. The function returns its constants behind the kernel's arguments.
    adds : tuple of int
        Positions of the arrays whose gradients the gradient's kernel may add to sums; see `dlengine.op`.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        name = kernel or function.__name__
        text = _Text(name, sizes, also, then)
        definition = compiled(text.definition(), name, function.__doc__, function.__module__, {"shaped": shaped, "then": then})
        if wrapper is not None:
            definition = wrapper(definition)
        options: dict[str, Any] = {"save": True} if text.saves else {}
        if adds:
            options["adds"] = f"{name}_grad", adds
        call = op(needs=needs, name=name, constants=text.without_gradient, **options)(definition)
        call_op = compiled(text.call_op(), "call_op", None, __name__, {"call": call})

        @wraps(function)
        def run(*args: P.args, **kwargs: P.kwargs) -> R:
            return call_op(function(*args, **kwargs))

        run.op = call.op  # type: ignore[attr-defined]
        return run

    return decorate


class _Text:
    """The definition of an op over a kernel and its gradient's kernel, as Python text."""

    def __init__(self, kernel: str, sizes: str, also: str, then: Callable[..., Any] | None) -> None:
        self.declared, self.gradient = declaration(kernel), declaration(f"{kernel}_grad")
        self.also, self.then, self.sizes = also, then, sizes.split()
        self.saves = "save" in self.declared.constants
        self.further = [] if then is None else list(inspect.signature(then).parameters)[2:]
        self.constants = [n for n in self.declared.constants if n != "save"] + self.sizes + self.further
        outputs = enumerate(self.declared.outputs)
        self.without_gradient = [place for place, y in outputs if f"g{y}" not in self.gradient.names]

    def call_op(self) -> str:
        """The call of the op with what the decorated function returned; as text, which is faster than slices and a dict."""
        arrays, constants = self.declared.arrays, [f"{name}={name}" for name in self.constants]
        return (
            f"def call_op(values):\n    {', '.join([*arrays, *self.constants])}, = values\n"
            f"    return call({', '.join([*arrays, *constants])})"
        )

    def definition(self) -> str:
        """The op's definition, such as @op takes."""
        d = self.declared
        results = ", ".join(d.outputs + d.saved)
        y = ", ".join(self.back(n, d.arrays[0]) for n in d.outputs)
        constants = f", *, {', '.join(self.constants)}" if self.constants else ""
        lines = [
            f"def {d.name}(xp, {'save, ' if self.saves else ''}{', '.join(d.arrays)}, /{constants}):",
            f"    {results} = xp.{d.name}({', '.join(self.flat(a) for a in d.arguments)})",
            *self.pullback(),
        ]
        if self.then is not None:
            lines += [
                f"    {y}, back = then({', '.join(['xp', y, *self.further])})",
                "    if back is not None:",
                "        own = pull",
                f"        def pull({self.cotangent}):",
                f"            return own(back({self.cotangent}))",
            ]
        value = y if len(d.outputs) == 1 else f"({y})"
        pulls = "pull" if self.joint or len(d.arrays) == 1 else f"(pull{', None' * (len(d.arrays) - 1)})"
        return "\n".join([*lines, f"    return {value}, {pulls}{f', {self.also}' if self.also else ''}"])

    @property
    def cotangent(self) -> str:
        """What the pullback's parameter is called."""
        outputs = self.declared.outputs
        return f"g{outputs[0]}" if len(outputs) == 1 else "g"

    @property
    def joint(self) -> bool:
        """Whether the gradient's kernel gives those of several arrays at once."""
        return len(self.gradient.outputs) > 1

    def pullback(self) -> list[str]:
        """The lines that define the pullback."""
        d, g = self.declared, self.gradient
        outputs = [f"g{y}" for y in d.outputs]
        lines = [f"    def pull({self.cotangent}{', need' if self.joint else ''}):"]
        if len(outputs) > 1:
            lines.append(f"        {', '.join(outputs)} = g")
        call = f"xp.{g.name}({', '.join(map(self.flat, g.arguments))})"
        if not self.joint:
            return [*lines, f"        return {self.back(call, d.arrays[0])}"]
        gradients = [f"g{n}" if f"g{n}" in g.outputs else "None" for n in d.arrays]
        if gradients == list(g.outputs) and not self.sizes:
            return [*lines, f"        return {call}"]
        if self.sizes:
            gradients = [
                n if n == "None" else self.back(n, d.arrays[i]) + (f" if need[{i}] else None" if i else "")
                for i, n in enumerate(gradients)
            ]
        return [*lines, f"        {', '.join(g.outputs)} = {call}", f"        return {', '.join(gradients)}"]

    def shape(self, a: Argument) -> str:
        """The sizes that an argument is reshaped to, or ""."""
        letters = a.shape.split(",")
        return f"({', '.join(letters)},)" if set(letters) <= set(self.sizes) and a.name not in self.declared.saved else ""

    def flat(self, a: Argument) -> str:
        """An argument in the shape that the kernel takes."""
        return f"shaped(xp, {a.name}, {self.shape(a)})" if a.is_array and self.shape(a) else a.name

    def back(self, value: str, like: str) -> str:
        """A result in the shape of one of the op's arguments."""
        return f"shaped(xp, {value}, {like}.shape)" if self.sizes else value


def shaped(xp: Any, a: Any, shape: tuple[int, ...]) -> Any:
    """An array, or None, in another shape."""
    return a if a is None or a.shape == shape else xp.reshape(a, shape)


def compiled(text: str, name: str, doc: str | None, module: str, scope: dict[str, Any]) -> Callable[..., Any]:
    """The function that a text defines."""
    exec(compile(text, f"<{name}, as its kernels are declared>", "exec"), scope)  # noqa: S102 - the text is our own
    function: Callable[..., Any] = scope[name]
    function.__doc__, function.__module__ = doc, module
    return function


def adjoint_ops(*, adds: tuple[str, tuple[int, ...]] | None = None, **docs: str) -> list[Callable[..., Any]]:
    """Ops of kernels that are each other's gradients. docs: kernel -> what its op does. adds: an option of the first op.

    Arrays have roles: in y = conv2d(x, weight) those of x, weight and y, and a gradient `gy` is in the role of y. The pullback of
    a kernel for an argument is the kernel whose only output has the argument's role, called with the cotangent in the role of
    the output. Where there is none, a kernel of one array is its own adjoint, and another's argument is a bias, which was added
    to each channel.
    """
    kernels = [declaration(name) for name in docs]
    return [_adjoint_op(d, kernels, docs[d.name], adds=adds if d is kernels[0] else None) for d in kernels]


def _adjoint_op(d: Declaration, kernels: Sequence[Declaration], doc: str, **options: Any) -> Callable[..., Any]:
    pulls, needs = zip(*(_adjoint(d, a, kernels) for a in d.arguments if a.is_array), strict=True)
    outputs = ", ".join(d.outputs)
    sizes = {b.name: _size(b.size, d) for k in kernels for b in k.arguments if b.size and k is not d}
    lines = [
        f"def {d.name}(xp, {', '.join(d.arrays)}, /, {', '.join(d.constants)}):",
        *(f"    {name} = {size}" for name, size in sizes.items()),
        f"    {outputs} = xp.{d.name}({', '.join(d.names)})",
        f"    return {f'({outputs})' if len(d.outputs) > 1 else outputs}, ({', '.join(pulls)})",
    ]
    definition = compiled("\n".join(lines), d.name, doc, __name__, {})
    return kernel_alone(op(needs=needs, linear=len(d.outputs) == 1, **options)(definition))


def kernel_alone(call: Callable[..., Any]) -> Callable[..., Any]:
    """An op whose definition is a kernel and its gradients: looking for a formula in it would cost every call 0.7 us."""
    call.op.kernel = True  # type: ignore[attr-defined]
    call.op.forget_readings()  # type: ignore[attr-defined]
    return call


def _adjoint(d: Declaration, a: Argument, kernels: Sequence[Declaration]) -> tuple[str, str]:
    """The pullback of a kernel for an array, as text, and what it needs."""
    if a.kind in ("int", "place"):
        return "None", ""
    found = [k for k in kernels if len(k.outputs) == 1 and _role(k.outputs[0]) == _role(a.name)]
    if not found and len(d.arrays) > 1:
        return "lambda cotangent: xp.sum(cotangent, axis=(0, *range(2, cotangent.ndim)))", ""
    cotangent = "cotangent" if len(d.outputs) == 1 else "cotangent[0]"
    values = {_role(n): n for n in (*d.arrays, *d.outputs)} | {_role(d.outputs[0]): cotangent}
    adjoint = found[0] if found else d
    if not found:
        values = {_role(a.name): cotangent}
    given = [values.get(_role(b.name), "None") if b.is_array else b.name for b in adjoint.arguments]
    used = [n if n in d.arrays else f"y{d.outputs.index(n)}" for n in given if n in (*d.arrays, *d.outputs)]
    return f"lambda cotangent: xp.{adjoint.name}({', '.join(given)})", " ".join(used)


def _role(name: str) -> str:
    """The place of an array in the relation between adjoint kernels: of a gradient gx that of x."""
    return name[1:] if name[0] == "g" else name


def _size(letter: str, d: Declaration) -> str:
    """Where an argument of a kernel has the size of a letter, as text."""
    a = next(a for a in d.arguments if letter in a.shape.split(","))
    return f"{a.name}.shape[{a.shape.split(',').index(letter)}]"
