"""What PyTorch computes for each row of the layer table, stored for machines without it.

python tests/vectors/generate.py writes layers.npz beside this file: for each row one vector with everything that must
agree, in the order of its names, and a checksum of the inputs it was computed from.
"""

from __future__ import annotations

import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

import torch_peers  # noqa: E402

from dlengine.testing.layers import LayerRow  # noqa: E402


def checksum(row: LayerRow) -> int:
    """Of the inputs and parameters: another one means that the table has changed since."""
    inputs, parameters = torch_peers.drawn(row)
    arrays = torch_peers.calls.flat([inputs, parameters])
    return zlib.crc32(b"".join(np.ascontiguousarray(a).tobytes() for a in arrays if isinstance(a, np.ndarray)))


def packed(row: LayerRow, found: dict[str, Any]) -> dict[str, Any]:
    """The entries of a row in the file."""
    flat = [np.asarray(v, dtype=np.float64).reshape(-1) for v in found.values()]
    return {row.id: np.concatenate([[float(checksum(row))], *flat])}


def unpacked(row: LayerRow, vectors: dict[str, Any], like: dict[str, Any]) -> dict[str, Any]:
    """The stored values of a row under the names, and in the shapes, of what was found here."""
    if row.id not in vectors or vectors[row.id][0] != checksum(row):
        raise AssertionError(f"{row.id}: layers.npz is older than the table; run python tests/vectors/generate.py")
    values, at, out = vectors[row.id], 1, {}
    for name, v in like.items():
        out[name] = values[at : at + v.size].reshape(v.shape)
        at += v.size
    assert at == values.size, f"{row.id}: {values.size - 1} values are stored, {at - 1} were found"
    return out


def main() -> None:
    """Run every row that PyTorch has, and store what it gives."""
    entries: dict[str, Any] = {}
    for row in torch_peers.PEERS:
        _, content = torch_peers.ours(row)
        found, _ = torch_peers.theirs(row, content)
        entries |= packed(row, found)
    path = Path(__file__).parent / "layers.npz"
    np.savez_compressed(path, **entries)
    print(f"{len(entries)} rows, {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
