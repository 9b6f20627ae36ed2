"""Every benchmark, or those named, one after the other; JSON into benchmarks/results/ or another folder.

    python -m benchmarks [NAME ...] [--out FOLDER] [--peer PATH ...]

Each runs in a process of its own, so that none inherits another's threads, memory or caches. One that knows the checkout of a
peer by what it holds takes all paths given, and measures ours alone where its peer is not among them.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from benchmarks.results import OUT

BENCHMARKS = {  # module below benchmarks/ -> whether it takes --peer
    "evm": True,
    "metadata": False,
    "models": True,
    "preprocessing": False,
    "door": False,
    "workers": False,
    "machines": False,
    "growth": False,
    "instruction_set": False,
    "store": False,
    "recorded": False,
    "accuracy": False,
    "optics": False,
    "anchored": False,
    "knowable": False,
    "heads": False,
    "rendering": False,
    "worlds": False,
    "worlds_probe": False,
    "real_waves": False,
    "causes": False,
    "error_causes": False,
    "light_prior": False,
    "landmarks": False,
    "ladder": False,
    "libraries": False,
}


def run(names: list[str], peers: list[Path], out: Path | None = None) -> list[str]:
    """Run them all, whatever becomes of one -> the names of those that failed. out: a folder for the JSON."""
    environment = os.environ | ({OUT: str(out.resolve())} if out else {})
    failed = []
    for name in names:
        given = [word for peer in peers for word in ("--peer", str(peer))] if BENCHMARKS[name] else []
        print(f"== {name}", flush=True)
        if subprocess.run([sys.executable, "-m", f"benchmarks.{name}", *given], check=False, env=environment).returncode:
            failed.append(name)
    return failed


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(BENCHMARKS)}; all of them by default")
    parser.add_argument("--peer", type=Path, action="append", default=[], metavar="PATH", help="checkout of a public project")
    parser.add_argument(
        "--out", type=Path, metavar="FOLDER", help="for the JSON; benchmarks/results, which git tracks, by default"
    )
    arguments = parser.parse_args()
    if unknown := [name for name in arguments.names if name not in BENCHMARKS]:
        parser.error(f"no benchmark {', '.join(unknown)}; known are {', '.join(BENCHMARKS)}")
    if failed := run(arguments.names or list(BENCHMARKS), arguments.peer, arguments.out):
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
