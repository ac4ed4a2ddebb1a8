"""A kernel's declaration: what its signature says, what a launch checks and converts, and which cards it refuses."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import dlengine as dl
from dlengine.kernels.cuda import emulator, optim, random, recurrent
from dlengine.kernels.cuda.convolution import simt
from dlengine.kernels.cuda.machine import launch, source
from dlengine.kernels.cuda.machine.launch import Kernel, UnsupportedDevice
from dlengine.kernels.cuda.machine.source import Parameter
from dlengine.kernels.cuda.recurrence import plan
from dlengine.kernels.geometry import ConvGeometry

needs_emulator = pytest.mark.skipif(emulator.available() is not None, reason=str(emulator.available()))
KERNEL = simt.DEPTHWISE.kernels["forward"]
G = ConvGeometry(1, 1, 1, 1, (4, 4), (2, 2), (1, 1), (1, 1), (0, 0), (0, 0), (3, 3))


def arguments() -> list[Any]:
    return [np.ones((1, 1, 4, 4), "f4"), np.ones((1, 1, 2, 2), "f4"), None, np.zeros((1, 1, 3, 3), "f4"), G]


def test_signature_is_read_from_the_source() -> None:
    signature = source.kernel_signatures("conv_depthwise.cu")["conv2d_depthwise"]
    assert signature.parameters == (
        Parameter("x", "T", True),
        Parameter("w", "T", True),
        Parameter("bias", "T", True),
        Parameter("y", "T", True),
        Parameter("g", "ConvGeometry", False),
    )
    assert KERNEL.threads == 256
    assert simt.VARIANTS[2]["64x128"].kernels["forward"].threads == 128  # by the name THREADS


def test_text_is_self_contained() -> None:
    text = random._normal.source("float64")
    assert '#include "' not in text
    assert text.count("struct Words") == 1
    assert "random_normal_float64" not in text  # the name is pasted together by KERNEL
    assert "name##_float64" in text
    assert '#line 1 "philox.cuh"' in text


def test_unreadable_parameter_is_reported(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    (tmp_path / "odd.cu").write_text("KERNEL(odd, 32)(int) {}")
    monkeypatch.setattr(source, "FOLDER", tmp_path)
    with pytest.raises(ValueError, match="odd.cu: odd: cannot read the parameter 'int'"):
        source.kernel_signatures("odd.cu")


@pytest.mark.parametrize(
    ("position", "value", "error", "message"),
    [
        (
            0,
            np.ones((1, 1, 4, 4), "i4"),
            TypeError,
            "conv2d_depthwise: no version for int32; there is float32, float64, float16, bfloat16",
        ),
        (1, np.ones((1, 1, 2, 2), "f8"), TypeError, "conv2d_depthwise: w must be float32, got float64"),
        (0, np.ones((1, 1, 4, 8), "f4")[..., ::2], ValueError, "conv2d_depthwise: x must be C-contiguous"),
        (0, np.zeros(65, "u1")[1:].view("f4").reshape(1, 1, 4, 4), ValueError, "x does not begin at a multiple of the 4 bytes"),
    ],
)
def test_wrong_arrays_are_refused(position: int, value: Any, error: type[Exception], message: str) -> None:
    given = arguments()
    given[position] = value
    with pytest.raises(error, match=message):
        KERNEL[1](*given)


def test_wrong_number_of_arguments() -> None:
    with pytest.raises(ValueError, match="shorter"):
        KERNEL[1](*arguments()[:3])


def test_scalars_take_the_declared_type() -> None:
    words = np.zeros(4, "u4")
    with pytest.raises(OverflowError):
        random._bits[1](words, 4, 1 << 64, 0, 0, None)


def test_no_blocks_launch_nothing() -> None:
    before = KERNEL.launches.copy()
    KERNEL[0](*arguments())
    assert KERNEL.launches == before


@needs_emulator
def test_unwritten_outputs_show() -> None:
    assert np.isnan(launch.empty(np, (2, 3), "float32")).all()
    assert (launch.empty(np, (3,), "int64") == -1).all()
    assert launch.empty(np, (0, 3), "float32").shape == (0, 3)


class FakeDevice:
    def __init__(self, number: int) -> None:
        self.id = number

    def __enter__(self) -> FakeDevice:
        return self

    def __exit__(self, *error: Any) -> None:
        pass


class FakeArray:
    """A CuPy array as the launcher sees it."""

    def __init__(self, array: Any, device: int = 0) -> None:
        self.dtype, self.shape, self.flags = (
            array.dtype,
            array.shape,
            SimpleNamespace(c_contiguous=array.flags.c_contiguous),
        )
        self.device = FakeDevice(device)
        self.data = SimpleNamespace(ptr=array.ctypes.data, device_id=device)


@contextmanager
def card(monkeypatch: pytest.MonkeyPatch, major: int, minor: int, name: bytes = b"NVIDIA Test") -> Any:
    """A fake CuPy that records launches."""
    launched: list[Any] = []

    class RawModule:
        def __init__(self, code: str, options: tuple[str, ...]) -> None:
            self.code, self.options = code, options

        def get_function(self, exported: str) -> Any:
            return lambda grid, block, args: launched.append((exported, self.options, grid, block, args))

    properties = {"name": name, "major": major, "minor": minor}
    runtime = SimpleNamespace(getDeviceProperties=lambda device: properties, getDevice=lambda: 0)
    fake = SimpleNamespace(RawModule=RawModule, cuda=SimpleNamespace(runtime=runtime))
    monkeypatch.setitem(sys.modules, "cupy", fake)
    for memory in (launch._compiled, launch._is_listed, launch._require_listed):
        memory.cache_clear()
    yield launched
    for memory in (launch._compiled, launch._is_listed, launch._require_listed):
        memory.cache_clear()


@pytest.mark.parametrize("wrong", ["dtype", "strides", "address", "device"])
def test_a_written_out_launch_checks_what_the_general_one_does(wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    x, w, b, y = (FakeArray(np.zeros(1, "f4")) for _ in range(4))
    with card(monkeypatch, 9, 0) as launched:
        for _ in range(3):
            KERNEL[3](x, w, b, y, G)
        KERNEL[3](x, w, None, y, G)
        assert launched[0][:4] == launched[2][:4] == launched[3][:4]
        assert launched[2][4][:4] == (x, w, b, y)
        assert launched[3][4][2] == launch._NULL
        before = len(launched)
        bad = FakeArray(np.zeros(1, "f8" if wrong == "dtype" else "f4"), device=1 if wrong == "device" else 0)
        if wrong == "strides":
            bad.flags.c_contiguous, bad.strides = False, (8,)
        if wrong == "address":
            bad.data.ptr += 2
        with pytest.raises((TypeError, ValueError), match="conv2d_depthwise"):
            KERNEL[3](x, w, b, bad, G)
        assert len(launched) == before


def test_a_launch_is_few_steps_of_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted, since time depends on the machine: from the second launch on, nothing is made that was made before."""
    x, w, b, y = (FakeArray(np.zeros(1, "f4")) for _ in range(4))
    called: list[str] = []

    def note(frame: Any, event: str, argument: Any) -> None:
        if event in ("call", "c_call"):
            called.append(frame.f_code.co_name if event == "call" else argument.__name__)

    with card(monkeypatch, 9, 0):
        for _ in range(2):
            called.clear()
            sys.setprofile(note)
            try:
                KERNEL[3](x, w, b, y, G)
            finally:
                sys.setprofile(None)
    assert len(called) <= 16, called
    assert "__str__" not in called
    assert "prepared" not in called


@needs_emulator
def test_a_table_of_arrays_is_launched_in_few_steps_too(machine: Any) -> None:
    """With the general way's checks: another dtype, or arrays of the host, are not taken for what was launched before."""
    called: list[str] = []

    def note(frame: Any, event: str, argument: Any) -> None:
        if event == "call":
            called.append(frame.f_code.co_name)

    def arrays(dtype: str = "float32") -> list[Any]:
        return [dl.ones(n, dtype=dtype).array for n in (3, 5)]

    for _ in range(2):
        gs, half = arrays(), dl.asarray(0.5, dtype="float32").array
        called.clear()
        sys.setprofile(note)
        try:
            optim.scale(gs, half)
        finally:
            sys.setprofile(None)
        np.testing.assert_array_equal(gs[1].get(), np.full(5, 0.5, "f4"))
    assert "prepared" not in called
    assert "entry" in called
    for other, dtype in ((arrays("float64"), "f8"), ([np.ones(5, "f4")] * 2, "f4")):
        factor = np.array(0.25, dtype) if isinstance(other[0], np.ndarray) else dl.asarray(0.25, dtype=dtype).array
        optim.scale(other[1:], factor)
        np.testing.assert_array_equal(np.asarray(getattr(other[1], "host", other[1])), np.full(5, 0.25, dtype))


def test_device_arrays_go_to_cupy(monkeypatch: pytest.MonkeyPatch) -> None:
    x, w, b, y = (FakeArray(np.zeros(1, "f4")) for _ in range(4))
    with card(monkeypatch, 9, 0) as launched:
        KERNEL[3](x, w, b, y, G)
    ((exported, options, grid, block, args),) = launched
    assert (exported, options, grid, block) == ("conv2d_depthwise_float32", (), (3,), (256,))
    assert args[:4] == (x, w, b, y)
    assert args[4].shape == ()
    assert args[4]["in_shape"].tolist() == [4, 4]
    assert args[4].nbytes == 4 * (4 + 2 * 7)


def test_cooperative_launch_with_shared_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """More than 48 KB of shared memory must be asked for, once; all blocks must be there at once."""
    asked: list[Any] = []

    class Function:
        _most = 48 << 10

        @property
        def max_dynamic_shared_size_bytes(self) -> int:
            return self._most

        @max_dynamic_shared_size_bytes.setter
        def max_dynamic_shared_size_bytes(self, most: int) -> None:
            asked.append(most)
            self._most = most

        def __call__(self, grid: Any, block: Any, args: Any, shared_mem: int = 0) -> None:
            asked.append((grid, block, shared_mem))

    function = Function()

    class RawModule:
        def __init__(self, code: str, options: tuple[str, ...], enable_cooperative_groups: bool) -> None:
            asked.append(enable_cooperative_groups)

        def get_function(self, exported: str) -> Any:
            asked.append(exported)
            return function

    attributes = {"MultiProcessorCount": 132, "MaxSharedMemoryPerBlockOptin": 227 << 10}
    device = SimpleNamespace(Device=lambda number: SimpleNamespace(attributes=attributes))
    z, w, h, y = (FakeArray(np.zeros(1, "f4")) for _ in range(4))
    chosen = plan.RecurrentPlan(1, 1, 1, False, False, 8, 1, 1, 1, 1, 1)
    with card(monkeypatch, 9, 0):
        fake = sys.modules["cupy"]
        fake.RawModule, fake.cuda.Device = RawModule, device.Device  # type: ignore[attr-defined]
        launch._limits.cache_clear()
        assert launch.limits(z) == (132, 227 << 10)
        for shared in (1000, 100_000, 90_000):
            recurrent._rnn[5, shared](z, w, None, h, h, y, y, 0, chosen)
        launch._limits.cache_clear()
    assert asked[:2] == [True, "rnn_forward_float32"]
    assert asked[2:] == [((5,), (256,), 1000), 100_000, ((5,), (256,), 100_000), ((5,), (256,), 90_000)]


def test_random_is_compiled_without_contraction(monkeypatch: pytest.MonkeyPatch) -> None:
    out = FakeArray(np.zeros(4, "f8"))
    with card(monkeypatch, 8, 0) as launched:
        random._normal[1](out, 4, 1, 2, 3, None)
    ((exported, options, _, _, args),) = launched
    assert (exported, options) == ("random_normal_float64", ("-fmad=false",))
    assert [type(a) for a in args[1:]] == [np.int64, *4 * [np.uint64]]


def test_null_pointer(monkeypatch: pytest.MonkeyPatch) -> None:
    x, w, bias, y, g = arguments()
    with card(monkeypatch, 9, 0) as launched:
        KERNEL[1](FakeArray(x), FakeArray(w), bias, FakeArray(y), g)
    assert launched[0][-1][2] == np.uint64(0)


def test_arrays_on_several_devices_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    x, w, bias, y, g = arguments()
    with card(monkeypatch, 9, 0), pytest.raises(ValueError, match="different devices: cuda:0, host"):
        KERNEL[1](FakeArray(x), w, bias, FakeArray(y), g)
    with card(monkeypatch, 9, 0), pytest.raises(ValueError, match="different devices: cuda:0, cuda:1"):
        KERNEL[1](FakeArray(x), FakeArray(w, 1), bias, FakeArray(y), g)


@pytest.mark.parametrize(("major", "minor"), [(7, 5), (8, 0), (8, 6), (8, 9), (9, 0), (10, 3), (12, 1)])
def test_listed_generations_run(major: int, minor: int, monkeypatch: pytest.MonkeyPatch) -> None:
    x, w, bias, y, g = arguments()
    with card(monkeypatch, major, minor) as launched:
        KERNEL[1](FakeArray(x), FakeArray(w), bias, FakeArray(y), g)
    assert launched


@pytest.mark.parametrize(("major", "minor"), [(6, 1), (7, 0), (11, 0), (13, 0)])
def test_other_cards_are_refused_by_name(major: int, minor: int, monkeypatch: pytest.MonkeyPatch) -> None:
    x, w, bias, y, g = arguments()
    expected = rf"conv2d_depthwise: NVIDIA Odd Card \(sm_{major}{minor}\) is not supported.*sm_75, sm_80, sm_90, sm_100, sm_120"
    with card(monkeypatch, major, minor, b"NVIDIA Odd Card"), pytest.raises(UnsupportedDevice, match=expected):
        KERNEL[1](FakeArray(x), FakeArray(w), bias, FakeArray(y), g)


def test_declarations_register_themselves() -> None:
    assert KERNEL in launch.KERNELS
    assert isinstance(KERNEL, Kernel)
