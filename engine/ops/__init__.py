"""Ops: differentiable functions on tensors, one file per family."""
