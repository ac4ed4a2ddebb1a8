"""Cell: the result of comparing one op on one backend in one dtype."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class Cell:
    """The result for one op on one backend in one dtype: the largest errors of all its samples.

    Parameters
    ----------
    op : str
        The name of the row.
    backend : str
        The backend.
    dtype : str
        The dtype.
    unit : str
        The unit of ``error`` and ``limit``: "ulp", "bound" or "mismatches".
    error : float
        The error of the values.
    limit : float
        The largest error allowed.
    grad_error : float or None
        The error of the gradients in units of its bound; None without gradients.
    baseline : float or None
        The error over the one that is allowed relative to NumPy's; None where that rule does not apply.
    launches : dict
        The number of calls of each of the row's kernels.
    fallbacks : dict
        The number of calls of kernels that the reference ran, since the backend lacks them.
    verdict : str
        "pass" or "fail".
    message : str
        What is wrong.
    seconds : float
        The time taken.
    independent : bool
        Whether the row has a reference or properties.
    answered : bool
        Whether a kernel of the backend ran.
    reason : str
        Why the row has no reference.

    Examples
    --------
    >>> cell = dl.testing.Cell("relu", "numpy", "float32")
    >>> cell.fail("output 0 is wrong")
    >>> cell.ok, cell.message
    (False, 'output 0 is wrong')
    """

    op: str
    backend: str
    dtype: str
    unit: str = "bound"
    error: float = 0.0
    limit: float = 0.0
    grad_error: float | None = None
    baseline: float | None = None
    launches: dict[str, int] = field(default_factory=dict)
    fallbacks: dict[str, int] = field(default_factory=dict)
    verdict: str = "pass"
    message: str = ""
    seconds: float = 0.0
    independent: bool = False
    answered: bool = False
    reason: str = ""

    @property
    def alone(self) -> bool:
        """Whether the op was compared only with itself: it has no reference, and no kernel of the backend ran.

        Returns
        -------
        bool
            True without an independent check.
        """
        return not (self.independent or self.answered)

    @property
    def ok(self) -> bool:
        """Whether the verdict is "pass".

        Returns
        -------
        bool
            True if nothing is wrong.
        """
        return self.verdict == "pass"

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as a dict, for JSON.

        Returns
        -------
        dict
            The fields by name.
        """
        return asdict(self)

    def count(self, launches: Counter[str], fallbacks: Counter[str]) -> None:
        """Add the kernels that ran for a sample.

        Parameters
        ----------
        launches : Counter
            The number of calls of each kernel of the backend.
        fallbacks : Counter
            The number of calls of each kernel of the reference in the place of one that the backend lacks.
        """
        self.launches = dict(Counter(self.launches) + launches)
        self.fallbacks = dict(Counter(self.fallbacks) + fallbacks)

    def fail(self, message: str) -> None:
        """Set the verdict to "fail"; the message of the first failure is kept.

        Parameters
        ----------
        message : str
            What is wrong.
        """
        if self.ok:
            self.verdict, self.message = "fail", message
