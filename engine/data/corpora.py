"""Texts: Shakespeare, Wikipedia, text files, English-French sentence pairs, word analogies, and Python's help."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..errors import DataError, ShapeError
from .dataset import Dataset
from .host_arrays import Folder, Rows
from .sources import DataFile, Place, content, unpack


class StringPairs(Dataset):
    """Pairs of strings, such as sentences and their translations.

    Sample ``i`` is ``(sources[i], targets[i])``.

    Parameters
    ----------
    sources : sequence of str
        First strings (N).
    targets : sequence of str
        Second strings (N).

    Raises
    ------
    ShapeError
        If the numbers of sources and targets differ.

    Examples
    --------
    >>> pairs = dl.data.StringPairs(["yes", "no"], ["oui", "non"])
    >>> pairs[1]
    ('no', 'non')
    """

    def __init__(self, sources: Sequence[str], targets: Sequence[str]) -> None:
        self.sources, self.targets = tuple(sources), tuple(targets)
        if len(self.sources) != len(self.targets):
            raise ShapeError(f"StringPairs: {len(self.sources)} sources and {len(self.targets)} targets")

    def __len__(self) -> int:
        return len(self.sources)

    def __getitem__(self, index: int) -> tuple[str, str]:
        return self.sources[index], self.targets[index]

    def batch(self, rows: Rows) -> tuple[list[str], list[str]]:
        """Several pairs as one batch.

        Parameters
        ----------
        rows : sequence of int
            Pair numbers (N,).

        Returns
        -------
        sources : list of str
            N sources.
        targets : list of str
            N targets.
        """
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
    """Load 40,000 lines of Shakespeare.

    1,115,394 characters, 65 different ones. The file is downloaded into the data folder at the first call.

    Parameters
    ----------
    data_dir : str or Path, optional
        Folder of data files, by default ``data_folder()``.

    Returns
    -------
    str
        The text.

    Raises
    ------
    DataError
        If the file is missing and cannot be downloaded, or is damaged.

    References
    ----------
    Karpathy, "char-rnn", 2015.

    Examples
    --------
    >>> if dl.data.held("tiny-shakespeare"):  # else the call downloads it
    ...     assert dl.data.tiny_shakespeare().startswith("First Citizen:")
    """
    return content(TINY_SHAKESPEARE, data_dir).decode("ascii")


def text_file(path: str | Path) -> str:
    """Read a UTF-8 text file, plain or packed.

    Parameters
    ----------
    path : str or Path
        The file, which may be packed as .gz, .xz or a .zip of one file.

    Returns
    -------
    str
        The text.

    Raises
    ------
    DataError
        If the file is missing, damaged, empty or not UTF-8; the message names the file.

    Examples
    --------
    >>> import gzip
    >>> with gzip.open("note.txt.gz", "wt", encoding="utf-8") as file:
    ...     _ = file.write("Hello, café!")
    >>> dl.data.text_file("note.txt.gz")
    'Hello, café!'
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
    r"""Read pairs of sentences from a text file, one pair a line, separated by a tab.

    Further columns are ignored. The files of manythings.org/anki have this form.

    Parameters
    ----------
    path : str or Path
        The file, plain or packed, UTF-8.

    Returns
    -------
    StringPairs
        The pairs.

    Raises
    ------
    DataError
        If the file cannot be read, or a line has no tab.

    Examples
    --------
    >>> from pathlib import Path
    >>> _ = Path("pairs.txt").write_text("yes\toui\nno\tnon\n")
    >>> dl.data.sentence_pairs("pairs.txt").targets
    ('oui', 'non')
    """
    return _pairs(text_file(path), str(path))


def english_french(*, data_dir: Folder = None) -> StringPairs:
    """Load 142,787 English sentences with French translations, the shortest first.

    Many sentences have several translations, so split by sentence: ``group_split(pairs, ..., groups=pairs.sources)``. The file
    is not downloaded; put it into the data folder. Source: manythings.org/anki, tatoeba.org, CC BY 2.0.

    Parameters
    ----------
    data_dir : str or Path, optional
        Folder of data files, by default ``data_folder()``.

    Returns
    -------
    StringPairs
        The pairs.

    Raises
    ------
    DataError
        If the file is missing or damaged.

    Examples
    --------
    >>> if dl.data.held("english-french"):
    ...     assert len(dl.data.english_french()) == 142787
    """
    return _pairs(content(ENGLISH_FRENCH, data_dir).decode("utf-8"), "fra.txt")


def _pairs(text: str, name: str) -> StringPairs:
    """The pairs in a text; ``name`` is used in error messages."""
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
    """Load questions "a is to b as c is to d", to test word vectors.

    19,544 questions in 14 sections, lower case. The file is downloaded into the data folder at the first call.

    Parameters
    ----------
    data_dir : str or Path, optional
        Folder of data files, by default ``data_folder()``.

    Returns
    -------
    dict
        For each section, a list of tuples (a, b, c, d) of words.

    Raises
    ------
    DataError
        If the file is missing and cannot be downloaded, or is damaged.

    References
    ----------
    Mikolov et al., "Efficient estimation of word representations in vector space", 2013, arXiv:1301.3781.

    Examples
    --------
    >>> if dl.data.held("word-analogies"):  # else the call downloads it
    ...     assert len(dl.data.word_analogies()) == 14
    """
    sections: dict[str, list[tuple[str, str, str, str]]] = {}
    for line in content(WORD_ANALOGIES, data_dir).decode("ascii").splitlines():
        if line.startswith(":"):
            questions = sections.setdefault(line[1:].strip(), [])
        else:
            a, b, c, d = line.lower().split()
            questions.append((a, b, c, d))
    return sections


def wikipedia(*, data_dir: Folder = None) -> str:
    """Load 2,275 English Wikipedia articles of May 2015.

    6,786,633 words in the form of text8: letters a to z and spaces, digits spelled out. The file is not downloaded; put it into
    the data folder. Source: wikipedia.org, CC BY-SA 3.0.

    Parameters
    ----------
    data_dir : str or Path, optional
        Folder of data files, by default ``data_folder()``.

    Returns
    -------
    str
        The text.

    Raises
    ------
    DataError
        If the file is missing or damaged.

    References
    ----------
    Mahoney, "About the test data", 2006.

    Examples
    --------
    >>> if dl.data.held("wikipedia"):
    ...     assert len(dl.data.wikipedia()) == 39999990
    """
    return content(WIKIPEDIA, data_dir).decode("ascii")


def builtin_text() -> str:
    """English text that comes with Python: the help on its topics.

    Returns
    -------
    str
        About half a million characters; the text differs between Python versions.

    Examples
    --------
    >>> text = dl.data.builtin_text()
    >>> "lambda" in text
    True
    """
    from pydoc_data.topics import topics

    return "\n".join(topics[name].strip() + "\n" for name in sorted(topics))
