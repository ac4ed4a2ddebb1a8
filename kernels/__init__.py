"""Kernels: functions on arrays, in sets of one implementation each. Nothing here knows tensors."""

if __name__ != "dlengine.kernels":
    raise ImportError("import dlengine.kernels, not kernels: the folder is installed inside the package dlengine")
