"""The command line: the only package that prints and returns exit codes."""

from featx.cli.program import app, entry, main

__all__ = ["app", "entry", "main"]
