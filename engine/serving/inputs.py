"""The inputs of a request: JSON values, or the files of a form."""

from __future__ import annotations

import base64
import binascii
import io
import tempfile
import threading
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Any

from ..data.readers import Samples
from ..errors import DataError, DLEngineError
from ..fitting import Bundle

_READING = threading.Lock()
"""Readers run one at a time: the filters of warnings that they set belong to the whole process."""


def of_json(bundle: Bundle, body: Any, most: int) -> Samples | None:
    """The samples of a JSON body; None goes on with the training series. Raises DataError."""
    if not isinstance(body, dict) or "inputs" not in body:
        raise DataError('expected an object with the key "inputs"')
    inputs, kind = body["inputs"], bundle.encoder.kind
    if kind == "series":
        if inputs is None:
            return None
        _check_list(inputs, 10_000_000)
        return _read(bundle, inputs)
    inputs = [inputs] if isinstance(inputs, str | dict) else inputs
    _check_list(inputs, most)
    if not inputs:
        raise DataError('"inputs" is empty')
    if kind == "table" and not all(isinstance(row, dict | list) for row in inputs):
        raise DataError("expected rows: objects with the names of the columns")
    if kind in ("texts", "text") and not all(isinstance(text, str) for text in inputs):
        raise DataError("expected texts")
    if kind in ("images", "sounds") and any(isinstance(i, str) for i in inputs):
        return _joined(bundle, [(f"input {k}", _decoded(i, k)) for k, i in enumerate(inputs)])
    return _read(bundle, inputs)


def _check_list(inputs: Any, most: int) -> None:
    if not isinstance(inputs, list):
        raise DataError(f'"inputs" must be a list, got {type(inputs).__name__}')
    if len(inputs) > most:
        raise DataError(f"{len(inputs)} inputs, of which at most {most} are taken in a request")


def _decoded(text: Any, number: int) -> bytes:
    """The bytes of a text in base 64, perhaps a data URL. Raises DataError."""
    if not isinstance(text, str):
        raise DataError(f"input {number}: expected a file in base 64, as the other inputs are")
    try:
        return base64.b64decode(text.partition("base64,")[2] or text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise DataError(f"input {number}: not in base 64 ({error})") from None


def of_files(bundle: Bundle, files: list[tuple[str, bytes]], most: int) -> Samples:
    """The samples of the files of a form, by name and content. Raises DataError."""
    if not files:
        raise DataError("no file in the form")
    if len(files) > most:
        raise DataError(f"{len(files)} files, of which at most {most} are taken in a request")
    samples = _joined(bundle, files)
    if len(samples) > most:
        raise DataError(f"{len(samples)} rows, of which at most {most} are taken in a request")
    return samples


def _joined(bundle: Bundle, files: list[tuple[str, bytes]]) -> Samples:
    """The samples of files, whose places are called as their senders call them."""
    with tempfile.TemporaryDirectory() as folder:
        paths, names = [], {}
        for k, (name, content) in enumerate(files):
            suffix = PurePath(name.replace("\\", "/")).suffix.lower()[:8]
            suffix = suffix if suffix[1:].isalnum() else _suffix(content)
            paths.append(Path(folder, f"{k}{suffix}"))
            names[str(paths[-1])] = PurePath(name.replace("\\", "/")).name[:100] or f"file {k}"
            paths[-1].write_bytes(content)
        try:
            samples = _read(bundle, paths)
        except DLEngineError as error:
            text = str(error)
            for path, name in names.items():
                text = text.replace(path, name)
            raise DataError(text) from None
    places = []
    for place in samples.places:
        path = next((p for p in names if place.startswith(p)), "")
        places.append(names.get(path, "") + place[len(path) :])
    return replace(samples, places=places)


def _suffix(content: bytes) -> str:
    """The suffix of a file without one, by its first bytes."""
    return ".wav" if content[:4] == b"RIFF" and content[8:12] == b"WAVE" else ".flac" if content[:4] == b"fLaC" else ""


def _read(bundle: Bundle, source: Any) -> Samples:
    with _READING:
        return bundle.encoder.read(source)


def upload(file: Any) -> tuple[str, bytes]:
    """Name and content of an uploaded file."""
    content = io.BytesIO()
    file.save(content)
    return file.filename or "", content.getvalue()
