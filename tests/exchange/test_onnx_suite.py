"""onnx's own test suite of operators, on the backends of the CPU; every case that does not pass is named with its reason."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dlengine as dl

onnx = pytest.importorskip("onnx")
pytest.importorskip("ml_dtypes")

pytestmark = pytest.mark.slow

REASONS = {
    "is random": ("bernoulli", "training_dropout"),
    "decodes pictures": ("image_decoder",),
    "is a training step, with an optimizer or gradients inside the graph": ("adagrad", "adam", "momentum", "gradient_of"),
    "is no network: trees": ("tree_ensemble",),
    "sums half-precision products in another order": ("attention_4d_causal_fp16",),
}
MAY_FAIL = {name: why for why, names in REASONS.items() for name in names}
LEAST = {"node": 1850, "simple": 21, "pytorch-converted": 82, "pytorch-operator": 35}


def cases(kind: str) -> list[Any]:
    from onnx.backend.test.loader import load_model_tests

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy's, about the infinities of the reference values
        found: list[Any] = load_model_tests(kind=kind)
    return found


def value(proto: Any) -> Any:
    from onnx import numpy_helper

    return numpy_helper.to_array(proto) if isinstance(proto, onnx.TensorProto) else proto


def stored(path: Path, info: Any) -> Any:
    """A value of a case that lies in files."""
    from onnx import numpy_helper

    kinds = {
        "sequence_type": (onnx.SequenceProto, numpy_helper.to_list),
        "optional_type": (onnx.OptionalProto, numpy_helper.to_optional),
    }
    kind, read = kinds.get(info.type.WhichOneof("value"), (onnx.TensorProto, numpy_helper.to_array))
    proto = kind()
    proto.ParseFromString(path.read_bytes())
    return read(proto)


def content(case: Any) -> tuple[Any, list[tuple[list[Any], list[Any]]]]:
    """The model of a case, and its sets of inputs and outputs."""
    if case.model is not None:
        return case.model, [([value(v) for v in ins], [value(v) for v in outs]) for ins, outs in case.data_sets]
    model = onnx.load(Path(case.model_dir) / "model.onnx")
    sets = []
    for folder in sorted(Path(case.model_dir).glob("test_data_set_*")):
        parts = []
        for side, infos in (("input", model.graph.input), ("output", model.graph.output)):
            paths = [folder / f"{side}_{k}.pb" for k in range(len(infos))]
            parts.append([stored(path, info) for path, info in zip(paths, infos, strict=True) if path.exists()])
        sets.append((parts[0], parts[1]))
    return model, sets


def agrees(found: Any, wanted: Any, case: Any, disturb: bool) -> bool:
    """Whether a value has the dtype, shape and values of the suite, at its tolerances."""
    if wanted is None:
        return found is None
    if isinstance(wanted, list):
        lists = isinstance(found, list) and len(found) == len(wanted)
        return lists and all(agrees(a, b, case, disturb) for a, b in zip(found, wanted, strict=True))
    a, b = found.numpy_copy() if isinstance(found, dl.Tensor) else np.asarray(found), np.asarray(wanted)
    if b.dtype.kind in "OUS":
        text = np.char.add(b.astype(str), "?") if disturb else b.astype(str)
        return a.shape == b.shape and a.astype(str).tolist() == text.tolist()
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    rough = b.dtype.name == "bfloat16"
    if b.dtype.kind not in "biufc" or b.dtype.name.startswith("float8"):
        a, b = a.astype(np.float32), b.astype(np.float32)
    if disturb:
        a = ~a if a.dtype.kind == "b" else a * np.asarray(3, a.dtype) + np.asarray(1, a.dtype)
    return bool(np.allclose(a, b, rtol=max(case.rtol, 2**-6) if rough else case.rtol, atol=case.atol, equal_nan=True))


def passes(case: Any, disturb: bool = False) -> bool:
    model, sets = content(case)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module = dl.io.onnx.load(model)
            for inputs, wanted in sets:
                found = module(*inputs[: len(module.input_names)])
                found = found if isinstance(found, tuple) else (found,)
                if len(found) != len(wanted) or not all(agrees(a, b, case, disturb) for a, b in zip(found, wanted, strict=True)):
                    return False
    except dl.errors.OnnxError:
        return False
    return True


@pytest.mark.parametrize("switch", ["numpy", "numba"])
@pytest.mark.parametrize("kind", LEAST)
def test_suite(kind: str, switch: str) -> None:
    with dl.use_backend(switch):
        found = {case.name: passes(case) for case in cases(kind)}
    failed = [name for name, ok in found.items() if not ok and not any(word in name for word in MAY_FAIL)]
    assert not failed
    assert sum(found.values()) >= LEAST[kind], f"{sum(found.values())} of {len(found)} pass"


def test_the_comparison_can_fail() -> None:
    """With every output disturbed, few cases pass: those with outputs of size zero, or infinite ones."""
    with dl.use_backend("numpy"):
        assert sum(passes(case, disturb=True) for case in cases("node")) < 20
