"""``python -m aesbench``."""

from aesbench.cli import main

if __name__ == "__main__":
    main()
