"""Malformed files of kinds that random damage seldom makes: headers that lie, sizes beyond memory, wrong fields."""

from __future__ import annotations

import gzip
import io
import json
import resource
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from training.test_damaged_files import CONFIG, PIXELS, RESULTS

import dlengine as dl
from dlengine import data
from dlengine import io as files
from dlengine.data.idx import read_idx
from dlengine.errors import CheckpointError, ConfigError, DataError
from dlengine.recipes import gallery


@pytest.mark.parametrize("shape", [[0, 2**62], [0, 2**63], [2**32, 2**32, 0], [1] * 70, [0] * 65])
def test_shapes_that_no_array_has(shape: list[int], tmp_path: Path) -> None:
    size = 0 if 0 in shape else 4
    header = json.dumps({"a": {"dtype": "F32", "shape": shape, "data_offsets": [0, size]}}).encode()
    path = tmp_path / "a.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(size))
    for read in (files.load, files.load_weights):
        with pytest.raises(CheckpointError, match="a.safetensors: damaged.*take another copy"):
            read(path)


def test_booleans_are_0_or_1(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    files.save_weights(path, {"mask": np.array([True, False])})
    path.write_bytes(path.read_bytes()[:-1] + b"\2")
    with pytest.raises(CheckpointError, match="mask has the dtype BOOL"):
        files.load_weights(path)


def test_states_that_contain_themselves_are_not_saved(tmp_path: Path) -> None:
    state: dict[str, Any] = {}
    state["again"] = state
    with pytest.raises(CheckpointError, match="contains itself"):
        files.save(tmp_path / "a.safetensors", state)


@pytest.mark.parametrize(
    "shape", ["(1000000, 1000000)", "(2**70, 1)", "(4294967296, 4294967296)", "(-1, 8)", "(8, 8, " + "1, " * 70 + ")"]
)
def test_npy_headers_that_lie(shape: str, tmp_path: Path) -> None:
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".encode().ljust(250) + b"\n"
    path = tmp_path / "a.npy"
    path.write_bytes(b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header + bytes(256))
    with pytest.raises(DataError, match="a.npy: "):
        data.read_image(path, (8, 8))


def test_idx_headers_that_lie(tmp_path: Path) -> None:
    """4 GiB by 4 GiB are refused before any memory is taken, packed or not; so is what expands to more than it says."""
    head = b"\0\0\x08\2" + b"\xff" * 8
    for name, inside in (("a-ubyte", head + bytes(100)), ("a.gz", gzip.compress(head + bytes(100)))):
        (tmp_path / name).write_bytes(inside)
        with pytest.raises(DataError, match=f"{name}: the header says shape .*there are at most"):
            read_idx(tmp_path / name)
    (tmp_path / "b.gz").write_bytes(gzip.compress(b"\0\0\x08\1\0\0\0\3" + bytes(10_000)))
    with pytest.raises(DataError, match="3 bytes of values; there are 4 or more"):
        read_idx(tmp_path / "b.gz")


@pytest.mark.slow
def test_idx_of_more_than_a_gibibyte(tmp_path: Path) -> None:
    path = tmp_path / "large-ubyte"
    with open(path, "wb") as file:
        file.write(b"\0\0\x08\2" + (2**15).to_bytes(4, "big") + (2**15 + 1).to_bytes(4, "big"))
        file.truncate(12 + 2**15 * (2**15 + 1))
    assert read_idx(path).shape == (2**15, 2**15 + 1)


def test_only_pictures_that_are_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PostScript under the name of a PNG starts no interpreter."""
    started: list[Any] = []
    monkeypatch.setattr("subprocess.Popen", lambda *a, **k: started.append(a))
    (tmp_path / "evil.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\nshowpage\n%%EOF\n")
    with pytest.raises(DataError, match=r"evil.png: not a readable image .*expected PNG, JPEG"):
        data.read_image(tmp_path / "evil.png", (8, 8))
    out = io.BytesIO()
    Image.fromarray(PIXELS).save(out, "TIFF")
    (tmp_path / "a.png").write_bytes(out.getvalue())
    with pytest.raises(DataError, match="a.png: .*not a readable image"):
        data.read_image(tmp_path / "a.png", (8, 8))
    assert not started


def test_a_small_file_with_many_pixels_is_refused(tmp_path: Path) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    scan = b"\0" + bytes(13_000)
    import zlib

    packer = zlib.compressobj()
    packed = b"".join(packer.compress(scan) for _ in range(13_000)) + packer.flush()

    def chunk(kind: bytes, inside: bytes) -> bytes:
        return struct.pack(">I", len(inside)) + kind + inside + struct.pack(">I", zlib.crc32(kind + inside))

    head = struct.pack(">IIBBBBB", 13_000, 13_000, 8, 0, 0, 0, 0)
    content = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")
    (tmp_path / "bomb.png").write_bytes(content)
    assert len(content) < 300_000
    with pytest.raises(DataError, match="bomb.png: 13000 x 13000 pixels, of which at most 67108864 are read"):
        data.read_image(tmp_path / "bomb.png", (8, 8))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000


def test_packed_text_of_more_than_a_gibibyte_is_not_cut_in_silence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dlengine.data.sources.LARGEST", 1_000)
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(b"a" * 1_001))
    with pytest.raises(DataError, match="a.txt.gz: more than 1000 bytes"):
        data.text_file(tmp_path / "a.txt.gz")
    (tmp_path / "a.txt").write_bytes(b"a" * 1_001)
    assert len(data.text_file(tmp_path / "a.txt")) == 1_001


@pytest.mark.parametrize(
    ("file", "change", "said"),
    [
        ("config.json", {"seed": float("inf")}, "seed: expected an integer"),
        ("config.json", {"seed": 1.5}, "seed: expected an integer"),
        ("config.json", {"seed": -1}, "seed: expected an integer"),
        ("config.json", {"backend": "abacus"}, "backend: expected one of"),
        ("config.json", {"settings": {"epochs": float("inf")}}, "epochs: expected an integer"),
        ("config.json", {"settings": {"epochs": 1.5}}, "epochs: expected an integer"),
        ("config.json", {"settings": []}, ""),
        ("results.json", {"seconds": None}, "seconds: expected a number"),
        ("results.json", {"seconds": float("nan")}, "seconds: expected a duration"),
        ("results.json", {"accuracy": "high"}, "accuracy: expected a number"),
        ("results.json", {"more": 10**400}, "too large"),
    ],
)
def test_run_folders_name_file_and_field(file: str, change: dict[str, Any], said: str, tmp_path: Path) -> None:
    for name, inside in (("config.json", CONFIG), ("results.json", RESULTS)):
        held = json.loads(inside)
        (tmp_path / name).write_text(json.dumps({**held, **change} if name == file else held))
    with pytest.raises((CheckpointError, ConfigError), match=f"{file}: .*{said}"):
        gallery([tmp_path], tmp_path / "page.html")
    if file == "config.json":
        for use in (dl.recipes.evaluate, dl.recipes.resume, lambda run: dl.recipes.predict(run, [])):
            with pytest.raises((CheckpointError, ConfigError), match=f"{file}: .*{said}"):
                use(tmp_path)
