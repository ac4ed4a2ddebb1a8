"""Data sets, samplers, loaders, transforms, text and image files."""

from __future__ import annotations

from . import transforms
from .bundled import digits
from .collate import PadCollate, pad_sequence
from .dataset import ArrayDataset, Dataset
from .draws import batch_generator
from .images import read_image
from .iterable import IterableDataset
from .loader import DataLoader
from .samplers import (
    BatchSampler,
    BucketSampler,
    ClassBalancedSampler,
    EpisodeSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    WeightedRandomSampler,
)
from .splits import Subset, group_split, random_split, stratified_split
from .text import (
    NegativeSampler,
    Vocabulary,
    bag_of_words,
    cbow_windows,
    ngrams,
    one_hot,
    skipgram_pairs,
    subsample,
    words,
)
from .windows import ContiguousBatches, Scaling, TextWindows, chronological_split, sliding_windows

__all__ = [
    "ArrayDataset", "BatchSampler", "BucketSampler", "ClassBalancedSampler", "ContiguousBatches", "DataLoader", "Dataset",
    "EpisodeSampler", "IterableDataset", "NegativeSampler", "PadCollate", "RandomSampler", "Sampler", "Scaling",
    "SequentialSampler", "Subset", "TextWindows", "Vocabulary", "WeightedRandomSampler", "bag_of_words", "batch_generator",
    "cbow_windows", "chronological_split", "digits", "group_split", "ngrams", "one_hot", "pad_sequence", "random_split",
    "read_image", "skipgram_pairs", "sliding_windows", "stratified_split", "subsample", "transforms", "words",
]  # fmt: skip
