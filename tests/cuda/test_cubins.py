"""Kernels compiled ahead: found by what they were made of, refused where they are damaged, and complete for the card plan."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import fake_cupy
import numpy as np
import pytest
from click.testing import CliRunner

import dlengine as dl
from dlengine.cli.warmup import warmup
from dlengine.kernels.cuda import activation, emulator
from dlengine.kernels.cuda.machine import compile_check, cubins, launch
from dlengine.testing import warmup as ahead

needs_nvrtc = pytest.mark.skipif(compile_check.available() is not None, reason=str(compile_check.available()))
needs_emulator = pytest.mark.skipif(emulator.available() is not None, reason=str(emulator.available()))
SMALL = 'extern "C" __global__ void k(int* x) { *x = 3; }'


class Card:
    """As much of CuPy as loading takes; refuses: whether the driver does."""

    def __init__(self, major: int = 9, minor: int = 0, refuses: bool = False, others: tuple[int, ...] = ()) -> None:
        cards = [{"major": m, "minor": n} for m, n in ((major, minor), *((m, 0) for m in others))]
        self.loaded: list[tuple[str, bool]] = []
        self.cuda = SimpleNamespace(
            runtime=SimpleNamespace(getDeviceCount=lambda: len(cards), getDeviceProperties=lambda number: cards[number])
        )
        self.refuses = refuses

    def RawModule(self, *, path: str, enable_cooperative_groups: bool) -> Any:
        self.loaded.append((path, enable_cooperative_groups))
        if self.refuses:
            raise RuntimeError("CUDA_ERROR_NO_BINARY_FOR_GPU")
        return SimpleNamespace(get_function=lambda name: SimpleNamespace(num_regs=8, name=name))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DLENGINE_CUBINS", str(tmp_path))
    return tmp_path


def saved(folder: Path, arch: int = 90, options: tuple[str, ...] = ()) -> Path:
    return cubins.save(folder, arch, cubins.key_of(SMALL, options, arch), b"machine code")


def test_a_file_is_found_by_text_options_and_architecture(folder: Path) -> None:
    file, card = saved(folder), Card()
    assert cubins.carried(card, "k", SMALL, (), True).name == "k"
    assert card.loaded == [(str(file), True)]
    assert cubins.carried(card, "k", f"{SMALL}\n", (), True) is None
    assert cubins.carried(card, "k", SMALL, ("-fmad=false",), True) is None
    assert cubins.carried(Card(8, 9), "k", SMALL, (), True) is None
    assert len(card.loaded) == 1


def test_a_later_card_of_the_generation_takes_it(folder: Path) -> None:
    saved(folder, 80)
    assert cubins.carried(Card(8, 6), "k", SMALL, (), False).name == "k"
    assert cubins.carried(Card(9, 0), "k", SMALL, (), False) is None
    assert cubins.carried(Card(8, 6, others=(9,)), "k", SMALL, (), False) is None  # one module for two kinds of cards


def test_nothing_is_looked_for_unasked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved(folder)
    monkeypatch.delenv("DLENGINE_CUBINS")
    assert cubins.carried(None, "k", SMALL, (), False) is None


@pytest.mark.parametrize("harm", ["cut", "changed", "renamed", "empty"])
def test_a_damaged_file_is_refused_in_one_line(folder: Path, harm: str) -> None:
    file, card = saved(folder), Card()
    if harm == "renamed":
        other = cubins.key_of(SMALL, ("-fmad=false",), 90)
        file = file.rename(file.with_name(f"{other}-{file.stem.partition('-')[2]}.cubin"))
        cubins.listing.cache_clear()
    else:
        file.write_bytes({"cut": b"machine", "changed": b"machine c0de", "empty": b""}[harm])
    options = ("-fmad=false",) if harm == "renamed" else ()
    with pytest.warns(cubins.CubinWarning) as told:
        assert cubins.carried(card, "k", SMALL, options, False) is None
    (line,) = {str(w.message) for w in told}
    assert line == f"{file.name}: not loaded, k is compiled anew: it is damaged, or was made for another kernel"
    assert not card.loaded
    assert cubins.carried(card, "k", SMALL, options, False) is None  # said once


def test_what_the_driver_refuses_is_compiled_anew(folder: Path) -> None:
    saved(folder)
    with pytest.warns(cubins.CubinWarning, match="k is compiled anew: RuntimeError: CUDA_ERROR_NO_BINARY_FOR_GPU"):
        assert cubins.carried(Card(refuses=True), "k", SMALL, (), False) is None


def test_a_new_file_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    key = cubins.key_of(SMALL, (), 90)
    saved(tmp_path)
    file = cubins.save(tmp_path, 90, key, b"other code")
    assert list((tmp_path / "sm_90").iterdir()) == [file]
    assert cubins.is_saved(tmp_path, 90, key)
    file.write_bytes(b"")
    assert not cubins.is_saved(tmp_path, 90, key)  # so it is made again


@needs_emulator
def test_a_launch_takes_the_carried_kernel_or_compiles(folder: Path, machine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A damaged file costs a compile, not the launch."""
    kernel = activation._relu
    key = cubins.key_of(kernel.source("float32"), kernel.options, 90)
    file = cubins.save(folder, 90, key, b"machine code")
    file.write_bytes(b"machine c0de")
    x = dl.asarray([-1.0, 2.0])
    with pytest.warns(cubins.CubinWarning, match="relu_float32 is compiled anew"):
        assert dl.relu(x).tolist() == [0.0, 2.0]
    launch._compiled.cache_clear()
    kernel.entries.clear()
    cubins.save(folder, 90, key, b"machine code")
    asked: list[Any] = []
    compiled = fake_cupy.cupy.RawModule

    def module(code: str | None = None, path: str | None = None, **options: Any) -> Any:
        asked.append(path)
        return compiled(code or kernel.source("float32"), (), False)

    monkeypatch.setattr(fake_cupy.cupy, "RawModule", module)
    assert dl.relu(x).tolist() == [0.0, 2.0]
    assert asked == [str(next((folder / "sm_90").iterdir()))]


@needs_emulator
def test_what_ops_launch_on_a_card_is_among_what_is_compiled_ahead(machine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Text for text, generated kernels and those that lie in files."""
    texts = {source for source, _ in ahead.cuda_texts(90, pattern="gelu,relu")}
    asked: list[str] = []
    real = fake_cupy.cupy.RawModule
    monkeypatch.setattr(fake_cupy.cupy, "RawModule", lambda code, **options: asked.append(code) or real(code, **options))
    launch._compiled.cache_clear()
    x = dl.asarray(np.linspace(-2, 2, 48, dtype="float32").reshape(6, 8)).requires_grad_()
    dl.relu(dl.gelu(x)).backward(dl.ones((6, 8)))
    launch._compiled.cache_clear()
    assert len([code for code in asked if "generated_gelu" in code]) == 2
    assert len(asked) == 4
    assert set(asked) <= texts


@needs_nvrtc
def test_a_kernel_is_compiled_into_the_folder(tmp_path: Path) -> None:
    assert list(ahead._compiled_into([(SMALL, ())], tmp_path, 90)) == [None]
    (file,) = (tmp_path / "sm_90").iterdir()
    assert file.read_bytes()[:4] == b"\x7fELF"
    assert cubins.damage(file) is None
    told: list[str] = []
    assert ahead.compile_cubins(tmp_path, 90, {(SMALL, ()): "k"}, 1, lambda what, done, total: told.append(what)) == (0, {})
    assert told == ["done"]  # it is there
    (error,) = ahead._compiled_into([("nothing", ())], tmp_path, 90)
    assert error is not None
    assert "error" in error


def test_the_command_says_what_belongs_together(tmp_path: Path) -> None:
    for given, message in ((["--arch", "90"], "belong together"), (["--arch", "91", "--to", str(tmp_path)], "75, 80, 90")):
        done = CliRunner().invoke(warmup, given)
        assert done.exit_code == 2
        assert message in done.output


def test_the_command_reports_what_does_not_compile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compile_check, "available", lambda: None)
    monkeypatch.setattr(ahead, "cuda_texts", lambda arch, dtypes: {(SMALL, ()): "k", ("x", ()): "bad"})
    monkeypatch.setattr(ahead, "compile_cubins", lambda *given: (1, {"bad": "error: x"}))
    held = saved(tmp_path)
    old = cubins.save(tmp_path, 90, cubins.key_of("what it was before", (), 90), b"machine code")
    done = CliRunner().invoke(warmup, ["--arch", "90", "--to", str(tmp_path)])
    assert held.exists()
    assert not old.exists()
    assert done.exit_code == 1
    assert "1 of 2 files compiled for sm_90" in done.output
    assert f"DLENGINE_CUBINS={tmp_path}" in done.output
    assert "bad: error: x" in done.output
