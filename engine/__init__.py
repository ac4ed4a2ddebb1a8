"""dlengine: a deep-learning engine written once and run by NumPy, Numba or CuPy."""

if __name__ != "dlengine":
    raise ImportError("import dlengine, not engine: the folder engine/ is installed as the package dlengine")
