"""Calls of PyTorch's names that have short ways, usual ones and wrong ones: f is the function, x one of many tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from dlengine import torch

PLACES = [torch.tensor([[0, 1, 2, 3, 3, 5]] * 4), torch.tensor([[1, 0]] * 4), torch.tensor([[0, -1]] * 4),
          torch.tensor([[0, 9]] * 4), torch.tensor([1, 3]), torch.tensor([-1]), torch.tensor(1)]  # fmt: skip

REDUCED = "f(x); f(x, 1); f(x, dim=0); f(x, -1, True); f(x, dim=1, keepdim=True); f(x, 5); f(x, dim='a'); f(input=x, dim=1)"
SIZES = """f(3, 4); f((2, 3)); f(x.shape); f(); f(2, dtype=torch.int64); f(2, dtype=torch.float16); f(-1); f(2.5); f(size=(2,))
    f(2, requires_grad=True); f(2, device='cpu'); f(2, dtype=torch.bool)"""
SHAPED = """f(x, -1); f(x, 2, 12); f(x, (6, 4)); f(x, [24]); f(x, 5, 5); f(x, -1, -1); f(x, 4, -2); f(x, x.shape); f(x, 3.0)
    f(x)"""
ALONG = "; ".join(f"f(x, {d}, PLACES[{i}])" for d in (0, 1, -1, 6) for i in range(len(PLACES)))
INTO = "; ".join(f"f(x, {d}, PLACES[{i}], {s})" for d in (0, 1) for i in range(5) for s in ("x * 2", "x[:, :1]"))
SPLIT = "f(x, 2); f(x, 4, 1); f(x, [1, 3]); f(x, 2, dim=-1); f(x, 0); f(x, 9); f(x, 2, 7)"
TYPES = """'cpu' torch.device('cpu') torch.float32 torch.float64 torch.int64 torch.bool
    torch.int32 torch.float16 torch.complex64 0"""
KEYS = """0 -1 9 True None ... slice(1,3) slice(None,None,2) slice(None,None,-1) (0,1) (slice(None),0) (...,0) (None,slice(0,2))
    (0,0,0) (slice(None),slice(0,4,2)) (slice(3,0,-1),0) (slice(0,0),) () [0,1] PLACES[4] (1,...) ('a',) (0,PLACES[4])
    (slice(None),None,2) np.int64(1) 1.5 (True,0) (0,1,...) (...,...) x>0
    (x>0)[0] PLACES[0] PLACES[5] torch.tensor([9]) PLACES[4].int() (PLACES[4],PLACES[4])""".split()
BOTH = """f(x); f(x, x); f(x, x[:1]); f(x[0], x); f(2, x); f(x, x.t()); f(x, x.double()); f(x.t()[:3], x.t()[1:4]); f(x, 0.5)
    f(x, 3); f(x, -1); f(x, 1 << 40); f(x, True); f(x, 2.5 + 1j); f(x, 'a'); f(x, x[0, 0]); f(input=x, other=2)"""
"""Of a function of one tensor or two."""

_TEXTS = {
    "sum mean prod amax amin": f"{REDUCED}; f(x, (0, 1)); f(x, [0]); f(x, []); f(x, dim=(0, 0))",
    "any all argmax argmin": REDUCED, "max min": f"{REDUCED}; f(x, x); f(x, other=x)",
    "softmax log_softmax": "f(x, 1); f(x, -1); f(x, 0); f(x, 4); f(x, dim=1)",
    "cumsum": "f(x, 0); f(x, 1); f(x, -1); f(x, 7)",
    "reshape view": SHAPED, "view_as reshape_as": "f(x, x); f(x, torch.ones(6, 4)); f(x, torch.ones(5))",
    "flatten": "f(x); f(x, 1); f(x, 0, 1); f(x, start_dim=1); f(x, 7)",
    "squeeze": "f(x); f(x, 0); f(x, 8); f(x[None]); f(x[None], 0)",
    "unsqueeze": "f(x, 0); f(x, 1); f(x, -1); f(x, -3); f(x, 9)", "transpose": "f(x, 0, 1); f(x, -1, 0); f(x, 0, 5)", "t": "f(x)",
    "permute": "f(x, 1, 0); f(x, (0, 1)); f(x, 0, 0); f(x, 2, 0, 1)",
    "expand": "f(x, 3, 4, 6); f(x, -1, 6); f(x, (4, 6)); f(x, 5, 6); f(x[:1], 3, 6)",
    "expand_as": "f(x, torch.ones(2, 4, 6)); f(x, x)", "narrow": "f(x, 0, 1, 2); f(x, 1, -2, 2); f(x, 0, 3, 9); f(x, 0, 0, 0)",
    "split Tensor.split chunk": SPLIT, "unbind": "f(x); f(x, 1); f(x, dim=-1); f(x, 6)",
    "Tensor.__getitem__": "; ".join(f"f(x, {key})" for key in KEYS),
    "cat": "f([x, x]); f((x, x), 1); f([x, x], dim=-1); f([x, x.float()]); f([x], 3); f([]); f([x, torch.zeros(0)])",
    "stack": "f([x, x]); f((x, x), 1); f([x, x], dim=-1); f([x, x], 7); f([x, x[:1]]); f([])",
    "scatter": f"{INTO}; f(x, 1, PLACES[0], 2.0); f(x, 0, PLACES[1], value=1); f(x, 1, PLACES[0], 1e300)",
    "scatter_add": f"{INTO}; f(x, 1, PLACES[0], 2.0)", "gather": ALONG, "index_select": ALONG,
    "topk": "f(x, 2); f(x, 6); f(x, 3, 0); f(x, 2, largest=False); f(x, 7); f(x, 0); f(x, 1, 1, True)",
    "sort argsort": "f(x); f(x, 1); f(x, 0); f(x, -1, True); f(x, descending=True)",
    "relu silu": "f(x); f(x, inplace=False)", "clone nonzero float double long int": "f(x)",
    "median": "f(x); f(x, 0); f(x[0]); f(x[2:, 1])",
    "equal": "f(x, x); f(x, x + 1); f(x, x[:1]); f(x, 1); f(x, x.double())",
    "one_hot": """f(PLACES[0], 6); f(PLACES[1], 2); f(PLACES[0], 3); f(PLACES[2], 3); f(PLACES[0]); f(PLACES[4], num_classes=5)
        f(x, 3)""",
    "std var": f"""{REDUCED}; f(x, False); f(x, 0, False); f(x, dim=1, correction=0); f(x, unbiased=False)
        f(x[:1], 0); f(x, correction=30)""",
    "tensor": """f(1.5); f(3); f([1.0, 2]); f([[1, 2], [3, 4]]); f([[1.0], [2.0, 3.0]]); f([]); f([1e300]); f(True); f([1, True])
        f(1 << 70); f([1, 2], dtype=torch.float32); f([1.5], dtype=torch.int64); f([[]]); f(x); f([x]); f((1, 2)); f('a')
        f([1.0], requires_grad=True); f([1], requires_grad=True); f([1.0, float('nan')]); f([[1, 2], 3])""",
    "flip": "f(x, 0); f(x, (0, 1)); f(x, [-1]); f(x, 0, 0)",
    "clamp": """f(x, -1, 1); f(x, min=0); f(x, max=0.0); f(x, 1.0, -1.0); f(x); f(x, 0, 2.5); f(x, -0.0, 0.0); f(x, torch.nan, 1)
        f(x, x, 1.0)""",
    "where": """f(x > 0, x, x); f(x > 0, x, 0.0); f(x > 0, 1.5, x); f(x > 0, x, 1); f(x > 0); f(x > 0, x[:1], x); f(x, x, x)
        f(x > 0, 1e300, x)""",
    "masked_fill": "f(x, x > 0, 0.0); f(x, x > 0, 2); f(x, x[:1] > 0, 1e300); f(x, x, 1); f(x, x > 0, -torch.inf)",
    "zeros ones empty": SIZES, "full": "f((2, 3), 1.5); f(x.shape, 2.0); f((2,), 1); f(3, 1.0); f(-2, 1.0)",
    "zeros_like ones_like empty_like": "f(x); f(x, dtype=torch.float64)",
    "new_zeros new_ones new_empty": "f(x, 2, 3); f(x, (2,)); f(x, -1)",
    "arange": """f(5); f(1, 7); f(1, 9, 3); f(5, 1); f(5, 1, -1); f(0., 1., .25); f(3, dtype=torch.float32); f(0)
        f(3, device='cpu'); f(0.5); f(0, 2, 0.5); f(1.0, 0.0, -0.25); f(2.0, 1.0); f(0, 1, 0.0); f(0.0)""",
    "from_numpy as_tensor": "f(x.detach().array); f(x); f([1.0, 2.0]); f(np.ma.ones(3))",
    "to": "; ".join([*(f"f(x, {t})" for t in TYPES.split()), "f(x, x)", "f(x)"]),
    "bmm": "f(x, x); f(x[None], x.t()[None]); f(x[None], x.t())", "mv": "f(x, x[0]); f(x, x[:, 0]); f(x, x)",
    "dot": "f(x[0], x[0]); f(x[0], x[1]); f(x, x)", "matmul mm": "f(x, x.t()); f(x, x); f(x.t(), x); f(x, x[0])",
}  # fmt: skip

Call = Callable[[Callable[..., Any], Any], Any]


def _calls(text: str) -> list[Call]:
    """The calls of a text, one from the next apart by a semicolon or a line."""
    parts = [part.strip() for line in text.splitlines() for part in line.split(";")]
    scope = {"torch": torch, "np": np, "PLACES": PLACES}
    return [eval(f"lambda f, x: {part}", scope) for part in parts if part]  # noqa: S307 - the text is our own


CASES: dict[str, list[Call]] = {name: _calls(text) for names, text in _TEXTS.items() for name in names.split()}
OTHERS: list[Call] = _calls(BOTH)
