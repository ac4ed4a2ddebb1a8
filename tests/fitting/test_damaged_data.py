"""A thousand damaged and odd inputs to the readers: each gives samples or one clear line, and nothing is written."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import own_data as own
import pytest
from PIL import Image

from dlengine import data
from dlengine.errors import ConfigError, DataError, DLEngineError
from dlengine.fitting import divide
from dlengine.fitting.encode_table import TableEncoder

CASES = 1000


def table(folder: Path) -> Path:
    rng = np.random.default_rng(1)
    rows = [
        [f"{a:.3f}", "xyz"[k % 3], f"2024-01-{k % 28 + 1:02d}", "yes" if a > 0 else "no"]
        for k, a in enumerate(rng.normal(size=60))
    ]
    return own.rows_file(folder / "table.csv", ["size", "colour", "day", "target"], rows)


def series(folder: Path) -> Path:
    rows = [[f"20{y:02d}-{m:02d}", 100 + m * y] for y in range(10, 16) for m in range(1, 13)]
    return own.rows_file(folder / "series.csv", ["month", "sales"], rows)


def images(folder: Path) -> Path:
    return own.digit_folder(folder / "digits", 40)


def sounds(folder: Path) -> Path:
    return own.vowel_folder(folder / "sounds", 3)


def texts(folder: Path) -> Path:
    for k in range(12):
        home = folder / "texts" / ("good", "bad")[k % 2]
        home.mkdir(parents=True, exist_ok=True)
        (home / f"{k}.txt").write_text(f"text {k} café", encoding="utf-8")
    return folder / "texts"


def arrays(folder: Path) -> Path:
    np.savez(folder / "arrays.npz", x=np.arange(60.0).reshape(20, 3), y=np.arange(20) % 2)
    return folder / "arrays.npz"


def text(folder: Path) -> Path:
    (folder / "tale.txt").write_text("Es war einmal ein Mädchen. " * 40, encoding="utf-8")
    return folder / "tale.txt"


SOURCES = (table, series, images, sounds, texts, arrays, text)


def truncated(content: bytes, rng: np.random.Generator) -> bytes:
    return content[: int(rng.integers(0, len(content)))]


def flipped(content: bytes, rng: np.random.Generator) -> bytes:
    changed = np.frombuffer(content, dtype=np.uint8).copy()
    places = rng.integers(0, len(changed), max(1, len(changed) // 100))
    changed[places] = rng.integers(0, 256, len(places))
    return changed.tobytes()


def random_bytes(content: bytes, rng: np.random.Generator) -> bytes:
    return rng.bytes(int(rng.integers(1, 2000)))


def inserted(content: bytes, rng: np.random.Generator) -> bytes:
    odd = (
        b"\0",
        b"\xff\xfe",
        b"\xef\xbb\xbf",
        b'"',
        b"\r",
        b"\n\n\n",
        b",,,,,",
        b"\xe9",
        b"9" * 400,
        b"\xf0\x9f\x98\x80",
        b"inf",
        b"1e999",
    )
    place = int(rng.integers(0, len(content) + 1))
    return content[:place] + odd[int(rng.integers(0, len(odd)))] + content[place:]


def repeated(content: bytes, rng: np.random.Generator) -> bytes:
    return content * int(rng.integers(2, 4))


def other_lines(content: bytes, rng: np.random.Generator) -> bytes:
    return content.replace(b"\n", (b"\r\n", b"\r")[int(rng.integers(0, 2))])


def other_code(content: bytes, rng: np.random.Generator) -> bytes:
    try:
        return content.decode("utf-8").encode(("utf-16", "utf-8-sig", "cp1252", "utf-32")[int(rng.integers(0, 4))])
    except UnicodeError:
        return content[::-1]


def empty(content: bytes, rng: np.random.Generator) -> bytes:
    return b""


def first_lines(content: bytes, rng: np.random.Generator) -> bytes:
    return b"\n".join(content.split(b"\n")[: int(rng.integers(0, 4))])


def swapped_lines(content: bytes, rng: np.random.Generator) -> bytes:
    lines = content.split(b"\n")
    return b"\n".join(lines[i] for i in rng.permutation(len(lines)))


def huge_field(content: bytes, rng: np.random.Generator) -> bytes:
    return content + b"a" * int(rng.integers(1, 300_000)) + b",b\n"


DAMAGES: tuple[Callable[[bytes, np.random.Generator], bytes], ...] = (
    truncated, flipped, random_bytes, inserted, repeated, other_lines, other_code, empty, first_lines, swapped_lines, huge_field,
)  # fmt: skip


def tree(folder: Path) -> dict[str, int]:
    return {str(p): p.lstat().st_size for p in folder.rglob("*")}


def look(path: Path) -> str:
    """Read and split as `fit` does; the message of the refusal, or nothing."""
    before = tree(path.parent)
    try:
        samples = data.read(path)
        assert samples.describe()
        divide(samples)
        found = ""
    except (DataError, ConfigError) as error:
        found = str(error)
        assert found.strip()
        assert "\n" not in found
        assert len(found) < 1000
    assert tree(path.parent) == before
    return found


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("part", range(10))
def test_a_thousand_damages(part: int, tmp_path: Path) -> None:
    refused = 0
    for case in range(part * CASES // 10, (part + 1) * CASES // 10):
        rng = np.random.default_rng(case)
        home = tmp_path / str(case)
        home.mkdir()
        path = SOURCES[case % len(SOURCES)](home)
        files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
        for file in [files[int(k)] for k in rng.integers(0, len(files), 1 + case % 2)]:
            content = file.read_bytes() or b"0"
            file.write_bytes(DAMAGES[int(rng.integers(0, len(DAMAGES)))](content, rng))
        refused += bool(look(path))
    assert refused > 10


def test_odd_tables(tmp_path: Path) -> None:
    head, good = "a,b,target\n", "".join(f"{k},{k % 7},{'yn'[k % 2]}\n" for k in range(30))
    odd = {
        "empty": ("", "the file is empty"),
        "header only": (head, "no rows"),
        "one column": ("a\n1\n2\n", "at least two columns"),
        "one class": (head + "".join(f"{k},{k * k % 7},y\n" for k in range(30)), "there is nothing to learn"),
        "one row": (head + "1,2,y\n", "too few"),
        "constant columns": (head + "".join(f"1,2,{'yn'[k % 2]}\n" for k in range(30)), "no column is left"),
        "ragged": (head + good + "1,2\n", "line 32: 2 fields, where the header has 3"),
        "two names": ("a,a,target\n1,2,3\n", "two columns are called 'a'"),
        "zero byte": (head + good + "1\0,2,y\n", "line 32: a zero byte"),
        "open quote": (head + '1,"2,y\n' + good, "quotes"),
        "huge field": (head + good + "1," + "x" * 200_000 + ",y\n", "line 32: a field of more than"),
    }
    for name, (text, words) in odd.items():
        path = tmp_path / f"{name}.csv"
        path.write_text(text)
        found = look(path)
        assert words in found, (name, found)
        assert path.name in found or "too few" in found or "nothing to learn" in found
    (tmp_path / "mixed.csv").write_bytes(head.encode() + "café,1,y\n".encode() + "café,2,n\n".encode("latin-1"))
    assert "line 3: byte 0xe9 is not UTF-8" in look(tmp_path / "mixed.csv")


def test_every_form_of_a_good_table_reads_alike(tmp_path: Path) -> None:
    path = table(tmp_path)
    text = path.read_text()
    plain = data.read_table(path)
    forms = {
        "bom": text.encode("utf-8-sig"), "utf16": text.encode("utf-16"), "crlf": text.replace("\n", "\r\n").encode(),
        "semicolon": text.replace(",", ";").encode(), "decimal comma": text.replace(",", ";").replace(".", ",").encode(),
        "tab": text.replace(",", "\t").encode(), "bar": text.replace(",", "|").encode(),
        "no last line end": text.rstrip().encode(),
        "empty lines": text.replace("\n", "\n\n").encode(), "quotes": text.replace("x", '"x"').encode(),
    }  # fmt: skip
    for name, content in forms.items():
        other = tmp_path / "other.csv"
        other.write_bytes(content)
        found = data.read_table(other)
        for column, values in plain.inputs.columns.items():
            np.testing.assert_array_equal(found.inputs.columns[column], values, name)
        assert found.targets is not None
        assert found.targets.tolist() == plain.targets.tolist(), name


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes and links are made as on Unix")
def test_odd_folders(tmp_path: Path) -> None:
    good = images(tmp_path)
    assert look(good) == ""
    bomb = io.BytesIO()
    Image.new("1", (10_000, 10_000)).save(bomb, "PNG")
    (good / "0" / "bomb.png").write_bytes(bomb.getvalue())
    assert "bomb.png: 10000 x 10000 pixels, of which at most" in look(good)
    (good / "0" / "bomb.png").unlink()
    os.symlink(good, good / "0" / "loop")
    os.symlink(tmp_path / "nothing", good / "1" / "broken.png")
    assert "broken.png: no such file" in look(good)
    (good / "1" / "broken.png").unlink()
    os.mkfifo(good / "1" / "pipe.png")
    assert "pipe.png: no regular file" in look(good)
    (good / "1" / "pipe.png").unlink()
    assert look(good) == ""
    assert any("links to folders are not followed: 0/loop" in note for note in data.read(good).notes)
    (good / "2" / "text.png").write_text("hello")
    (good / "3" / "text.png").write_text("hello")
    assert "2 of " in look(good)
    assert "text.png" in look(good)
    (tmp_path / "flat").mkdir()
    assert "no images, sounds or texts" in look(tmp_path / "flat")
    Image.new("L", (8, 8)).save(tmp_path / "flat" / "a.png")
    assert "expected a folder for each class" in look(tmp_path / "flat")
    assert "no such file" in look(tmp_path / "absent.csv")


def test_a_zip_bomb_is_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "bomb.npz"
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": (2**33,)})
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("x.npy", "w", force_zip64=True) as file:
        file.write(header.getvalue())
        for _ in range(130):
            file.write(bytes(2**24))
    assert path.stat().st_size < 2**23
    assert "x.npy unpacks to" in look(path)
    np.savez(tmp_path / "objects.npz", x=np.array([{}, {}], dtype=object), y=np.zeros(2))
    assert "objects.npz: not a readable NPZ file" in look(tmp_path / "objects.npz")


def test_leaks_duplicates_and_balance_are_said(tmp_path: Path) -> None:
    for part, names in (("train", "abcdefghij"), ("test", "ja")):
        for k, name in enumerate(names):
            home = tmp_path / "photos" / part / ("cat" if k % 9 else "dog")
            home.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (16, 12), (ord(name), 7 * k % 5, 3)).resize((16, 12)).save(home / f"{name}.png")
    Image.new("RGB", (16, 12), (ord("a"), 0, 3)).save(tmp_path / "photos" / "test" / "dog" / "again.png")
    text = data.read(tmp_path / "photos").describe()
    assert "split by folders: " in text
    assert "leak: 1 inputs are in several parts" in text
    assert "again.png" in text
    with pytest.raises(DLEngineError):
        data.read(tmp_path / "photos", task="forecasting")


@pytest.mark.parametrize(("separator", "fields", "wanted"), [
    (",", ['"1,234"', '"12,345.5"', "7"], [1234, 12345.5, 7]), (";", ["1.234,5", "0,5", "-2.000.000,0"], [1234.5, 0.5, -2e6]),
    (";", ["1,5", "2", "-0,25"], [1.5, 2, -0.25]), (",", ["12%", "7.5 %", "-3%"], [12, 7.5, -3]), (";", ["1,5%", "2%"], [1.5, 2]),
    (",", ["1.234", "5.6"], [1.234, 5.6]), ("\t", ["1,234,567.0", "5"], [1234567, 5]),
    (",", ["$12.50", "-$3", "7"], [12.5, -3, 7]), (",", ['"$1,200.50"', "7 USD"], [1200.5, 7]),
    (";", ["1.200,50 €", "€ 7"], [1200.5, 7]), (";", ["CHF 1'200.50", "7"], [1200.5, 7]),
    ("\t", ["1 234,5", "-12 345 678"], [1234.5, -12345678]), (";", ["1.234.567", "250.000"], [1234567, 250000]),
])  # fmt: skip
def test_numbers_as_people_write_them(separator: str, fields: list[str], wanted: list[float], tmp_path: Path) -> None:
    rows = [f"{fields[k % len(fields)]}{separator}{'ab'[k % 2]}" for k in range(3 * len(fields))]
    (tmp_path / "t.csv").write_text("\n".join([f"x{separator}y", *rows]))
    found = data.read_table(tmp_path / "t.csv").inputs
    assert found.kinds["x"] == "number"
    np.testing.assert_allclose(found.columns["x"], np.resize(wanted, 3 * len(fields)))


def test_the_decimal_sign_is_that_of_the_file(tmp_path: Path) -> None:
    """A column of 250.000 is in thousands where the others have a decimal comma; the bundle reads later files alike."""
    rows = [f"{k % 9},5;{100 + k % 50}.000;{'ab'[k % 2]}" for k in range(60)]
    (tmp_path / "comma.csv").write_text("\n".join(["size;price;y", *rows]))
    found = data.read_table(tmp_path / "comma.csv").inputs
    assert found.columns["size"][0] == 0.5
    assert found.columns["price"][0] == 100_000
    (tmp_path / "point.csv").write_text("\n".join(["size;price;y", *rows]).replace(",5", ".5").replace(".000", ",000"))
    found = data.read_table(tmp_path / "point.csv").inputs
    assert found.columns["size"][0] == 0.5
    assert found.columns["price"][0] == 100_000
    (tmp_path / "new.csv").write_text("size;price\n3;120.000\n")
    encoder = TableEncoder.fitted(data.read_table(tmp_path / "comma.csv"))
    assert encoder.read(tmp_path / "new.csv").inputs.columns["price"][0] == 120_000
    assert encoder.read({"size": 3, "price": 120.125}).inputs.columns["price"][0] == 120.125
