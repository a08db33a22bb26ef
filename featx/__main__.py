"""Run featx as ``python -m featx``."""

from featx.cli import entry

if __name__ == "__main__":
    entry()
