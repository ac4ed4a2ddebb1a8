"""Where data files come from, and that none but the right one is ever read."""

from __future__ import annotations

import gzip
import hashlib
import io
import lzma
import random
import tarfile
import urllib.request
import zipfile
from collections.abc import Callable
from dataclasses import replace
from email.message import Message
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dlengine import data
from dlengine.data import bundled, pictures, sources
from dlengine.data.idx import TYPES, parse_idx, read_idx, to_idx
from dlengine.data.series import parse_series
from dlengine.data.sources import DataFile, Place, content
from dlengine.errors import DataError

PIXELS = np.random.default_rng(0).integers(0, 256, (20, 7, 5)).astype(np.uint8)
CONTENT = to_idx(PIXELS)
URL = "https://example.org/"


def in_zip(inside: bytes, name: str = "inner") -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("other", b"x" * 50)
        archive.writestr(name, inside)
    return packed.getvalue()


def in_tar(inside: bytes, name: str = "folder/inner") -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        info = tarfile.TarInfo(name)
        info.size = len(inside)
        archive.addfile(info, io.BytesIO(inside))
    return packed.getvalue()


FORMS: dict[str, tuple[Place, Callable[[bytes], bytes]]] = {
    "gz": (Place("set/file.gz"), gzip.compress),
    "xz": (Place("set/file.xz"), lzma.compress),
    "plain": (Place("set/file"), lambda inside: inside),
    "zip": (Place("set/file.zip", member="inner"), in_zip),
    "tar": (Place("set/file.tar.gz", member="folder/inner"), in_tar),
    "converted": (Place("set/file.txt", convert=lambda text: bytes.fromhex(text.decode())), lambda inside: inside.hex().encode()),
}


def data_file(form: str, urls: tuple[str, ...] = ()) -> DataFile:
    checksum = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"
    return DataFile(len(CONTENT), checksum, (replace(FORMS[form][0], urls=urls),))


def put(folder: Path, form: str, packed: bytes | None = None) -> Path:
    place, pack = FORMS[form]
    path = folder / place.path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pack(CONTENT) if packed is None else packed)
    return path


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes | Exception]:
    """What addresses answer; others cannot be reached."""
    answers: dict[str, bytes | Exception] = {}

    def urlopen(request: urllib.request.Request, timeout: float) -> Any:
        answer = answers.get(request.full_url, OSError("Network is unreachable"))
        if isinstance(answer, Exception):
            raise answer
        found: Any = io.BytesIO(answer)
        found.headers = Message()
        return found

    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    return answers


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_read(form: str, tmp_path: Path) -> None:
    put(tmp_path, form)
    assert content(data_file(form), tmp_path) == CONTENT


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("damage", ["cut", "empty", "other", "longer"])
def test_a_damaged_file_is_named_and_never_replaced(
    form: str, damage: str, tmp_path: Path, server: dict[str, bytes | Exception]
) -> None:
    pack = FORMS[form][1]
    packed = {
        "cut": pack(CONTENT)[: len(pack(CONTENT)) // 2],
        "empty": b"",
        "other": pack(CONTENT[:-1] + bytes([CONTENT[-1] ^ 1])),
        "longer": pack(CONTENT + b"more"),
    }[damage]
    path = put(tmp_path, form, packed)
    server[URL] = pack(CONTENT)
    with pytest.raises(DataError, match=f"{path.name}: .*(damaged|cut short|sha256 differs)"):
        content(data_file(form, (URL,)), tmp_path)
    assert path.read_bytes() == packed


@pytest.mark.parametrize("form", FORMS)
def test_a_download_is_verified_and_kept(form: str, tmp_path: Path, server: dict[str, bytes | Exception]) -> None:
    file = data_file(form, (URL + "broken", URL + "wrong", URL + "right"))
    server[URL + "wrong"] = FORMS[form][1](CONTENT)[:-9]
    server[URL + "right"] = FORMS[form][1](CONTENT)
    assert content(file, tmp_path) == CONTENT
    server.clear()
    assert content(file, tmp_path) == CONTENT
    assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == [Path(file.name).name]


def test_a_failed_download_leaves_nothing_and_says_the_way_out(tmp_path: Path, server: dict[str, bytes | Exception]) -> None:
    server[URL] = gzip.compress(CONTENT)[:-9]
    with pytest.raises(DataError, match="set/file.gz: not in .*cut short.*--data-dir, DLENGINE_DATA or data_dir="):
        content(data_file("gz", (URL,)), tmp_path)
    with pytest.raises(DataError, match="Network is unreachable"):
        content(data_file("gz", (URL + "absent",)), tmp_path)
    with pytest.raises(DataError, match="cannot be downloaded by itself"):
        content(data_file("gz"), tmp_path)
    assert not list(tmp_path.rglob("*"))


def test_a_short_answer_is_no_download(monkeypatch: pytest.MonkeyPatch) -> None:
    answer: Any = io.BytesIO(b"abc")
    answer.headers = Message()
    answer.headers["Content-Length"] = "5"
    monkeypatch.setattr(urllib.request, "urlopen", lambda *a, **k: answer)
    with pytest.raises(OSError, match="got 3 bytes of 5"):
        sources.fetch(URL)


def test_the_folder_is_the_nearest_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DLENGINE_DATA", raising=False)
    assert data.data_folder().name == "dlengine"
    monkeypatch.setenv("DLENGINE_DATA", str(tmp_path / "environment"))
    assert data.data_folder() == tmp_path / "environment"
    data.set_data_dir(tmp_path / "set")
    try:
        assert data.data_folder() == tmp_path / "set"
        assert data.data_folder(tmp_path) == tmp_path
    finally:
        data.set_data_dir(None)
    assert data.data_folder() == tmp_path / "environment"


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, server: dict[str, bytes | Exception]) -> None:
    (tmp_path / "file").write_bytes(b"")
    server[URL] = CONTENT
    with pytest.raises(DataError, match="cannot be written"):
        content(data_file("plain", (URL,)), tmp_path / "file")


@pytest.mark.parametrize("code", TYPES.values())
@pytest.mark.parametrize("shape", [(3, 4, 5), (0, 3), (7,)])
def test_idx_goes_there_and_back(code: str, shape: tuple[int, ...], tmp_path: Path) -> None:
    array = np.random.default_rng(0).integers(0, 100, shape).astype(code)
    (tmp_path / "a.idx.gz").write_bytes(gzip.compress(to_idx(array)))
    found = read_idx(tmp_path / "a.idx.gz")
    assert (found.dtype, found.shape) == (array.dtype, shape)
    assert (found == array).all()


@pytest.mark.parametrize(
    ("inside", "message"),
    [
        (b"", "not an idx file"),
        (b"\0\0\x07\1\0\0\0\0", "not an idx file"),
        (b"\x1f\x8b\x08\1\0\0\0\0", "not an idx file"),
        (b"\0\0\x08\0", "header of 0 sizes"),
        (b"\0\0\x08\2\0\0\0\1", "header of 2 sizes in 8 bytes"),
        (b"\0\0\x08\1\0\0\0\3ab", "3 bytes of values; there are 2"),
        (b"\0\0\x08\1\0\0\0\3abcd", "3 bytes of values; there are 4"),
        (b"\0\0\x08\2\xff\xff\xff\xff\xff\xff\xff\xffabcd", "there are 4"),
        (b"\0\0\x08\x64" + b"\0" * 400, "cannot be held"),
    ],
)
def test_idx_headers_are_checked(inside: bytes, message: str) -> None:
    with pytest.raises(DataError, match=f"name: .*{message}"):
        parse_idx(inside, "name")


def test_idx_has_no_complex_numbers() -> None:
    with pytest.raises(DataError, match="the format has no"):
        to_idx(np.zeros(3, complex))


# ---------------------------------------------------------------------- any damage at all
def readers(folder: Path) -> dict[str, tuple[Path, Callable[[], Any]]]:
    """Files on disk, and what reads them: as a DataFile in every form, and by the readers that verify packed files alone."""
    found: dict[str, tuple[Path, Callable[[], Any]]] = {
        form: (put(folder, form), lambda form=form: content(data_file(form), folder)) for form in FORMS  # type: ignore[misc]
    }
    text = "".join(f"line {i}\tligne {i}\n" for i in range(50))
    for name, packed, read in (
        ("a.idx.gz", gzip.compress(CONTENT), lambda p: read_idx(p).tobytes()),
        ("a.txt.gz", gzip.compress(text.encode()), data.text_file),
        ("b.zip", _one_zip(text.encode()), data.text_file),
        ("c.txt.xz", lzma.compress(text.encode()), lambda p: data.sentence_pairs(p).sources),
        ("digits.csv.gz", bundled.FILE.read_bytes(), lambda p: bundled.read_verified(p, bundled.SHA256)),
    ):
        path = folder / name
        path.write_bytes(packed)
        found[name] = (path, lambda path=path, read=read: read(path))  # type: ignore[misc]
    return found


def _one_zip(inside: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("only", inside)
    return packed.getvalue()


def damaged(packed: bytes, chance: random.Random) -> bytes:
    """A few bits flipped, the end cut off, a stretch zeroed, doubled or dropped."""
    found = bytearray(packed)
    where = chance.randrange(len(found))
    kind = chance.choice(["flip", "flip", "head", "cut", "zero", "double", "drop"])
    if kind == "flip":
        for _ in range(chance.choice([1, 1, 3, 30])):
            found[chance.randrange(len(found))] ^= 1 << chance.randrange(8)
    elif kind == "head":
        found[chance.randrange(min(40, len(found)))] = chance.randrange(256)
    elif kind == "cut":
        del found[where:]
    elif kind == "zero":
        found[where : where + 20] = bytes(len(found[where : where + 20]))
    elif kind == "double":
        found[where:where] = found[where : where + 30]
    else:
        del found[where : where + 7]
    return bytes(found)


def check_damage(folder: Path, seed: int, rounds: int) -> None:
    chance = random.Random(seed)
    for name, (path, read) in readers(folder).items():
        packed, expected = path.read_bytes(), read()
        for number in range(rounds):
            path.write_bytes(damaged(packed, chance))
            try:
                found = read()
            except DataError as error:
                named = str(path) in str(error)
            else:
                named = found == expected
            assert named, f"{name}, damage {number}: another content was taken for the right one, or the file not named"
        path.write_bytes(packed)


def test_damage_is_refused_or_harmless(tmp_path: Path) -> None:
    check_damage(tmp_path, seed=1, rounds=15)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_any_damage_is_refused_or_harmless(seed: int, tmp_path: Path) -> None:
    """200 damages of each of eleven files, four times."""
    check_damage(tmp_path, seed=100 + seed, rounds=200)


# ---------------------------------------------------------------------- readers of the data sets, on tiny files
def made(inside: bytes, path: str) -> DataFile:
    return DataFile(len(inside), f"sha256:{hashlib.sha256(inside).hexdigest()}", (Place(path),))


def test_mnist_layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = to_idx(np.arange(20, dtype=np.uint8) % 10)
    for name, inside in (("images", CONTENT), ("labels", labels)):
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress(inside))
    monkeypatch.setitem(pictures.MNIST, True, (made(CONTENT, "images.gz"), made(labels, "labels.gz")))
    found = data.mnist(data_dir=tmp_path)
    image, label = found[3]
    assert (image.shape, image.dtype, label) == ((1, 7, 5), np.float32, 3)
    assert (image[0] == PIXELS[3].astype(np.float32) / np.float32(255)).all()
    train, test = found.split(0.5, stratified=True)
    assert train.arrays[0].dtype == np.uint8
    assert train.batch([0, 1])[0].dtype == np.float32
    assert len(test) == 10
    assert data.mnist(data_dir=tmp_path, dtype="float64").read()[0].dtype == np.float64


def test_cifar_layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    records = np.random.default_rng(0).integers(0, 10, (4, 3073)).astype(np.uint8)
    (tmp_path / "batch.bin").write_bytes(records.tobytes())
    monkeypatch.setattr(pictures, "CIFAR10_TRAIN", (made(records.tobytes(), "batch.bin"),) * 2)
    images, labels = data.cifar10(data_dir=tmp_path).arrays
    assert images.shape == (8, 3, 32, 32)
    assert labels.tolist() == records[:, 0].tolist() * 2
    assert images[1, 2, 3, 4] == records[1, 1 + 2 * 1024 + 3 * 32 + 4]


def test_usps_text(tmp_path: Path) -> None:
    text = b"6 " + b"-1 " * 255 + b"1\n" + b"3 " + b"0.8 " * 256
    images, labels = (parse_idx(f(text), "") for f in (pictures.usps_images, pictures.usps_labels))
    assert labels.tolist() == [6, 3]
    assert (images[0].sum(), images[0, 15, 15]) == (255, 255)
    assert (images[1] == 229).all()


def test_omniglot_zip() -> None:
    from PIL import Image

    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path, ink in (("B/character02/0003_07.png", 0), ("A/character01/0001_20.png", 1), ("B/character01/0002_01.png", 1)):
            picture = io.BytesIO()
            Image.fromarray(np.full((105, 105), 255 * ink, np.uint8)).convert("1").save(picture, "png")
            archive.writestr(f"images_background/{path}", picture.getvalue())
        archive.writestr("images_background/readme.txt", "no drawing")
    images = parse_idx(pictures.omniglot_images(packed.getvalue()), "")
    labels = parse_idx(pictures.omniglot_labels(packed.getvalue()), "")
    assert images.shape == (3, 28, 28)
    assert images[:, 5, 5].tolist() == [0, 0, 255]
    assert labels.tolist() == [[0, 0, 1, 20], [1, 1, 1, 1], [2, 1, 2, 7]]


def test_image_datasets_hold_bytes() -> None:
    with pytest.raises(DataError, match="uint8"):
        data.ImageDataset(np.zeros((2, 1, 3, 3)), np.zeros(2, int))


def test_text_files(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("\ufeffélan".encode())
    assert data.text_file(tmp_path / "a.txt") == "élan"
    (tmp_path / "latin.txt").write_bytes("élan".encode("latin-1"))
    (tmp_path / "empty.txt").write_bytes(b"")
    (tmp_path / "two.zip").write_bytes(in_zip(b"x"))
    for name, message in (
        ("latin.txt", "not UTF-8 text .byte 0"),
        ("empty.txt", "empty"),
        ("absent.txt", "no such file"),
        ("two.zip", "this has 2"),
        ("", "cannot be read"),
    ):
        with pytest.raises(DataError, match=message):
            data.text_file(tmp_path / name)
    (tmp_path / "pairs.txt").write_text("Hi.\tSalut !\tCC-BY\n\nGo.\tVa !\n")
    assert list(data.sentence_pairs(tmp_path / "pairs.txt")) == [("Hi.", "Salut !"), ("Go.", "Va !")]
    (tmp_path / "pairs.txt").write_text("Hi.\tSalut !\nGo.")
    with pytest.raises(DataError, match="line 2"):
        data.sentence_pairs(tmp_path / "pairs.txt")


def test_string_pairs_in_a_loader() -> None:
    pairs = data.StringPairs(["a", "b", "c"], ["x", "y", "z"])
    assert list(data.DataLoader(pairs, 2)) == [(["a", "b"], ["x", "y"]), (["c"], ["z"])]
    with pytest.raises(ValueError, match="1 sources"):
        data.StringPairs(["a"], [])


def test_series_lines_are_checked() -> None:
    times, values = parse_series('"Month","X"\n"1949-01",112\n1949-02,118.5\n', "name")
    assert times == ("1949-01", "1949-02")
    assert values.tolist() == [112, 118.5]
    for text in ("Month,X\n1949-01,none\n", "Month,X\n1949-01\n", "Month,X\n", "Month,X\n1949-01,nan\n"):
        with pytest.raises(DataError, match="name: "):
            parse_series(text, "name")


def test_builtin_text_is_english() -> None:
    text = data.builtin_text()
    assert len(text) > 300_000
    assert text.count(" the ") > 3000
