"""dlengine.torch gives what PyTorch gives: stored results of the snippets, PyTorch's op database, and the names of courses.

``python -m torch_names.test_against_torch`` in tests/ stores PyTorch's results anew where it is installed.
"""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch_names import coverage_of_names as coverage
from torch_names import snippets

HERE = Path(__file__).parent
STORE = HERE / "results.json.gz"
CODES = snippets.all_snippets()
STORED: dict[str, Any] = json.loads(gzip.decompress(STORE.read_bytes())) if STORE.exists() else {}
INSTALLED = """
import sys, json
sys.path.insert(0, {here!r})
from torch_names import snippets
from dlengine.torch import runner
runner.install()
import torch, warnings
warnings.simplefilter("ignore")
out = {{}}
for name, code in snippets.all_snippets().items():
    try:
        out[name] = snippets.run(code, torch)
    except Exception as error:
        out[name] = f"{{type(error).__name__}}: {{error}}"
print(json.dumps(out))
"""


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    """The results of all snippets in a process of their own, where dlengine answers to the name torch."""
    done = subprocess.run([sys.executable, "-c", INSTALLED.format(here=str(HERE.parent))], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def assert_equal(mine: Any, theirs: Any) -> None:
    """Equal dtypes, shapes and structure, and numbers as near as float32 allows."""
    if isinstance(theirs, dict):
        assert isinstance(mine, dict), mine
        assert (mine["dtype"], mine["shape"]) == (theirs["dtype"], theirs["shape"])
        numbers(mine["values"], theirs["values"], 1e-2 if theirs["dtype"] == "float16" else 2e-5)
    elif isinstance(theirs, list):
        assert isinstance(mine, list), mine
        assert len(mine) == len(theirs)
        for a, b in zip(mine, theirs, strict=True):
            assert_equal(a, b)
    elif isinstance(theirs, float):
        numbers([mine], [theirs], 2e-5)
    else:
        assert mine == theirs


def numbers(mine: list[Any], theirs: list[Any], bound: float) -> None:
    np.testing.assert_allclose(np.array(mine, dtype=float), np.array(theirs, dtype=float), rtol=bound, atol=bound)


@pytest.mark.parametrize("name", CODES)
def test_snippets(name: str, found: dict[str, Any]) -> None:
    assert_equal(found[name], STORED[name])


@pytest.mark.slow
def test_stored_results_are_pytorchs() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    warnings.simplefilter("ignore")
    for name, code in CODES.items():
        assert_equal(snippets.run(code, torch), STORED[name])


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_op_database() -> None:
    """At least 450 of the names exist, and of their samples 97 % agree; the rest is refused in words or has a reason."""
    pytest.importorskip("torch", reason="PyTorch is not installed")
    pytest.importorskip("expecttest", reason="PyTorch's op database needs expecttest")
    from torch_names import op_db

    warnings.simplefilter("ignore")
    rows = op_db.run()
    print(op_db.table(rows))
    there = [r for r in rows if r.there]
    counts = {kind: sum(r.results[kind] for r in rows) for kind in ("agrees", "refused", "differs")}
    assert len(there) >= 450
    assert counts["agrees"] >= 0.97 * sum(counts.values())
    assert {r.name for r in rows if r.results["differs"]} <= set(op_db.REASONS)


def test_checkpoint_of_pytorch() -> None:
    """A file that PyTorch wrote is read without executing it, nested as it was saved; its optimizer goes on."""
    import dlengine.torch as torch

    held = torch.load(HERE / "checkpoint.pt", map_location="cpu", weights_only=True)
    assert (held["epoch"], held["loss"], held["names"]) == (3, 0.5, ["a", ("b", None)])
    assert held["half"].dtype == torch.float16
    model = torch.nn.Linear(2, 3)
    model.load_state_dict(held["model_state_dict"])
    optimizer = torch.optim.Adam(model.parameters(), 0.5)
    optimizer.load_state_dict(held["optimizer"])
    np.testing.assert_allclose(model.weight.detach().numpy().reshape(-1), np.arange(6) - 0.1, rtol=1e-6, atol=1e-6)
    model(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    np.testing.assert_allclose(model.bias.detach().numpy(), -0.2, rtol=1e-6)


def test_names_of_courses() -> None:
    """95 % of the uses exist, and 90 % of the forms of call bind."""
    uses = [u for u in coverage.read() if u.in_scope]
    there = [u for u in uses if coverage.find(u.name) is not None]
    assert sum(u.files for u in there) >= 0.95 * sum(u.files for u in uses)
    forms = [u for u in there if u.form]
    fit = [u for u in forms if coverage.binds(coverage.find(u.name), u.form, u.name.startswith(("x.", "module.")))]
    assert sum(u.files for u in fit) >= 0.90 * sum(u.files for u in forms)


if __name__ == "__main__":
    import torch as real

    warnings.simplefilter("ignore")
    results = {}
    for snippet, text in CODES.items():
        try:
            results[snippet] = snippets.run(text, real)
        except Exception as error:
            raise SystemExit(f"{snippet}: {error}") from error
    STORE.write_bytes(gzip.compress(json.dumps(results, separators=(",", ":")).encode(), mtime=0))
