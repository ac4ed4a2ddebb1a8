"""torchvision.datasets: data sets from local files. Nothing is downloaded unless download=True asks for it."""

from __future__ import annotations

from .folder import DatasetFolder as DatasetFolder
from .folder import ImageFolder as ImageFolder
from .pictures import CIFAR10 as CIFAR10
from .pictures import CIFAR100 as CIFAR100
from .pictures import EMNIST as EMNIST
from .pictures import KMNIST as KMNIST
from .pictures import LSUN as LSUN
from .pictures import MNIST as MNIST
from .pictures import STL10 as STL10
from .pictures import SVHN as SVHN
from .pictures import USPS as USPS
from .pictures import CelebA as CelebA
from .pictures import FakeData as FakeData
from .pictures import FashionMNIST as FashionMNIST
from .pictures import Food101 as Food101
from .pictures import Omniglot as Omniglot
from .vision import VisionDataset as VisionDataset
