"""Data sets, samplers, loaders, transforms, text and image files, and readers of data of one's own (``readers``)."""

from __future__ import annotations

from . import synthetic, transforms
from .batch_samplers import BatchSampler, BucketSampler, EpisodeSampler
from .bundled import digits
from .catalogue import held
from .collate import PadCollate, pad_sequence
from .corpora import (
    StringPairs,
    builtin_text,
    english_french,
    sentence_pairs,
    text_file,
    tiny_shakespeare,
    wikipedia,
    word_analogies,
)
from .dataset import ArrayDataset, Dataset
from .host_random import batch_generator
from .idx import read_idx
from .image_dataset import ImageDataset
from .images import read_image
from .iterable import IterableDataset
from .loader import DataLoader
from .motion import trajectories
from .pictures import cifar10, fashion_mnist, mnist, omniglot, usps
from .readers import (
    Samples,
    Table,
    load_image,
    load_sound,
    log_mel,
    read,
    read_arrays,
    read_image_folder,
    read_series,
    read_sound_folder,
    read_table,
    read_text,
    read_text_folder,
    samples_of_arrays,
)
from .samplers import (
    ClassBalancedSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    WeightedRandomSampler,
)
from .series import TimeSeries, airline, sunspots, temperatures
from .sources import data_folder, set_data_dir
from .splits import Subset, group_split, random_split, stratified_split
from .synthetic import (
    adding_problem,
    addition_strings,
    blended_digits,
    sequence_copy,
    shapes_with_captions,
    spirals,
    two_moons,
)
from .text import Vocabulary, bag_of_words, ngrams, one_hot, words
from .windows import ContiguousBatches, Scaling, TextWindows, chronological_split, sliding_windows
from .word_vectors import NegativeSampler, cbow_windows, skipgram_pairs, subsample

__all__ = [
    "ArrayDataset", "BatchSampler", "BucketSampler", "ClassBalancedSampler", "ContiguousBatches", "DataLoader", "Dataset",
    "EpisodeSampler", "ImageDataset", "IterableDataset", "NegativeSampler", "PadCollate", "RandomSampler", "Sampler", "Samples",
    "Scaling", "SequentialSampler", "StringPairs", "Subset", "Table", "TextWindows", "TimeSeries", "Vocabulary",
    "WeightedRandomSampler", "adding_problem", "addition_strings", "airline", "bag_of_words", "batch_generator",
    "blended_digits", "builtin_text", "cbow_windows", "chronological_split", "cifar10", "data_folder", "digits",
    "english_french", "fashion_mnist", "group_split", "held", "load_image", "load_sound", "log_mel", "mnist", "ngrams",
    "omniglot", "one_hot", "pad_sequence",
    "random_split", "read", "read_arrays", "read_idx", "read_image", "read_image_folder", "read_series", "read_sound_folder",
    "read_table", "read_text", "read_text_folder", "samples_of_arrays", "sentence_pairs", "sequence_copy", "set_data_dir",
    "shapes_with_captions",
    "skipgram_pairs", "sliding_windows", "spirals", "stratified_split", "subsample", "sunspots", "synthetic",
    "temperatures", "text_file", "tiny_shakespeare", "trajectories", "transforms", "two_moons", "usps", "wikipedia",
    "word_analogies", "words",
]  # fmt: skip
