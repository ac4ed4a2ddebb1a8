"""Damaged files: every reader gives what the file holds or the one documented error, with the file's name, in bounded memory.

The damages come from seeds: cut, flipped, zeroed, doubled and lost bytes, numbers grown beyond all memory, JSON of other types
or nested deeply, headers that lie, another reader's file under this name, and checkpoints sealed anew after the damage.
"""

from __future__ import annotations

import gzip
import io
import json
import lzma
import random
import re
import resource
import signal
import struct
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import dlengine as dl
from dlengine import data
from dlengine import io as files
from dlengine.benchmarks.results import Result, Row, Timing
from dlengine.data.idx import read_idx, to_idx
from dlengine.data.pictures import omniglot_images
from dlengine.data.series import parse_series
from dlengine.data.sources import DataFile, Place, content
from dlengine.errors import CheckpointError, ConfigError, DataError
from dlengine.io import checkpoint, safetensors
from dlengine.recipes import gallery
from dlengine.recipes.recipe import find
from dlengine.recipes.run_folder import read_config

SECONDS, MEGABYTES = 30, 300
"""What one file may take, and all of them together beyond what the process has; a file that lies asks for terabytes."""

HUGE = (0, -1, 255, 2**31 - 1, 2**31, 2**32, 2**62, 2**63 - 1, 2**63, 2**64, 10**30, 10**400)
STRANGE = (None, True, "text", "", [], {}, [[]], -1, 0, 0.5, 1e308, float("inf"), float("nan"), {"a": {"$tensor": 3}}, *HUGE)

rng = np.random.default_rng(0)
PIXELS = rng.integers(0, 256, (12, 9)).astype(np.uint8)


# ---------------------------------------------------------------------- whole files
def npy(array: Any) -> bytes:
    out = io.BytesIO()
    np.save(out, array)
    return out.getvalue()


def picture(kind: str) -> bytes:
    out = io.BytesIO()
    Image.fromarray(PIXELS).save(out, kind)
    return out.getvalue()


def saved(write: Callable[[Path], Any], folder: Path) -> bytes:
    path = folder / "whole"
    write(path)
    return path.read_bytes()


STATE = {"model": {"w": dl.ones((2, 3)), "b": dl.arange(4)}, "epoch": 3, "history": [{"loss": 0.5}, {"loss": 0.25}], "none": None}
WEIGHTS = {"w": np.ones((2, 3), np.float32), "flags": np.array([True, False]), "n": np.arange(4)}
CSV = b"Month,Passengers\n" + b"".join(b"1949-%02d,%d\n" % (k, 100 + k) for k in range(1, 13))
TEXT = "One sentence.\tEine Zeile mit Umlauten: äöü.\n" * 20
BENCH = Result(
    {"threads": 2}, {"cpu": "x"}, {"dlengine": {"precision": {}}},
    [Row("a", "op", {"N": 3}, {"dlengine": Timing.of([1.0, 2.0], 3.0)}, 1.5)],
)  # fmt: skip


def zipped(name: str, inside: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, inside)
    return out.getvalue()


CONFIG = json.dumps(
    {
        "recipe": "digits-cnn", "scale": "quick", "settings": find("digits-cnn").configure({}, "quick"), "seed": 0,
        "dtype": "float32", "backend": "numpy",
    }
).encode()  # fmt: skip
RESULTS = json.dumps({"accuracy": 0.9, "loss": 0.2, "samples": 360, "seconds": 3.5}).encode()


# ---------------------------------------------------------------------- readers
def read_series(path: Path) -> Any:
    return parse_series(path.read_bytes().decode("latin1"), str(path))


def read_bench(path: Path) -> Any:
    result = Result.load(path)
    return [row.label("torch") for row in result.rows], result.geometric_means


def read_run_config(path: Path) -> Any:
    (path.parent / "config.json").write_bytes(path.read_bytes())
    return read_config(path.parent)


def read_run_results(path: Path) -> Any:
    (path.parent / "config.json").write_bytes(CONFIG)
    (path.parent / "results.json").write_bytes(path.read_bytes())
    return gallery([path.parent], path.parent / "page.html")


def read_drawings(path: Path) -> Any:
    file = DataFile(16 + 784, "md5:00", (Place(path.name, convert=omniglot_images),))
    return content(file, path.parent)


def image(path: Path) -> Any:
    return data.read_image(path, (8, 8))


READERS: dict[str, tuple[str, Callable[[Path], Any], tuple[type[Exception], ...]]] = {
    "checkpoint": ("a.safetensors", files.load, (CheckpointError,)),
    "sealed": ("b.safetensors", files.load, (CheckpointError,)),
    "weights": ("c.safetensors", files.load_weights, (CheckpointError,)),
    "idx": ("d-ubyte", read_idx, (DataError,)),
    "idx.gz": ("e.gz", read_idx, (DataError,)),
    "npy": ("f.npy", image, (DataError,)),
    "png": ("g.png", image, (DataError,)),
    "jpeg": ("h.jpg", image, (DataError,)),
    "gif": ("i.gif", image, (DataError,)),
    "bmp": ("j.bmp", image, (DataError,)),
    "ppm": ("k.ppm", image, (DataError,)),
    "csv": ("l.csv", read_series, (DataError,)),
    "text": ("m.txt", data.text_file, (DataError,)),
    "text.gz": ("n.txt.gz", data.sentence_pairs, (DataError,)),
    "text.xz": ("o.txt.xz", data.text_file, (DataError,)),
    "text.zip": ("p.zip", data.text_file, (DataError,)),
    "drawings": ("q.zip", read_drawings, (DataError,)),
    "config": ("config.json", read_run_config, (CheckpointError, ConfigError)),
    "results": ("results.json", read_run_results, (CheckpointError,)),
    "bench": ("r.json", read_bench, (DataError,)),
}
"""By name: what the file is called, who reads it, and the errors that are documented."""


def wholes(folder: Path) -> dict[str, bytes]:
    idx = to_idx(np.stack([PIXELS, PIXELS]))
    return {
        "checkpoint": saved(partial(files.save, state=STATE), folder),
        "sealed": saved(partial(files.save, state=STATE), folder),
        "weights": saved(partial(files.save_weights, state_dict=WEIGHTS), folder),
        "idx": idx,
        "idx.gz": gzip.compress(idx),
        "npy": npy(PIXELS),
        **{kind: picture(kind.upper()) for kind in ("png", "jpeg", "gif", "bmp", "ppm")},
        "csv": CSV,
        "text": TEXT.encode(),
        "text.gz": gzip.compress(TEXT.encode()),
        "text.xz": lzma.compress(TEXT.encode()),
        "text.zip": zipped("a.txt", TEXT.encode()),
        "drawings": zipped("images_background/Latin/character01/0001_01.png", picture("PNG")),
        "config": CONFIG,
        "results": RESULTS,
        "bench": saved(BENCH.save, folder),
    }


# ---------------------------------------------------------------------- damages
def bytes_damaged(whole: bytes, draw: random.Random) -> bytes:
    found = bytearray(whole)
    a = draw.randrange(len(found))
    b = min(len(found), a + draw.randrange(1, 40))
    kind = draw.randrange(7)
    if kind == 0:
        return bytes(found[:a])
    if kind == 1:
        for _ in range(draw.randrange(1, 9)):
            found[draw.randrange(len(found))] ^= 1 << draw.randrange(8)
    elif kind == 2:
        found[a:b] = bytes(b - a)
    elif kind == 3:
        found[a:a] = found[a:b] * draw.choice((1, 1, 50))
    elif kind == 4:
        del found[a:b]
    elif kind == 5:
        found[a:a] = draw.choice((b"[" * 100_000, b"(" * 5_000, b'{"a":' * 50_000, b"9" * 5_000, b"\xff" * 8, b"NaN", b"\0"))
    else:
        width = draw.choice((2, 4, 8))
        at = draw.randrange(max(1, min(len(found), 64) // width)) * width
        found[at : at + width] = draw.choice((b"\xff" * width, b"\x7f" + b"\xff" * (width - 1), b"\0" * (width - 1) + b"\x80"))
    return bytes(found)


def numbers_grown(whole: bytes, draw: random.Random) -> bytes:
    """One run of digits in the file's beginning becomes a large number: a declared size, mostly."""
    places = list(re.finditer(rb"\d+", whole[:400]))
    if not places:
        return bytes_damaged(whole, draw)
    at = draw.choice(places)
    return whole[: at.start()] + str(draw.choice(HUGE)).encode() + whole[at.end() :]


def json_damaged(held: Any, draw: random.Random) -> Any:
    """The same with one value or key of it replaced, lost or nested."""
    if isinstance(held, dict) and held and draw.random() < 0.9:
        key = draw.choice(list(held))
        kind = draw.random()
        if kind < 0.1:
            return {k: v for k, v in held.items() if k != key}
        if kind < 0.15:
            return {draw.choice(("$tensor", "", "x")) if k == key else k: v for k, v in held.items()}
        return {k: json_damaged(v, draw) if k == key else v for k, v in held.items()}
    if isinstance(held, list) and held and draw.random() < 0.8:
        at = draw.randrange(len(held))
        return [json_damaged(v, draw) if k == at else v for k, v in enumerate(held)]
    return draw.choice(STRANGE)


def header_damaged(whole: bytes, draw: random.Random) -> bytes:
    """Safetensors with one value of the header replaced, its length put right."""
    (length,) = struct.unpack("<Q", whole[:8])
    header = json.dumps(json_damaged(json.loads(whole[8 : 8 + length]), draw)).encode()
    return struct.pack("<Q", len(header)) + header + whole[8 + length :]


def sealed_again(whole: bytes, draw: random.Random) -> bytes:
    """A checkpoint with another tree and a checksum that is right."""
    (length,) = struct.unpack("<Q", whole[:8])
    header = json.loads(whole[8 : 8 + length])
    tree = header["__metadata__"]["state"]
    kind = draw.randrange(5)
    if kind == 0:
        tree = bytes_damaged(tree.encode(), draw).decode("latin1")
    elif kind == 1:
        depth = draw.choice((500, 2_000, 100_000))
        tree = draw.choice(("[" * depth + "]" * depth, '{"a":' * depth + "1" + "}" * depth))
    else:
        tree = json.dumps(json_damaged(json.loads(tree), draw))
    tensors = safetensors.arrays(whole, safetensors.parsed(whole))
    header["__metadata__"] |= {"state": tree, "sha256": checkpoint._digest(tree, tensors)}
    packed = json.dumps(header).encode()
    return struct.pack("<Q", len(packed)) + packed + whole[8 + length :]


def damaged(name: str, whole: dict[str, bytes], draw: random.Random) -> bytes:
    mine, kind = whole[name], draw.random()
    if kind < 0.05:
        return whole[draw.choice(list(whole))]
    if kind < 0.5:
        if name == "sealed":
            return sealed_again(mine, draw)
        if name in ("checkpoint", "weights"):
            return header_damaged(mine, draw)
        if name in ("config", "results", "bench"):
            return json.dumps(json_damaged(json.loads(mine), draw)).encode()
        if name == "idx.gz":
            return gzip.compress(bytes_damaged(gzip.decompress(mine), draw))
        if name == "drawings":
            return zipped("images_background/Latin/character01/0001_01.png", bytes_damaged(picture("PNG"), draw))
        return numbers_grown(mine, draw)
    return bytes_damaged(mine, draw)


# ---------------------------------------------------------------------- the test
class Hangs(BaseException):
    """No Exception, so that no reader takes it for one of its file's."""


@contextmanager
def bounded() -> Iterator[None]:
    """Raises inside the block if it hangs."""

    def late(*_: Any) -> None:
        raise Hangs

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def read_damaged(name: str, folder: Path, seeds: range) -> int:
    """Read a damaged copy for each seed; how many were refused."""
    file, reader, documented = READERS[name]
    (folder / "run").mkdir()
    path, whole, refused = folder / "run" / file, wholes(folder), 0
    path.write_bytes(whole[name])
    if name != "drawings":  # whose checksum cannot be right
        reader(path)
    start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for seed in seeds:
        path.write_bytes(damaged(name, whole, random.Random(f"{name} {seed}")))
        unnamed = False
        with bounded():
            try:
                reader(path)
            except documented as error:
                refused += 1
                unnamed = file not in str(error)
            except Exception as error:
                raise AssertionError(f"{name}, seed {seed}: {type(error).__name__}: {error}") from error
        assert not unnamed, f"{name}, seed {seed}: the message lacks {file}"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - start < 1000 * MEGABYTES
    return refused


@pytest.mark.parametrize("name", READERS)
def test_damaged_files_are_refused_by_name(name: str, tmp_path: Path) -> None:
    assert read_damaged(name, tmp_path, range(12)) > 0


@pytest.mark.slow
@pytest.mark.parametrize("name", READERS)
def test_many_damaged_files(name: str, tmp_path: Path) -> None:
    """5,000 over all readers."""
    assert read_damaged(name, tmp_path, range(100, 350)) > 50
