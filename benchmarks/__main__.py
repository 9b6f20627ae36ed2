"""Every benchmark, or those named, one after the other; JSON into benchmarks/results/.

    python -m benchmarks [NAME ...] [--peer PATH ...]

Each runs in a process of its own, so that none inherits another's threads, memory or caches. One that knows the checkout of a
peer by what it holds takes all paths given, and measures ours alone where its peer is not among them.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

BENCHMARKS = {  # module below benchmarks/ -> whether it takes --peer
    "evm": True,
    "metadata": False,
    "models": True,
    "preprocessing": False,
    "workers": False,
    "store": False,
    "recorded": False,
    "accuracy": False,
}


def run(names: list[str], peers: list[Path]) -> list[str]:
    """Run them all, whatever becomes of one -> the names of those that failed."""
    failed = []
    for name in names:
        given = [word for peer in peers for word in ("--peer", str(peer))] if BENCHMARKS[name] else []
        print(f"== {name}", flush=True)
        if subprocess.run([sys.executable, "-m", f"benchmarks.{name}", *given], check=False).returncode:
            failed.append(name)
    return failed


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(BENCHMARKS)}; all of them by default")
    parser.add_argument("--peer", type=Path, action="append", default=[], metavar="PATH", help="checkout of a public project")
    arguments = parser.parse_args()
    if unknown := [name for name in arguments.names if name not in BENCHMARKS]:
        parser.error(f"no benchmark {', '.join(unknown)}; known are {', '.join(BENCHMARKS)}")
    if failed := run(arguments.names or list(BENCHMARKS), arguments.peer):
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
