"""Texts: Shakespeare, Wikipedia, any text file, English-French sentence pairs, word analogies, what Python itself brings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DataError, ShapeError
from .dataset import Dataset
from .draws import HostArray
from .sources import DataFile, Place, content, unpack

Folder = str | Path | None


class StringPairs(Dataset):
    """Pairs of strings, such as sentences and their translations; sample i is (sources[i], targets[i])."""

    def __init__(self, sources: Sequence[str], targets: Sequence[str]) -> None:
        self.sources, self.targets = tuple(sources), tuple(targets)
        if len(self.sources) != len(self.targets):
            raise ShapeError(f"StringPairs: {len(self.sources)} sources and {len(self.targets)} targets")

    def __len__(self) -> int:
        return len(self.sources)

    def __getitem__(self, index: int) -> tuple[str, str]:
        return self.sources[index], self.targets[index]

    def batch(self, rows: Sequence[int] | HostArray) -> tuple[Any, ...]:
        """The pairs with these numbers: a list of sources and one of targets."""
        numbers = np.asarray(rows, dtype=np.int64).tolist()
        return [self.sources[i] for i in numbers], [self.targets[i] for i in numbers]


TINY_SHAKESPEARE = DataFile(
    1_115_394,
    "sha256:86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
    (
        Place(
            "tinyshakespeare/input.txt",
            urls=("https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",),
        ),
    ),
)
ENGLISH_FRENCH = DataFile(
    10_009_515,
    "sha256:2546838ae46e0eac4c02ab7032ea0a02a006074a5340077a36a9444f41e02888",
    (Place("fra-eng/fra-eng.zip", member="fra.txt"), Place("fra-eng/fra.txt")),
    "the edition of 142,787 pairs; read another with data.sentence_pairs",
)
WORD_ANALOGIES = DataFile(
    603_955,
    "sha256:8c29b3332afc46f3fb8be04cb5297bf96f39aa7131272dff57869b4485b22a36",
    (
        Place(
            "word-analogy/questions-words.txt",
            urls=("https://raw.githubusercontent.com/tmikolov/word2vec/master/questions-words.txt",),
        ),
    ),
)

WIKIPEDIA = DataFile(
    39_999_990,
    "sha256:46a2534a0517b598a3f67e6ebfd8b4051d5fd090d42aa794655dbb0f8d68a035",
    (Place("enwiki40/enwiki40.zip", member="enwiki40"), Place("enwiki40/enwiki40")),
    "40 MB of articles cleaned as text8 is; train on another text with data.text_file",
)


def tiny_shakespeare(*, data_dir: Folder = None) -> str:
    """40,000 lines of Shakespeare: 1,115,394 characters, 65 different ones. Source: Karpathy 2015, char-rnn. Raises DataError."""
    return content(TINY_SHAKESPEARE, data_dir).decode("ascii")


def text_file(path: str | Path) -> str:
    """The text of a UTF-8 file, or of one packed as .gz, .xz or a .zip of one file.

    Raises DataError naming the file if it is missing, damaged, empty or not UTF-8.
    """
    found = unpack(path)
    try:
        text = found.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 text (byte {error.start}: {error.reason})") from None
    if not text:
        raise DataError(f"{path}: the file is empty")
    return text


def sentence_pairs(path: str | Path) -> StringPairs:
    """Lines "source<TAB>target", further columns left out, as manythings.org/anki gives them. Raises DataError."""
    return _pairs(text_file(path), str(path))


def english_french(*, data_dir: Folder = None) -> StringPairs:
    """142,787 English sentences and French translations, the shortest first.

    Many sentences have several translations, so split by sentence: group_split(pairs, ..., groups=pairs.sources).
    Source: manythings.org/anki, tatoeba.org, CC BY 2.0. Raises DataError.
    """
    return _pairs(content(ENGLISH_FRENCH, data_dir).decode("utf-8"), "fra.txt")


def _pairs(text: str, name: str) -> StringPairs:
    sources, targets = [], []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        parts = line.rstrip("\r").split("\t")
        if len(parts) < 2:
            raise DataError(f"{name}: line {number} has no tab between two sentences")
        sources.append(parts[0])
        targets.append(parts[1])
    return StringPairs(sources, targets)


def word_analogies(*, data_dir: Folder = None) -> dict[str, list[tuple[str, str, str, str]]]:
    """Questions "a is to b as c is to d", lower case, by section: 19,544 in 14. Source: Mikolov et al. 2013. Raises DataError."""
    sections: dict[str, list[tuple[str, str, str, str]]] = {}
    for line in content(WORD_ANALOGIES, data_dir).decode("ascii").splitlines():
        if line.startswith(":"):
            questions = sections.setdefault(line[1:].strip(), [])
        else:
            a, b, c, d = line.lower().split()
            questions.append((a, b, c, d))
    return sections


def wikipedia(*, data_dir: Folder = None) -> str:
    """2,275 English articles of May 2015, in text8's form: a-z and spaces, digits spelled out; 6,786,633 words.

    Source: wikipedia.org, CC BY-SA 3.0; cleaned after Mahoney 2006, "About the test data". Raises DataError.
    """
    return content(WIKIPEDIA, data_dir).decode("ascii")


def builtin_text() -> str:
    """English text that every Python has: the help on its topics, about half a million characters; it differs by version."""
    from pydoc_data.topics import topics

    return "\n".join(topics[name].strip() + "\n" for name in sorted(topics))
