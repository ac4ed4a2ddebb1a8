"""Every entry of PyTorch's op database, computed by both: values, dtypes, shapes and gradients of its sample inputs.

``python tests/torch_names/op_db.py [NAME ...]`` prints the table, or what differs in the named entries. Needs torch and
expecttest.
"""

from __future__ import annotations

import sys
import warnings
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import dlengine as dl
import dlengine.torch as ours

CHANCE = {
    "bernoulli", "multinomial", "normal", "rand_like", "randn", "randn_like", "randint", "randint_like", "uniform", "cauchy",
    "exponential", "geometric", "log_normal", "nn.functional.dropout", "nn.functional.dropout2d", "nn.functional.dropout3d",
    "nn.functional.alpha_dropout", "nn.functional.feature_alpha_dropout", "nn.functional.rrelu", "empty", "empty_like",
    "empty_permuted", "empty_strided", "new_empty", "new_empty_strided", "nn.functional.fractional_max_pool2d",
    "nn.functional.fractional_max_pool3d", "svd_lowrank", "pca_lowrank", "resize_", "resize_as_",
    "nn.functional.scaled_dot_product_attention_dropout",
}  # fmt: skip
"""Entries whose values are drawn, or left over in memory: shapes and dtypes are compared."""

SIGNS = {"svd", "linalg.svd", "linalg.eig", "linalg.eigh", "linalg.qr", "qr"}
"""Entries whose vectors have a free sign: absolute values are compared."""

PROPERTIES = {"T", "H", "mT", "mH", "real", "imag"}
IN_PLACE = {"uniform", "cauchy", "exponential", "geometric", "log_normal"}
REASONS: dict[str, str] = {
    "svd": "with some=False: the vectors beyond the rank are any basis of what is left",
    "linalg.svd": "with full_matrices=True: the vectors beyond the rank are any basis of what is left",
}
"""Entries that may differ, and why."""


@dataclass
class Row:
    """What came of one entry."""

    name: str
    there: bool
    results: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)


def find(name: str) -> Any:
    """The function of dlengine.torch that an entry is about, called as (input, *args); None if there is none."""
    special = {
        "where": lambda x, condition, other, **k: ours.where(condition, x, other),
        "polygamma": lambda x, n, **k: ours.polygamma(n, x),
        "special.polygamma": lambda x, n, **k: ours.special.polygamma(n, x),
        "einsum": lambda operands, equation: ours.einsum(equation, operands),
        "__getitem__": lambda x, key: x[key],
        "slice": lambda x, dim=0, start=None, end=None, step=1: x[(slice(None),) * dim + (slice(start, end, step),)],
        "item": lambda x: x.item(),
        "zero_": lambda x: x.clone().zero_(),
        "nn.functional.embedding": lambda weight, ids, **k: ours.nn.functional.embedding(ids, weight, **k),
    }
    if name in special:
        return special[name]
    if name in PROPERTIES:
        return lambda x: getattr(x, name)
    if name in IN_PLACE:
        return lambda x, *a, **k: getattr(x.clone() if x.is_leaf else x, name + "_")(*a, **k)
    found: Any = ours
    for part in name.split("."):
        found = vars(found).get(part) if not isinstance(found, type) else None
        if found is None:
            break
        if isinstance(found, type) and found.__name__ == part and getattr(found, "__module__", "").endswith("absent"):
            return None
    if found is not None and callable(found) and "Missing" not in getattr(found, "__qualname__", ""):
        return found
    if "." not in name and hasattr(ours.Tensor, name):
        return lambda x, *a, **k: getattr(x, name)(*a, **k)
    return None


def translated(value: Any, leaves: list[tuple[Any, Any]]) -> Any:
    """A sample's value for dlengine; leaves: tensors that require gradients, of both."""
    import torch

    if isinstance(value, torch.Tensor):
        if value.layout != torch.strided:
            raise NotImplementedError("sparse")
        mine = ours.tensor(value.detach().resolve_conj().resolve_neg().numpy(force=True).copy())
        if value.requires_grad and value.is_leaf:
            mine.requires_grad_()
            leaves.append((value, mine))
        return mine
    if isinstance(value, torch.dtype):
        return getattr(ours, str(value).removeprefix("torch."))
    if isinstance(value, torch.device):
        return ours.device(str(value))
    if isinstance(value, torch.layout | torch.memory_format):
        return str(value).removeprefix("torch.")
    if isinstance(value, torch.Size):
        return ours.Size(value)
    if isinstance(value, slice):
        return slice(*(translated(v, leaves) for v in (value.start, value.stop, value.step)))
    if isinstance(value, tuple | list):
        parts = [translated(v, leaves) for v in value]
        return tuple(parts) if isinstance(value, tuple) else parts
    if isinstance(value, dict):
        return {k: translated(v, leaves) for k, v in value.items()}
    return value


def flat(value: Any, tensor: type) -> list[Any]:
    """The tensors and numbers of a result."""
    if isinstance(value, tuple | list):
        return [part for v in value for part in flat(v, tensor)]
    return [value]


def _array(value: Any) -> Any:
    if "bfloat16" in str(getattr(value, "dtype", "")):
        value = value.float()
    if hasattr(value, "numpy_copy"):
        return value.numpy_copy()
    if hasattr(value, "resolve_conj"):
        return value.detach().resolve_conj().resolve_neg().numpy(force=True)
    return np.asarray(value)


def _close(mine: Any, theirs: Any) -> bool:
    if mine.dtype.kind in "fc":
        return np.allclose(mine, theirs, rtol=1e-6, atol=1e-6, equal_nan=True)
    return bool(np.array_equal(mine, theirs))


def compare(entry: Any, sample: Any, f: Any) -> str:
    """The verdict on one sample: agrees, refused, or what differs."""
    import torch

    leaves: list[tuple[Any, Any]] = []
    if entry.variant_test_name in ("singular", "partial_views", "hermitian") or any(callable(v) for v in sample.kwargs.values()):
        return "skipped"  # the entry's own function makes the input of other tensors, or is a function of torch
    dropped = sample.args[9] if entry.name == "nn.functional.multi_head_attention_forward" else sample.kwargs.get("dropout_p")
    if dropped:
        return "skipped"
    try:
        given = [translated(v, leaves) for v in (sample.input, sample.args, sample.kwargs)]
    except NotImplementedError:
        return "skipped"
    try:
        torch.manual_seed(0)
        theirs = entry.op(sample.input, *sample.args, **sample.kwargs)
    except (RuntimeError, ValueError, IndexError, TypeError, NotImplementedError):
        return "skipped"
    try:
        mine = f(given[0], *given[1], **given[2])
        mine = mine[:2] if entry.variant_test_name == "grad_oriented" else mine
        verdict = _compared(entry, flat(mine, ours.Tensor), flat(theirs, torch.Tensor))
        return verdict or _gradients(entry, flat(mine, ours.Tensor), flat(theirs, torch.Tensor), leaves) or "agrees"
    except (NotImplementedError, dl.errors.GradientError) as error:
        return f"refused: {error}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"[:200]


def _compared(entry: Any, mine: list[Any], theirs: list[Any]) -> str:
    if len(mine) != len(theirs):
        return f"{len(mine)} results, not {len(theirs)}"
    for a, b in zip(mine, theirs, strict=True):
        x, y = _array(a), _array(b)
        if x.shape != y.shape:
            return f"shape {x.shape}, not {y.shape}"
        if x.dtype != y.dtype and x.dtype.kind not in "OU":
            return f"dtype {x.dtype}, not {y.dtype}"
        if entry.name in SIGNS and x.dtype.kind in "fc":
            x, y = np.abs(x), np.abs(y)
        if entry.name not in CHANCE and x.dtype.kind not in "OU" and not _close(x, y):
            gap = np.abs(x.astype(complex) - y.astype(complex)).max() if x.size and x.dtype.kind != "b" else ""
            return f"value differs by {gap}"
    return ""


def _gradients(entry: Any, mine: list[Any], theirs: list[Any], leaves: list[tuple[Any, Any]]) -> str:
    import torch

    if not leaves or entry.name in CHANCE or not entry.supports_autograd:
        return ""
    rng = np.random.default_rng(0)
    total: Any = 0
    other: Any = 0
    for a, b in zip(mine, theirs, strict=True):
        if not isinstance(b, torch.Tensor) or not b.requires_grad:
            continue
        weights = rng.standard_normal(tuple(b.shape))
        if not a.requires_grad and not b.numel():
            continue
        if not a.requires_grad:
            return "no gradient"
        if entry.name in SIGNS or b.is_complex():
            a, b = ours.abs(a), b.abs()
        total = total + (a * ours.tensor(weights).to(a.dtype)).sum()
        other = other + (b * torch.tensor(weights).to(b.dtype)).sum()
    if isinstance(other, int):
        return ""
    expected = torch.autograd.grad(other, [t for t, _ in leaves], allow_unused=True)
    found = ours.autograd.grad(total, [t for _, t in leaves], allow_unused=True)
    for x, y in zip(found, expected, strict=True):
        if y is None or x is None:
            zero = (x if y is None else y) is None or not np.any(_array(x if y is None else y))
            if not zero:
                return "gradient is there for one alone"
        elif not _close(_array(x), _array(y)):
            return f"gradient differs by {np.abs(_array(x) - _array(y)).max()}"
    return ""


def samples(entry: Any) -> list[Any]:
    """The sample inputs in float64, or in the dtype that the entry is for."""
    import torch

    for dtype in (torch.float64, torch.int64, torch.bool, torch.float32, torch.complex128):
        if dtype in entry.supported_dtypes("cpu"):
            wants = bool(entry.supports_autograd) and dtype.is_floating_point
            return list(entry.sample_inputs("cpu", dtype, requires_grad=wants))
    return []


def run(names: list[str] | None = None) -> list[Row]:
    """Compare all entries, or the named ones."""
    import torch
    from torch.testing._internal.common_methods_invocations import op_db

    rows: dict[str, Row] = {}
    for entry in op_db:
        if names and entry.name not in names:
            continue
        f = find(entry.name)
        row = rows.setdefault(entry.name, Row(entry.name, f is not None))
        if f is None:
            continue
        torch.manual_seed(0)
        dl.manual_seed(0)
        for sample in samples(entry):
            verdict = compare(entry, sample, f)
            row.results[verdict.partition(":")[0] if verdict.startswith(("agrees", "skipped", "refused")) else "differs"] += 1
            if verdict not in ("agrees", "skipped"):
                row.notes.append(f"{entry.variant_test_name} {sample.summary()[:300]} -> {verdict}")
    return list(rows.values())


def table(rows: list[Row]) -> str:
    """The counts in words, and a line for each entry that does not agree throughout."""
    there = [r for r in rows if r.there]
    total = sum((r.results for r in rows), Counter())
    compared = total["agrees"] + total["differs"] + total["refused"]
    lines = [
        f"{len(there)} of {len(rows)} names; {total['agrees']} of {compared} samples agree "
        f"({100 * total['agrees'] / max(compared, 1):.1f} %), {total['refused']} refused, {total['differs']} differ"
    ]
    for r in sorted(there, key=lambda r: -r.results["differs"]):
        if r.results["differs"] or r.results["refused"]:
            lines.append(
                f"{r.name:45} agree {r.results['agrees']:4} refused {r.results['refused']:4} differ {r.results['differs']:4}"
                f"  {r.notes[0].rpartition(' -> ')[2][:90] if r.notes else ''}"
            )
    lines.append("absent: " + " ".join(r.name for r in rows if not r.there))
    return "\n".join(lines)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    chosen = sys.argv[1:]
    found = run(chosen or None)
    print(table(found))
    for r in found if chosen else ():
        print("\n".join(r.notes[:12]))
