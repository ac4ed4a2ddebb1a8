"""`python -m dlengine.cli` is the command `dlengine`."""

from .main import main

if __name__ == "__main__":
    main()
