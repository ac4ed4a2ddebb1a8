"""Constants, and conversions between data types."""

from __future__ import annotations

from importlib import import_module

import numpy as np

from ....errors import OnnxError
from .. import namespace as dl
from ..table import operator
from ..values import Host, Raw, dtype_of, host, is_plain, is_tensor


@operator("Identity")
def identity(x: Raw):
    return x


@operator("Constant")
def constant(
    *, value=None, value_float=None, value_floats=None, value_int=None, value_ints=None, value_string=None, value_strings=None,
    sparse_value=None,
):  # fmt: skip
    if value is not None:
        return value
    if value_float is not None or value_floats is not None:
        return np.asarray(value_floats if value_float is None else value_float, np.float32)
    if value_int is not None or value_ints is not None:
        return np.asarray(value_ints if value_int is None else value_int, np.int64)
    if value_string is not None or value_strings is not None:
        return np.asarray(value_strings if value_string is None else value_string, object)
    raise OnnxError("Constant: a sparse value cannot be read")


@operator("Cast")
def cast(x: Raw, *, to, saturate=1, round_mode="up"):
    if isinstance(to, str):  # before opset 6
        names = ("FLOAT", "UINT8", "INT8", "UINT16", "INT16", "INT32", "INT64", "STRING", "BOOL", "FLOAT16", "DOUBLE")
        to = names.index(to) + 1
    return converted(x, dtype_of(to), bool(saturate), round_mode)


@operator("CastLike")
def cast_like(x: Raw, like: Raw, *, saturate=1, round_mode="up"):
    return converted(x, like.dtype, bool(saturate), round_mode)


def converted(x, dtype, saturate=True, round_mode="up"):
    """A value in another dtype; through NumPy where tensors do not have it."""
    if is_tensor(x) and is_plain(dtype):
        return x if x.dtype == dtype else dl.astype(x, dtype)
    return to_dtype(host(x), dtype, saturate, round_mode)


def to_dtype(x, dtype, saturate=True, round_mode="up"):
    """A NumPy array in another dtype, strings and the formats of few bits among them."""
    if x.dtype == dtype:
        return x
    if x.dtype.kind == "O":
        return np.array([_number(s, dtype) for s in x.reshape(-1)], dtype).reshape(x.shape)
    if dtype.kind == "O":
        return np.array([_text(v) for v in x.reshape(-1)], object).reshape(x.shape)
    name = dtype.name
    if is_plain(dtype):
        return _to_plain(x, dtype)
    if name.startswith(("int", "uint")):  # of 2 or 4 bits: the low ones of the integer
        bits = int(name.removeprefix("u").removeprefix("int"))
        whole = np.trunc(x.astype(np.float64)).astype(np.int64) & (2**bits - 1)
        signed = whole - 2**bits * (whole >= 2 ** (bits - 1)) if name.startswith("int") else whole
        return signed.astype(dtype)
    wide = x.astype(np.float32)
    if name == "float8_e8m0fnu":
        return _to_powers(wide, dtype, saturate, round_mode)
    return _to_float8(wide, dtype, saturate)


def _to_plain(x, dtype):
    with np.errstate(invalid="ignore", over="ignore"):
        if is_plain(x.dtype):
            return x.astype(dtype)
        return x.astype(np.int64 if x.dtype.name.startswith(("int", "uint")) else np.float32).astype(dtype)


def _to_float8(wide, dtype, saturate):
    """Values beyond the largest become it, or without saturation NaN or infinity."""
    info = import_module("ml_dtypes").finfo(dtype)
    largest = np.float32(info.max)
    with np.errstate(over="ignore", invalid="ignore"):
        found = wide.astype(dtype)
    if dtype.name == "float4_e2m1fn":
        return np.clip(wide, -largest, largest).astype(dtype)
    if saturate:
        return np.where(np.isnan(wide), found, np.clip(wide, -largest, largest).astype(dtype))
    return found


def _to_powers(wide, dtype, saturate, round_mode):
    """The powers of two of float8_e8m0fnu, rounded up, down or to the nearest."""
    bits = wide.view(np.uint32)
    exponent = (bits >> 23) & 0xFF
    rest = bits & 0x7FFFFF
    if round_mode == "up":
        more = rest > 0
    elif round_mode == "down":
        more = np.zeros_like(rest, bool)
    else:
        more = rest >= 0x400000 if round_mode == "nearest" else rest > 0x400000
    raised = exponent + more
    top = 254 if saturate else 255
    found = np.where((exponent < 255), np.minimum(raised, top), 255)
    return found.astype(np.uint8).view(dtype)


def _number(text, dtype):
    """The number that a string means."""
    if dtype.kind == "b":
        return text not in ("0", "False", "")
    if dtype.kind == "f" or not is_plain(dtype):
        return float(text)
    return int(float(text)) if "." in text or "e" in text.lower() else int(text)


def _text(value):
    """A number as a string: floats with the fewest digits, integers without a point."""
    if isinstance(value, np.floating):
        shown = np.format_float_positional(value, unique=True, trim="-")
        return {"nan": "NaN", "inf": "INF", "-inf": "-INF"}.get(shown, shown)
    return str(value)


@operator("BitCast")
def bit_cast(x: Host, *, to):
    """The same bits as another dtype of equal width."""
    return np.ascontiguousarray(x).reshape(x.shape).view(dtype_of(to))


@operator("ConstantOfShape", folds=False)
def constant_of_shape(shape: Host, *, value=None):
    value = np.zeros(1, np.float32) if value is None else value
    return np.full(tuple(int(n) for n in shape.reshape(-1)), value.reshape(-1)[0], value.dtype)


