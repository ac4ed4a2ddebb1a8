"""Benchmarks: the same mathematics here and in a peer library, timed in turns."""

if __name__ != "dlengine.benchmarks":
    raise ImportError("import dlengine.benchmarks, not benchmarks: the folder is installed inside the package dlengine")
