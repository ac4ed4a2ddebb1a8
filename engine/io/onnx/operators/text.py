"""Strings, which are NumPy arrays of objects on the host."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import numpy as np

from ..table import operator
from ..values import Host


def strings(values, shape):
    found = np.empty(len(values), object)
    found[:] = values
    return found.reshape(shape)


@operator("StringConcat")
def concat(x: Host, y: Host):
    return np.asarray(x.astype(object) + y.astype(object), object)


@operator("StringSplit")
def split(x: Host, *, delimiter=None, maxsplit=None):
    """Pieces, filled up with empty strings, and how many there are of each."""
    parts = [str(s).split(delimiter or None, -1 if maxsplit is None else maxsplit) for s in x.reshape(-1)]
    longest = max((len(p) for p in parts), default=0)
    filled = [piece for p in parts for piece in p + [""] * (longest - len(p))]
    return strings(filled, (*x.shape, longest)), np.asarray([len(p) for p in parts], np.int64).reshape(x.shape)


@operator("RegexFullMatch")
def full_match(x: Host, *, pattern):
    return np.asarray([re.fullmatch(pattern, str(s)) is not None for s in x.reshape(-1)], bool).reshape(x.shape)


@operator("StringNormalizer")
def normalize(x: Host, *, case_change_action="NONE", is_case_sensitive=0, locale="en_US", stopwords=()):
    """Upper or lower case, without stop words, which are compared as they are or in that case."""
    change = {"LOWER": str.lower, "UPPER": str.upper}.get(case_change_action, str)
    same = str if is_case_sensitive else str.lower
    stops = {same(w) for w in stopwords}
    kept = [change(s) for s in map(str, x.reshape(-1)) if same(s) not in stops]
    kept = kept or [""]
    return strings(kept, (1, len(kept)) if x.ndim == 2 else (len(kept),))



class TfIdfOptions(NamedTuple):
    """The attributes of TfIdfVectorizer."""

    max_gram_length: int
    max_skip_count: int
    min_gram_length: int
    mode: str
    ngram_counts: Any
    ngram_indexes: Any
    pool_int64s: Any = None
    pool_strings: Any = None
    weights: Any = None


@operator("TfIdfVectorizer", options=TfIdfOptions)
def tf_idf(x: Host, *, options):
    """How often each n-gram of the pool occurs, with up to so many elements skipped between its parts."""
    longest, skips, shortest, mode, ngram_counts, ngram_indexes, pool_int64s, pool_strings, weights = options
    pool = pool_strings if pool_int64s is None else pool_int64s
    grams = {}
    ends = [*ngram_counts[1:], len(pool)]
    number = 0
    for size, (start, end) in enumerate(zip(ngram_counts, ends, strict=True), 1):
        for k in range(start, end, size):
            grams[tuple(pool[k : k + size])] = number
            number += 1
    rows = x.reshape(1, -1) if x.ndim == 1 else x
    counts = np.zeros((len(rows), max(ngram_indexes) + 1), np.float32)
    factor = np.ones(counts.shape[1], np.float32)
    if weights is not None:
        factor[list(ngram_indexes)] = weights
    for r, row in enumerate(rows):
        values = row.tolist()
        for size in range(shortest, longest + 1):
            for step in range(1, skips + 2 if size > 1 else 2):
                for k in range(len(values) - (size - 1) * step):
                    found = grams.get(tuple(values[k : k + size * step : step]))
                    if found is not None:
                        counts[r, ngram_indexes[found]] += 1
    result = counts if mode == "TF" else (counts > 0) * factor if mode == "IDF" else counts * factor
    return (result[0] if x.ndim == 1 else result).astype(np.float32)


class LabelOptions(NamedTuple):
    """The attributes of LabelEncoder."""

    keys_strings: Any = None
    keys_int64s: Any = None
    keys_floats: Any = None
    keys_tensor: Any = None
    values_strings: Any = None
    values_int64s: Any = None
    values_floats: Any = None
    values_tensor: Any = None
    default_string: str = "_Unused"
    default_int64: int = -1
    default_float: float = -0.0
    default_tensor: Any = None


@operator("LabelEncoder", domain="ai.onnx.ml", options=LabelOptions)
def label_encoder(x: Host, *, options):
    """Each value's partner in a list of pairs, or the default."""
    o = options
    keys = next(k for k in (o.keys_strings, o.keys_int64s, o.keys_floats, o.keys_tensor) if k is not None)
    values = next(v for v in (o.values_strings, o.values_int64s, o.values_floats, o.values_tensor) if v is not None)
    if values is o.values_tensor:
        dtype, default = values.dtype, np.asarray(o.default_tensor).reshape(-1)[0]
    elif values is o.values_strings:
        dtype, default = np.dtype(object), o.default_string
    else:
        dtype, default = (np.int64, o.default_int64) if values is o.values_int64s else (np.float32, o.default_float)
    table = dict(zip(np.asarray(keys).tolist(), np.asarray(values).tolist(), strict=True))
    nan = next((v for k, v in table.items() if k != k), default)
    found = [table.get(v, nan if v != v else default) for v in x.reshape(-1).tolist()]
    return strings(found, x.shape).astype(dtype)


@operator("ArrayFeatureExtractor", domain="ai.onnx.ml")
def extract(x: Host, places: Host):
    return np.take(x, places.reshape(-1), axis=-1).reshape(*x.shape[:-1], -1) if x.ndim > 1 else x[places.reshape(-1)][None]


@operator("Binarizer", domain="ai.onnx.ml")
def binarize(x: Host, *, threshold=0.0):
    return (x > threshold).astype(x.dtype)
