"""Tensor, the class of all results: see tensor.py."""

from .tensor import Tensor as Tensor
