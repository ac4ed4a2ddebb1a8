"""dlengine warmup: every kernel of the jit set runs once, so that it is compiled."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

pytest.importorskip("numba")

from dlengine.cli.warmup import warmup
from dlengine.kernels import jit
from dlengine.kernels.compiling import compilations
from dlengine.testing.warmup import compile_cpu_kernels, compile_cuda_kernels


def test_every_kernel_runs() -> None:
    before = dict(jit.SET.launches)
    told: list[tuple[int, int]] = []
    compile_cpu_kernels(("float32",), lambda what, done, total: told.append((done, total)))
    assert {name for name in jit.SET.declared if jit.SET.launches[name] == before.get(name, 0)} <= {"random_bits"}
    assert told == [(i, len(told) - 1) for i in range(len(told))]


def test_the_command_says_where_kernels_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr("dlengine.testing.warmup.compile_cpu_kernels", lambda dtypes, progress: asked.append(dtypes))
    result = CliRunner().invoke(warmup, ["--dtype", "float64"])
    assert (result.exit_code, asked) == (0, [("float64",)])
    assert "all kernels were compiled already" in result.output


def test_the_command_counts_what_it_compiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dlengine.testing.warmup.compile_cpu_kernels", lambda dtypes, progress: compilations.took(3, 2.0))
    result = CliRunner().invoke(warmup, [])
    assert "3 kernels compiled in" in result.output
    assert "compiled 3 kernels in 2 s" in result.output


def test_the_command_takes_no_unknown_dtype() -> None:
    assert CliRunner().invoke(warmup, ["--dtype", "int8"]).exit_code == 2


def test_cuda_kernels_are_compiled_where_there_is_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    import fake_cupy

    from dlengine.kernels.cuda.machine import compile_check, launch

    kernels = {kernel.name: kernel for kernel in compile_check.declared_kernels()}
    some = [kernels[name] for name in ("dropout", "random_bits", "relu")]
    monkeypatch.setattr(compile_check, "declared_kernels", lambda: some)
    compiled: list[tuple[str, str]] = []
    told: list[str] = []

    def compile_now(kernel: launch.Kernel, dtype: str) -> bool:
        compiled.append((kernel.name, dtype))
        return real(kernel, dtype)

    real = launch.compile_now
    monkeypatch.setattr(launch, "compile_now", compile_now)
    with fake_cupy.installed(monkeypatch):
        compile_cuda_kernels(("float32",), lambda what, done, total: told.append(what))
    assert compiled == [("dropout", "float32"), ("random_bits", ""), ("relu", "float32")]
    assert told == ["dropout float32", "random_bits", "relu float32", "done"]


def test_float16_is_for_cuda() -> None:
    result = CliRunner().invoke(warmup, ["--dtype", "float16"])
    assert result.exit_code == 2
    assert "is for --backend cuda" in result.output
