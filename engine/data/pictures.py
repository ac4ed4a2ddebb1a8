"""Image data sets: MNIST, Fashion-MNIST, USPS, CIFAR-10 and Omniglot."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..errors import ConfigError
from ..typing import DTypeLike
from .host_arrays import Folder
from .idx import parse_idx
from .image_dataset import ImageDataset
from .image_formats import omniglot_images, omniglot_labels, usps_images, usps_labels
from .sources import DataFile, Place, available, content, gzipped

DIGITS = tuple("0123456789")
_CVDF = "https://storage.googleapis.com/cvdf-datasets/mnist/"
_OSSCI = "https://ossci-datasets.s3.amazonaws.com/mnist/"
_ZALANDO = "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/"
_TRAIN, _TEST = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"), ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
_SIZES = {True: (47_040_016, 60_008), False: (7_840_016, 10_008)}


def _four(folder: str, bases: tuple[str, ...], sums: dict[bool, tuple[str, str]]) -> dict[bool, tuple[DataFile, DataFile]]:
    """Images and labels, for training (True) and testing (False), of a data set in MNIST's layout."""

    def one(train: bool, k: int) -> DataFile:
        return gzipped(folder, (_TRAIN if train else _TEST)[k], _SIZES[train][k], sums[train][k], bases)

    return {train: (one(train, 0), one(train, 1)) for train in (True, False)}


MNIST = _four(
    "mnist",
    (_CVDF, _OSSCI),
    {
        True: (
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        ),
        False: (
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ),
    },
)
FASHION_MNIST = _four(
    "fashion-mnist",
    (_ZALANDO,),
    {
        True: (
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        ),
        False: (
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        ),
    },
)
FASHION_CLASSES = (
    "T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"
)  # fmt: skip


def _idx_pair(
    files: tuple[DataFile, DataFile], classes: Sequence[str], dtype: DTypeLike | None, data_dir: Folder
) -> ImageDataset:
    """The data set in a file of images and a file of labels."""
    images, labels = (parse_idx(content(file, data_dir), file.name) for file in files)
    return ImageDataset(images[:, None], labels.astype(np.int64), classes, dtype)


def mnist(train: bool = True, *, dtype: DTypeLike | None = None, data_dir: Folder = None) -> ImageDataset:
    """Load MNIST, handwritten digits.

    Images (60000, 1, 28, 28) for training or (10000, 1, 28, 28) for testing, ink from 0 to 1, labels from 0 to 9. The mean of
    the pixels is 0.1307, their standard deviation 0.3081. Missing files are downloaded into the data folder.

    Parameters
    ----------
    train : bool, default True
        Load the training images instead of the test images.
    dtype : dtype, optional
        Dtype of the images, by default the default dtype.
    data_dir : str or Path, optional
        Folder of data files, by default ``data_folder()``.

    Returns
    -------
    ImageDataset
        Images and labels.

    Raises
    ------
    DataError
        If a file is missing and cannot be downloaded, or is damaged.

    References
    ----------
    LeCun, Cortes and Burges, "The MNIST database of handwritten digits", 1998.

    Examples
    --------
    >>> if dl.data.held("mnist"):  # else the call downloads it
    ...     assert dl.data.mnist().batch([0, 1])[0].shape == (2, 1, 28, 28)
    """
    return _idx_pair(MNIST[train], DIGITS, dtype, data_dir)


def fashion_mnist(train: bool = True, *, dtype: DTypeLike | None = None, data_dir: Folder = None) -> ImageDataset:
    """Load Fashion-MNIST, pictures of clothes in ten classes.

    Images (60000, 1, 28, 28) for training or (10000, 1, 28, 28) for testing, values from 0 to 1, labels from 0 to 9. The mean of
    the pixels is 0.2860, their standard deviation 0.3530. Missing files are downloaded into the data folder.

    Parameters
    ----------
    train : bool, default True
        Load the training images instead of the test images.
    dtype : dtype, optional
        Dtype of the images, by default the default dtype.
    data_dir : str or Path, optional
        Folder of data files, by default ``data_folder()``.

    Returns
    -------
    ImageDataset
        Images and labels, with class names.

    Raises
    ------
    DataError
        If a file is missing and cannot be downloaded, or is damaged.

    References
    ----------
    Xiao, Rasul and Vollgraf, 2017, arXiv:1708.07747.

    Examples
    --------
    >>> if dl.data.held("fashion-mnist"):  # else the call downloads it
    ...     assert dl.data.fashion_mnist().classes[1] == "trouser"
    """
    return _idx_pair(FASHION_MNIST[train], FASHION_CLASSES, dtype, data_dir)


def _usps(part: str, n: int, images: str, labels: str) -> tuple[DataFile, DataFile]:
    def one(name: str, size: int, sha256: str, convert: Callable[[bytes], bytes]) -> DataFile:
        url = f"https://hastie.su.domains/ElemStatLearn/datasets/zip.{part}.gz"
        return DataFile(
            size,
            f"sha256:{sha256}",
            (
                Place(f"usps/usps-{part}-{name}-ubyte.gz"),
                Place(f"usps/usps-{part}-{name}-ubyte"),
                Place(f"usps/zip.{part}.gz", convert=convert, urls=(url,)),
            ),
        )

    return one("images-idx3", 16 + 256 * n, images, usps_images), one("labels-idx1", 8 + n, labels, usps_labels)


USPS = {
    True: _usps(
        "train",
        7_291,
        "c818593b10b9825465902e804f9bcc96e2c1ccfd5b6ba34d6ccd2b5aae3d75c1",
        "ca21dd4e5a91233d38069e4f468988d3b56f6ce37e1a579a5ad1bd02395488c6",
    ),
    False: _usps(
        "test",
        2_007,
        "f253081a1f6574b2c39eab72f573538366a4650b2337d63b314259f4b7c72614",
        "9d60836db74a1ffe67829f9a2546bd594d5d321f778dbca1578c041da94483a2",
    ),
}


def usps(train: bool = True, *, dtype: DTypeLike | None = None, data_dir: Folder = None) -> ImageDataset:
    """Load USPS, digits from envelopes.

    Images (7291, 1, 16, 16) for training or (2007, 1, 16, 16) for testing, ink from 0 to 1, labels from 0 to 9. Missing files are
    downloaded into the data folder.

    Parameters
    ----------
    train : bool, default True
        Load the training images instead of the test images.
    dtype : dtype, optional
        Dtype of the images, by default the default dtype.
    data_dir : str or Path, optional
        Folder of data files, by default ``data_folder()``.

    Returns
    -------
    ImageDataset
        Images and labels.

    Raises
    ------
    DataError
        If a file is missing and cannot be downloaded, or is damaged.

    References
    ----------
    Hastie, Tibshirani and Friedman, "The elements of statistical learning", 2009, data set zip.

    Examples
    --------
    >>> if dl.data.held("usps"):  # else the call downloads it
    ...     assert len(dl.data.usps()) == 7291
    """
    return _idx_pair(USPS[train], DIGITS, dtype, data_dir)


def _cifar(name: str, checksum: str, records: int = 10_000) -> DataFile:
    url = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
    places = [Place(f"cifar-10-batches-bin/{name}")]
    if records == 10_000:
        places.append(Place("cifar-10-binary.tar.gz", member=f"cifar-10-batches-bin/{name}", urls=(url,)))
    return DataFile(3_073 * records, checksum, tuple(places))


CIFAR10_TRAIN = tuple(
    _cifar(f"data_batch_{k}.bin", f"sha256:{sha256}")
    for k, sha256 in enumerate(
        (
            "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5",
            "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed",
            "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67",
            "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48",
            "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add",
        ),
        1,
    )
)
CIFAR10_TEST = _cifar("test_batch.bin", "md5:803d5f7f4d78ea53de84dbe85f74fb6d")
CIFAR10_TEST_1000 = _cifar(
    "test_batch_first1000.bin", "sha256:8314c96d7cd65618193bab23acdd5d4c4af15bf6dd00a1781d55beedf3be1ef5", 1_000
)
CIFAR10_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def cifar10(train: bool = True, *, dtype: DTypeLike | None = None, data_dir: Folder = None) -> ImageDataset:
    """Load CIFAR-10, colour pictures in ten classes.

    Images (50000, 3, 32, 32) for training or (10000, 3, 32, 32) for testing; red, green and blue from 0 to 1. Missing files are
    downloaded into the data folder (the binary version).

    Parameters
    ----------
    train : bool, default True
        Load the training images instead of the test images.
    dtype : dtype, optional
        Dtype of the images, by default the default dtype.
    data_dir : str or Path, optional
        Folder of data files, by default ``data_folder()``.

    Returns
    -------
    ImageDataset
        Images and labels, with class names.

    Raises
    ------
    DataError
        If a file is missing and cannot be downloaded, or is damaged.

    Notes
    -----
    If the folder holds ``test_batch_first1000.bin`` but no ``test_batch.bin``, the test set has only the first 1,000 images. Say
    so next to a published result.

    References
    ----------
    Krizhevsky, "Learning multiple layers of features from tiny images", 2009.

    Examples
    --------
    >>> if dl.data.held("cifar10"):  # else the call downloads it
    ...     assert dl.data.cifar10().batch([0])[0].shape == (1, 3, 32, 32)
    """
    short = not available(CIFAR10_TEST, data_dir) and available(CIFAR10_TEST_1000, data_dir)
    files = CIFAR10_TRAIN if train else (CIFAR10_TEST_1000 if short else CIFAR10_TEST,)
    records = np.concatenate([np.frombuffer(content(f, data_dir), np.uint8).reshape(-1, 3_073) for f in files])
    images = records[:, 1:].reshape(-1, 3, 32, 32)
    return ImageDataset(images, records[:, 0].astype(np.int64), CIFAR10_CLASSES, dtype)


def _omniglot(part: str, n: int, images: str, labels: str) -> tuple[DataFile, DataFile]:
    url = f"https://raw.githubusercontent.com/brendenlake/omniglot/master/python/images_{part}.zip"

    def one(name: str, size: int, sha256: str, convert: Callable[[bytes], bytes]) -> DataFile:
        packed, plain = Place(f"omniglot/omniglot28-{part}-{name}.gz"), Place(f"omniglot/omniglot28-{part}-{name}")
        official = Place(f"omniglot/images_{part}.zip", convert=convert, urls=(url,))
        return DataFile(size, f"sha256:{sha256}", (packed, plain, official))

    return (
        one("images-idx3-ubyte", 16 + 784 * n, images, omniglot_images),
        one("labels-idx2-int", 12 + 16 * n, labels, omniglot_labels),
    )


OMNIGLOT = {
    True: _omniglot(
        "background",
        19_280,
        "88e4d57f393bff07e3342d6db19d043bf19343235f6f828f21c83aad839294d0",
        "0b379001ca2cf8989b51e8bd5b63856119ddc7daa1f46c73e783a13f6c6ea6f2",
    ),
    False: _omniglot(
        "evaluation",
        13_180,
        "d570b3599a210423517a5ea01b945d349f75b2878c199c85af06a593c987f857",
        "fc4978767fc3a05409d8e0448536a7a25b8fca52d5e47c35bb03311c6e931271",
    ),
}


def omniglot(
    background: bool = True, *, label: str = "class", dtype: DTypeLike | None = None, data_dir: Folder = None
) -> ImageDataset:
    """Load Omniglot, characters of 50 alphabets, each drawn by 20 people.

    Images (19280, 1, 28, 28) of the background set or (13180, 1, 28, 28) of the evaluation set, ink from 0 to 1, averaged down
    from 105 x 105. Missing files are downloaded into the data folder. The official zip can be used too, but takes long to read.

    Parameters
    ----------
    background : bool, default True
        Load the 30 alphabets to learn from, 964 classes; otherwise the 20 alphabets for tests, 659 classes numbered from 964.
    label : {"class", "alphabet", "character", "drawer"}, default "class"
        The label of an image: its class or alphabet (from 0), or the character of its alphabet or its drawer (from 1).
    dtype : dtype, optional
        Dtype of the images, by default the default dtype.
    data_dir : str or Path, optional
        Folder of data files, by default ``data_folder()``.

    Returns
    -------
    ImageDataset
        Images and labels.

    Raises
    ------
    ConfigError
        If ``label`` has another value.
    DataError
        If a file is missing and cannot be downloaded, or is damaged.

    References
    ----------
    Lake, Salakhutdinov and Tenenbaum, "Human-level concept learning through probabilistic program induction", Science, 2015.

    Examples
    --------
    >>> if dl.data.held("omniglot"):  # else the call downloads it
    ...     assert len(dl.data.omniglot()) == 19280
    """
    kinds = ("class", "alphabet", "character", "drawer")
    if label not in kinds:
        raise ConfigError(f"omniglot: label must be one of {', '.join(kinds)}, got {label!r}")
    files = OMNIGLOT[background]
    images, labels = (parse_idx(content(file, data_dir), file.name) for file in files)
    return ImageDataset(images[:, None], labels[:, kinds.index(label)].astype(np.int64), None, dtype)
