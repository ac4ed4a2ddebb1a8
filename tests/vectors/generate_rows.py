"""What PyTorch gives for each layer row of the op table, stored beside the references for `dlengine parity`.

python tests/vectors/generate_rows.py writes engine/testing/references/layers.npz.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

import torch  # noqa: E402
import torch_peers  # noqa: E402

from dlengine.testing import calls, rows  # noqa: E402
from dlengine.testing.layers import LayerRow  # noqa: E402
from dlengine.testing.references import layers  # noqa: E402

TARGET = Path(__file__).parents[2] / "engine" / "testing" / "references" / "layers.npz"


def outputs(row: LayerRow, arrays: list[Any]) -> list[Any]:
    """What PyTorch's layer gives for inputs and parameters, in training."""
    module = row.build(torch.nn, lambda v: torch.tensor(v, dtype=torch.float64)).double()
    parameters = dict(zip([n for n, _ in module.named_parameters()], arrays[len(row.inputs) :], strict=True))
    module.load_state_dict(parameters_of(module, parameters))
    inputs, _ = torch_peers.leaves(row, arrays[: len(row.inputs)], lambda a: torch.from_numpy(np.array(a)))
    if row.prepare:
        inputs = [inputs[0].log_softmax(-1), *inputs[1:]]
    call, run = dict(row.call), module
    if row.name in torch_peers.RECURRENT and "lengths" in call:
        run = torch_peers.packed(module, call.pop("lengths"))
    return [y if y is None else y.detach().numpy() for y in calls.flat(run(*inputs, **call))]


def parameters_of(module: Any, parameters: dict[str, Any]) -> dict[str, Any]:
    """The module's state with these parameters; buffers as they are."""
    return {k: torch.from_numpy(np.array(parameters[k])) if k in parameters else v for k, v in module.state_dict().items()}


def main() -> None:
    """Run every layer row that PyTorch has, and store what it gives."""
    table = {row.name: row for row in rows("nn.*")}
    names, checksums, starts, values = [], [], [0], []
    for peer in torch_peers.PEERS:
        arrays = calls.draw(table[f"nn.{peer.name}"], peer.number, "float64")
        names.append(peer.id)
        checksums.append(layers.checksum(arrays))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PyTorch warns of paths that it does not take
            values += layers.packed(outputs(peer, arrays))
        starts.append(len(values))
    np.savez_compressed(TARGET, names=names, checksums=checksums, starts=starts, values=values)
    print(f"{len(names)} rows, {TARGET.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
