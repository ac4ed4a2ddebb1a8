"""From kernel source to a shared library: translate, compile with g++, keep under a hash of everything that went in."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

from ... import cache as kept
from ...compiling import compiling

HERE = Path(__file__).parent
RUNTIME = ("scheduler", "checker")
OLDEST_GCC = 12
FLAGS = (
    "-std=c++17",
    "-fPIC",
    "-fvisibility=hidden",
    "-ffp-contract=off",
    "-gdwarf-4",  # binutils before 2.41 misread the file names of version 5
    f"-I{HERE}",
    "-Wno-unknown-pragmas",
    "-Wno-attributes",
)
DEVICE_HEADERS = ("cuda_fp16.h", "cuda_bf16.h", "cooperative_groups.h", "cuda_pipeline.h")


class KernelError(RuntimeError):
    """A kernel that does not build, or that broke a rule of CUDA while it ran."""


@cache
def available() -> str | None:
    """Why the emulator cannot run here, or None if it can."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return f"the CUDA emulator runs on Linux x86-64 only (this is {sys.platform} on {platform.machine()})"
    if shutil.which("g++") is None:
        return f"the CUDA emulator needs g++ {OLDEST_GCC} or newer, and there is none; mend: apt install g++"
    version = _run(["g++", "-dumpfullversion"]).strip()
    if int(version.split(".")[0]) < OLDEST_GCC:
        return f"the CUDA emulator needs g++ {OLDEST_GCC} or newer; this is {version}"
    return None


def build(source: str, names: Sequence[str], *, check: bool) -> Path:
    """Compile a kernel source to a shared library, or find it in the cache.

    names: the kernels to export. check: watch every access.
    """
    if reason := available():
        raise KernelError(reason)
    # The hooks that -fsanitize=thread calls come from checker.cpp: the library is linked without libtsan.
    flags = [*FLAGS, "-O1", *(["-fsanitize=thread"] if check else [])]
    unit = _translation_unit(source, names)

    def make(library: Path) -> None:
        with tempfile.TemporaryDirectory() as folder:
            text, compiled = Path(folder, "kernel.cpp"), Path(folder, "kernel.o")
            text.write_text(unit)
            _run(["g++", *flags, "-c", str(text), "-o", str(compiled)])
            _run(["g++", "-shared", "-o", str(library), str(compiled), *map(str, _runtime())])

    key = _hash(_sources(), _run(["g++", "--version"]), repr(flags), unit)
    return _cached(f"{key}.so", make)


def source_line(library: Path, offset: int) -> str:
    """file:line of the instruction before an offset in a library, or the offset where binutils are missing."""
    if shutil.which("addr2line") is None:
        return hex(offset)
    place = _run(["addr2line", "-e", str(library), hex(offset - 1)]).split()[0]
    return os.path.basename(place)


def translate(source: str) -> str:
    """The two things that C++ cannot express: CUDA's own headers, and dynamic shared memory. Line numbers are kept."""
    headers = "|".join(map(re.escape, DEVICE_HEADERS))
    source = re.sub(rf"^[ \t]*#[ \t]*include[ \t]*<(?:{headers})>[^\n]*", "", source, flags=re.M)
    aligned = r"(?:__align__\(\d+\)\s+|alignas\(\d+\)\s+)?"
    dynamic = rf"extern\s+__shared__\s+{aligned}([\w:<> ]+?)\s+(\w+)\s*\[\s*\]\s*;"
    return re.sub(dynamic, r"\1* \2 = (\1*)emu::dynamic_shared();", source)


def _translation_unit(source: str, names: Sequence[str]) -> str:
    table = ", ".join(f'describe_kernel("{name}", &{name})' for name in names)
    return (
        f'#include "cuda.h"\nnamespace {{\n#line 1 "kernel.cu"\n{translate(source)}\n}}\n'
        f"namespace emu {{ Kernel kernels[] = {{{table}}}; int kernel_count = {len(names)}; }}\n"
    )


def _runtime() -> list[Path]:
    """The scheduler and the checker, compiled once for all kernels."""

    def compiled(name: str) -> Path:
        command = ["g++", *FLAGS, "-O2", "-c", str(HERE / f"{name}.cpp"), "-o"]
        return _cached(
            f"{name}-{_hash(_sources(), _run(['g++', '--version']))}.o", lambda to: _run([*command, str(to)])
        )

    return [compiled(name) for name in RUNTIME]


@cache
def _sources() -> str:
    return "".join(path.read_text() for path in sorted([*HERE.glob("*.h"), *HERE.glob("*.cpp")]))


def _hash(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]


def _cached(name: str, make: Callable[[Path], object]) -> Path:
    """A file of the cache folder, made if there is none or a damaged one: several processes may want it at once.

    A linker and a loader do not mind the seal behind the file's own contents.
    """
    folder = kept.kept_folder("emulator")
    if folder is not None and kept.load(folder / name, name) is not None:
        return folder / name
    path = Path(_own_folder().name, name)  # this process's own, for where nothing can be kept
    if not path.exists():
        handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=path.suffix)
        os.close(handle)
        with compiling(name.partition("-")[0]):
            make(Path(temporary))
        os.replace(temporary, path)
    if folder is None or not kept.save(folder / name, name, path.read_bytes()):
        return path
    path.unlink()
    return folder / name


@cache
def _own_folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="dlengine-")


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise KernelError(f"{command[0]} failed:\n{done.stderr}")
    return done.stdout
