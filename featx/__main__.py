"""Run featx as ``python -m featx``; where the installed command begins, too."""

import sys


def run() -> None:
    """Run the command line, also if it is interrupted while it is imported."""
    try:
        from featx.cli import entry

        entry()
    except KeyboardInterrupt:
        sys.stderr.write("featx: Interrupted. Rerun the same command to resume.\n")
        raise SystemExit(130) from None


if __name__ == "__main__":
    run()
