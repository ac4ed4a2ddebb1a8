"""dlengine warmup: every kernel of the jit set runs once, so that it is compiled."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

pytest.importorskip("numba")

from dlengine.cli.warmup import warmup
from dlengine.kernels import jit
from dlengine.testing.warm import warm


def test_every_kernel_runs() -> None:
    before = dict(jit.SET.launches)
    told: list[tuple[int, int]] = []
    warm(("float32",), lambda what, done, total: told.append((done, total)))
    assert {name for name in jit.SET.declared if jit.SET.launches[name] == before.get(name, 0)} <= {"random_bits"}
    assert told == [(i, len(told) - 1) for i in range(len(told))]


def test_the_command_says_where_kernels_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr("dlengine.testing.warm.warm", lambda dtypes, progress: asked.append(dtypes))
    result = CliRunner().invoke(warmup, ["--dtype", "float64"])
    assert (result.exit_code, asked) == (0, [("float64",)])
    assert "kernels compiled in" in result.output


def test_the_command_takes_no_unknown_dtype() -> None:
    assert CliRunner().invoke(warmup, ["--dtype", "int8"]).exit_code == 2
