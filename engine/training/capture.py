"""Captured steps: a step is recorded once and then replayed as a whole, without Python's work for each op.

    train = training.capture(step)
    for x, y in loader:
        loss = train(x, y)

On the CPU the calls of a step are recorded (see dlengine.programs): the first calls run the step itself, the next two record it
and compare what they found, and all later ones run the recorded calls: no tape, no ops, no tensors between. On a GPU the step
becomes a CUDA graph. Every call trains: a captured run gives the same numbers as one that is not captured. (On a GPU the calls
before the capture compute with the kernels of the capture; without one a product may be the library's, and differ in its
last bits.)

A replay does not run the step's Python code. What this code would read is compared before each replay (shapes, dtypes, modes,
numbers and objects that the step reaches), and the step is recorded anew where something has changed. Random numbers go on
from the state of the generator; optimizers use the current step count, learning rate and other settings. What a replay could not
repeat, such as LBFGS or an optimizer of one's own, is refused when the step is captured, with the reason, the op and the line.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from .. import backend
from ..autograd.base import TensorBase
from ..errors import CaptureError, ConfigError
from ..programs.report import dot, svg
from ..programs.step import HostStep
from .graph_step import GraphStep


def capture(step: Callable[..., Any], *, warmup: int = 2, fuse: bool = True) -> CapturedStep:
    """Make a function that runs ``step(*arguments)``, and after a few calls replays what it does.

    On the CPU, arguments of other shapes, dtypes or numbers are recorded as another kind of call; on a GPU, where the step is
    replayed as a CUDA graph, tensors must have the shapes and dtypes of the first call, and the results of a replay are
    overwritten by the next one.

    Parameters
    ----------
    step : callable
        Takes tensors (on the CPU also numbers, and tuples, lists and dicts of both) and returns a tensor, a tuple, list or dict
        of tensors, or None. It must not read values that change: no ``float(loss)``, no ``item()``; such numbers are read
        outside. It must not change Python objects (counters, lists); what it keeps for its next call it writes in place,
        ``self.state[...] = h``. Results carry no graph out of it: gradients are computed inside, or nothing is recorded
        (``no_grad``).
    warmup : int
        The number of calls that run the step itself, at least 1.
    fuse : bool
        Whether chains of elementwise functions become one kernel, which may change the last bits of a result. On the CPU only.

    Returns
    -------
    CapturedStep
        The function.

    Raises
    ------
    CaptureError
        When the step is captured, for work that a replay cannot repeat; the message names the op and the line. Then the step
        has not run; on a GPU, what it counts on the host has advanced.

    Examples
    --------
    >>> model = dl.nn.Linear(3, 1)
    >>> optimizer = dl.optim.SGD(model.parameters(), lr=0.1)
    >>> def step(x, y):
    ...     optimizer.zero_grad()
    ...     loss = dl.nn.MSELoss()(model(x), y)
    ...     loss.backward()
    ...     optimizer.step()
    ...     return loss
    >>> train = dl.training.capture(step)
    >>> losses = [float(train(dl.ones((4, 3)), dl.zeros((4, 1)))) for _ in range(6)]
    >>> losses == sorted(losses, reverse=True)
    True
    >>> train.calls
    6
    """
    return CapturedStep(step, warmup, fuse=fuse)


class CapturedStep:
    """A step that is replayed, as ``capture`` makes it; it is called with the step's arguments.

    Parameters
    ----------
    step : callable
        Takes tensors and returns a tensor, a tuple, list or dict of tensors, or None.
    warmup : int
        The number of calls that run the step itself, at least 1.
    fuse : bool
        Whether chains of elementwise functions become one kernel.

    Attributes
    ----------
    calls : int
        The number of calls.
    replays : int
        How many of them were replays.

    Examples
    --------
    >>> add_one = dl.training.CapturedStep(lambda x: x + 1.0, warmup=1)
    >>> [float(add_one(dl.asarray(float(i)))) for i in range(5)]
    [1.0, 2.0, 3.0, 4.0, 5.0]
    """

    def __init__(self, step: Callable[..., Any], warmup: int, *, fuse: bool = True) -> None:
        if warmup < 1:
            raise CaptureError(f"capture: the step must run before it is captured: warmup of at least 1, got {warmup}")
        self.step, self.warmup, self.fuse = step, warmup, fuse
        self._runs: HostStep | GraphStep | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy captures its own step, anew."""
        return partial(CapturedStep, fuse=self.fuse), (self.step, self.warmup)

    @property
    def calls(self) -> int:
        """The number of calls."""
        return 0 if self._runs is None else self._runs.calls

    @property
    def replays(self) -> int:
        """How many of them were replays."""
        return 0 if self._runs is None else self._runs.replays

    def report(self, *inputs: Any, **named: Any) -> str:
        """Describe what was recorded: calls, replays and why there were others, and a table of the calls of each program.

        Parameters
        ----------
        *inputs : Any
            Arguments for one more step, whose calls are timed. Without any there are no times.
        **named : Any
            Those by name.

        Returns
        -------
        str
            The text. On a GPU only the numbers of calls and replays.

        Examples
        --------
        >>> double = dl.training.capture(lambda x: x * 2.0, warmup=1)
        >>> for _ in range(5):
        ...     y = double(dl.ones(3))
        >>> print(double.report().splitlines()[0])
        5 calls, 2 replays, 2 recordings
        """
        if isinstance(self._runs, HostStep):
            return self._runs.report(*inputs, **named)
        return f"{self.calls} calls, {self.replays} replays"

    def draw(self, form: str = "dot") -> str:
        """Draw the graph of the step: arrays, calls, checks and writes, with dtypes and shapes.

        Parameters
        ----------
        form : {"dot", "svg"}
            The language of Graphviz, or a picture.

        Returns
        -------
        str
            The text of a file ``.dot`` or ``.svg``.

        Raises
        ------
        CaptureError
            If the step is not captured yet, or runs on a GPU.
        ConfigError
            For another form.

        Examples
        --------
        >>> double = dl.training.capture(lambda x: x * 2.0, warmup=1)
        >>> for _ in range(4):
        ...     y = double(dl.ones(3))
        >>> double.draw().splitlines()[0]
        'digraph step {'
        """
        if form not in ("dot", "svg"):
            raise ConfigError(f"draw: form must be 'dot' or 'svg', got {form!r}")
        if not isinstance(self._runs, HostStep):
            raise CaptureError("draw: the step is not captured yet, or runs on a GPU: call it a few times on the CPU")
        return (dot if form == "dot" else svg)(self._runs.first_program())

    def __call__(self, *inputs: Any, **named: Any) -> Any:
        """Run, record or replay the step."""
        runs = self._runs
        if runs is None:
            given = (*inputs, *named.values())
            on_gpu = backend.policy().creation.library is backend.CUPY
            on_gpu = on_gpu or any(isinstance(x, TensorBase) and x.device != "cpu" for x in given)  # type: ignore[attr-defined]
            runs = GraphStep(self.step, self.warmup) if on_gpu else HostStep(self.step, self.warmup, fuse=self.fuse)
            self._runs = runs
        if named and isinstance(runs, GraphStep):
            raise CaptureError(
                f"capture: on a GPU a step takes its arguments by position, got {', '.join(f'{name}=' for name in named)} by name"
            )
        return runs(*inputs, **named)
