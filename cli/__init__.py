"""The command line: parse, call the library, print."""

if __name__ != "dlengine.cli":
    raise ImportError("import dlengine.cli, not cli: the folder is installed inside the package dlengine")
