"""No file of the kernel cache, and no folder it might be in, can stop a run or be used damaged."""

from __future__ import annotations

import os
import pickle
import resource
import signal
import subprocess
import sys
import textwrap
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba")

from dlengine.kernels import cache
from dlengine.kernels.compiling import compilations
from dlengine.kernels.cuda import emulator
from dlengine.kernels.cuda.emulator import Module
from dlengine.kernels.cuda.emulator.build import build
from dlengine.kernels.jit.machine.compile import Kernel, jit


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder, and no warning given yet."""
    monkeypatch.setenv("DLENGINE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(cache, "_warned", False)
    return tmp_path / "cache"


def kernel() -> Kernel:
    """A tiny kernel as a new process has it: nothing compiled, nothing loaded."""

    @jit(parallel=False)
    def weighted(x: Any, scale: float) -> float:
        total = 0.0
        for i in range(x.size):
            total += (i + 1) * x[i]
        return total * scale

    return weighted


def run() -> int:
    """Use the kernel as a new process would; gives how many kernels had to be compiled for it."""
    before = compilations.kernels
    assert kernel()(np.array([3.0, 5.0, 7.0]), 2.0) == 68
    return compilations.kernels - before


def files(folder: Path, ending: str = "nbc") -> list[Path]:
    return sorted(folder.rglob(f"*.{ending}"))


def flip(path: Path, place: float, bit: int = 0) -> None:
    """Turn one bit at a place between 0, the first byte, and 1, the last."""
    content = bytearray(path.read_bytes())
    content[round(place * (len(content) - 1))] ^= 1 << bit
    path.write_bytes(content)


class Evil:
    """Unpickled, it leaves a file."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (Path.touch, (Path(self.path),))


def another_kernels(path: Path, variant: int) -> None:
    """A sound file, but of another kernel or version: another key is in its seal."""
    content = path.read_bytes()[: -cache.SEAL]
    cache.save(path, f"another key {variant}", content)


def in_its_place(make: Callable[[Path], object]) -> Callable[[Path, int], None]:
    def damage(path: Path, variant: int) -> None:
        path.unlink()
        make(path)

    return damage


def of_a_sparse_terabyte(path: Path) -> None:
    path.touch()
    os.truncate(path, 1 << 40)


PLACES = (0.0, 0.2, 0.5, 0.97, 1.0)
DAMAGES: dict[str, Callable[[Path, int], object]] = {
    "empty": lambda path, variant: path.write_bytes(b""),
    "cut": lambda path, variant: os.truncate(path, int(path.stat().st_size * PLACES[variant] * 0.999)),
    "garbled": lambda path, variant: path.write_bytes(np.random.default_rng(variant).bytes(path.stat().st_size)),
    "a flipped bit": lambda path, variant: flip(path, PLACES[variant], variant),
    "longer": lambda path, variant: path.write_bytes(path.read_bytes() + b"\0" * (variant + 1)),
    "zeros at the end": lambda path, variant: path.write_bytes(path.read_bytes()[: -4096 >> variant] + bytes(4096 >> variant)),
    "of another key": another_kernels,
    "a plain pickle": lambda path, variant: path.write_bytes(pickle.dumps(Evil(f"{path}.ran"), variant)),
    "a folder": in_its_place(lambda path: (path / "with" / "more").mkdir(parents=True)),
    "a pipe": in_its_place(lambda path: os.mkfifo(path)),
    "a link to nowhere": in_its_place(lambda path: path.symlink_to(path)),
    "a sparse terabyte": in_its_place(of_a_sparse_terabyte),
    "open to all": lambda path, variant: path.chmod(0o666),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_noticed_and_compiled_again(folder: Path, damage: str) -> None:
    assert (run(), run()) == (1, 0)
    for variant in range(5):
        (path,) = files(folder)
        DAMAGES[damage](path, variant)
        assert run() == 1, "used as it was"
        assert not path.with_name(path.name + ".ran").exists()
        assert run() == 0, "not mended"


def test_a_file_that_cannot_be_rebuilt_is_compiled_again(folder: Path) -> None:
    """Sound, and of this key, but of no use: as after an exchange of a library beneath Numba."""
    run()
    (path,) = files(folder)
    key = next(k for k in _keys(path) if cache.load(path, k) is not None)
    cache.save(path, key, pickle.dumps((1, 2, 3)))
    assert (run(), run()) == (1, 0)


def _keys(path: Path) -> Iterator[str]:
    one = kernel().dispatcher
    one.compile("float64(float64[::1], float64)")
    for signature in one.signatures:
        yield one._cache._names(signature, one.targetctx.codegen())[1]


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="POSIX modes")
@pytest.mark.parametrize("place", [".", "jit/*"])
def test_a_folder_that_all_can_write_is_not_used(folder: Path, place: str) -> None:
    run()
    (chosen,) = folder.glob(place) if place != "." else [folder]
    chosen.chmod(0o777)
    with pytest.warns(cache.CacheWarning, match="mend: chmod"):
        assert run() == 1
    assert run() == 1  # and is said once
    chosen.chmod(0o755)
    assert run() == 0


def test_a_shared_temporary_folder_is_fine(folder: Path) -> None:
    """All may write to it, but only the owner may take away: each has a folder below."""
    folder.mkdir()
    folder.chmod(0o1777)
    assert (run(), run()) == (1, 0)


@pytest.mark.parametrize("root", ["/dev/null/cache", "/proc/cache"])
@pytest.mark.skipif(sys.platform != "linux", reason="folders that nobody can make")
def test_no_folder_costs_one_warning(root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DLENGINE_CACHE", root)
    with pytest.warns(cache.CacheWarning, match="not kept on disk") as said:
        assert (run(), run()) == (1, 1)
    assert len(said) == 1


def test_no_home_costs_one_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    def home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    for name in ("DLENGINE_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", home)
    with pytest.warns(cache.CacheWarning, match="no-home-folder"):
        assert run() == 1


def test_a_full_disk_costs_one_warning(folder: Path) -> None:
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limit[1]))
    try:
        with pytest.warns(cache.CacheWarning, match="File too large") as said:
            assert (run(), run()) == (1, 1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        signal.signal(signal.SIGXFSZ, handler)
    assert len(said) == 1
    assert not [path for path in folder.rglob("*") if path.is_file()], "half a file is left"
    assert (run(), run()) == (1, 0)


def test_a_read_only_folder_can_be_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As when an administrator compiled for all: what is there is used, what is not costs one warning."""
    run()

    def refuse(path: Path, flags: int, *mode: int) -> int:
        if flags & os.O_CREAT:
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, flags, *mode)

    real = os.open
    monkeypatch.setattr(cache.os, "open", refuse)
    assert run() == 0
    with pytest.warns(cache.CacheWarning, match="Permission denied"):
        assert kernel()(np.array([1, 2]), 2.0) == 10  # of another dtype


def test_what_nobody_used_for_long_is_deleted(folder: Path) -> None:
    now = time.time()
    for name, days in (("old", 40), ("recent", 20)):
        (folder / "jit" / name).mkdir(parents=True)
        (folder / "jit" / name / "file").touch()
        os.utime(folder / "jit" / name, (now, now - days * 86400))
    used = folder / "jit" / "used"
    used.mkdir()
    for name, days in (("left.tmp", 2), ("writing.tmp", 0), ("kept.nbc", 90)):
        (used / name).touch()
        os.utime(used / name, (now, now - days * 86400))
    os.utime(used, (now, now - 50 * 86400))
    cache.tidy(used)
    assert {path.name for path in (folder / "jit").iterdir()} == {"recent", "used"}
    assert {path.name for path in used.iterdir()} == {"writing.tmp", "kept.nbc"}


OPS = """
    import numpy as np, dlengine as dl
    from dlengine.kernels.compiling import compilations
    dl.set_backend("numba")
    x = dl.asarray(np.arange(-12, 12, dtype="float32").reshape(2, 3, 4))
    x.requires_grad = True
    y = dl.sum(dl.relu(x) * x)
    y.backward()
    print(float(y), float(dl.sum(x.grad * x)), compilations.kernels)
"""


def process(**more: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(OPS)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more
    )


def ended(one: subprocess.Popen[str]) -> tuple[list[str], int]:
    """The values that a process computed, and how many kernels it compiled."""
    out, err = one.communicate(timeout=200)
    assert one.returncode == 0, err
    *values, compiled = out.split()
    return values, int(compiled)


def test_processes_at_once_mend_the_same_damage(folder: Path) -> None:
    expected, compiled = ended(process())
    assert compiled
    for number, path in enumerate((*files(folder), *files(folder, "obj"))):
        [os.truncate, flip, lambda path, _: path.write_bytes(b"")][number % 3](path, 0.5 if number % 3 else 100)
    both = [process(), process()]
    assert [ended(one)[0] for one in both] == [expected, expected]
    assert ended(process()) == (expected, 0)
    assert not files(folder, "tmp")


@pytest.mark.slow
@pytest.mark.parametrize("damage", DAMAGES)
def test_runs_go_on_whatever_happened_to_the_cache(folder: Path, damage: str) -> None:
    expected, compiled = ended(process())
    for variant in range(5):
        for path in (*files(folder), *files(folder, "obj")):  # Numba's kernels and generated ones
            DAMAGES[damage](path, variant)
        assert ended(process()) == (expected, compiled)


SOURCE = 'extern "C" __global__ void seven(int *x) { *x = 7; }'


@pytest.mark.skipif(emulator.available() is not None, reason=str(emulator.available()))
@pytest.mark.parametrize(("damage", "ending"), [("cut", "so"), ("a flipped bit", "so"), ("empty", "o")])
def test_a_damaged_library_of_the_emulator_is_built_again(folder: Path, damage: str, ending: str) -> None:
    x = np.zeros(1, np.int32)
    library = build(SOURCE, ["seven"], check=False)
    path = files(folder, ending)[0]
    DAMAGES[damage](path, 2)
    if ending == "o":  # read only to build another library
        library.unlink()
    Module(SOURCE, ["seven"]).get_function("seven")((1,), (1,), (x,))
    assert x[0] == 7
    assert cache.load(path, path.name) is not None


@pytest.mark.skipif(emulator.available() is not None, reason=str(emulator.available()))
def test_the_emulator_runs_where_nothing_can_be_kept(folder: Path) -> None:
    x = np.zeros(1, np.int32)
    folder.mkdir()
    (folder / "emulator").touch()
    with pytest.warns(cache.CacheWarning, match="File exists"):
        Module(SOURCE.replace("7", "8"), ["seven"]).get_function("seven")((1,), (1,), (x,))
    assert x[0] == 8


def test_warnings_say_it_in_one_line() -> None:
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        cache._warn("first")
        cache._warn("second")
    assert [str(one.message) for one in said] == ["compiled kernels are not kept on disk: first"]
