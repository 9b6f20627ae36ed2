"""Every benchmark, or those named, one after the other; JSON into benchmarks/results/ or another folder.

    python -m benchmarks [NAME | GROUP ...] [--out FOLDER] [--peer PATH ...]

Groups: speed (seconds, memory, growth), signal (what each step keeps of the pulse), spo2 (what is read; hours).
Each runs in a process of its own, so that none inherits another's threads, memory or caches. One that knows the checkout of a
peer by what it holds takes all paths given, and measures ours alone where its peer is not among them.

At the end stands what was asked of the values that were measured now, and whether it held. A value that fell short is no error
of the benchmark: the exit code is 1 only where one failed to run.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.results import OUT, RESULTS

EXAMPLES = """\
examples:
  python -m benchmarks speed --peer ../rPPG-Toolbox --peer ../PyEVM   all figures of speed, memory and growth
  python -m benchmarks evm store --out /tmp/measured                  two of them, and the tracked results stay as they are
  make bench NAMES=speed PEERS="../rPPG-Toolbox ../PyEVM"             the same as the first
  tast benchmark models --help                                        the options of one, which it takes when it is run alone
"""


@dataclass(frozen=True)
class Benchmark:
    group: str
    peers: bool = False  # whether it takes --peer


SPEED, SIGNAL, SPO2 = "speed", "signal", "spo2"
BENCHMARKS = {  # module below benchmarks/
    "evm": Benchmark(SPEED, peers=True),
    "metadata": Benchmark(SPEED),
    "models": Benchmark(SPEED, peers=True),
    "training_step": Benchmark(SPEED),
    "inference": Benchmark(SPEED),
    "preprocessing": Benchmark(SPEED),
    "workers": Benchmark(SPEED),
    "machines": Benchmark(SPEED),
    "growth": Benchmark(SPEED),
    "instruction_set": Benchmark(SPEED),
    "store": Benchmark(SPEED),
    "rendering": Benchmark(SPEED),
    "libraries": Benchmark(SPEED),
    "door": Benchmark(SIGNAL),
    "optics": Benchmark(SIGNAL),
    "knowable": Benchmark(SIGNAL),
    "heads": Benchmark(SIGNAL),
    "worlds_probe": Benchmark(SIGNAL),
    "landmarks": Benchmark(SIGNAL),
    "recorded": Benchmark(SPO2),
    "accuracy": Benchmark(SPO2),
    "anchored": Benchmark(SPO2),
    "worlds": Benchmark(SPO2),
    "real_waves": Benchmark(SPO2),
    "causes": Benchmark(SPO2),
    "error_causes": Benchmark(SPO2),
    "light_prior": Benchmark(SPO2),
    "ladder": Benchmark(SPO2),
}
GROUPS = {group: [name for name, one in BENCHMARKS.items() if one.group == group] for group in (SPEED, SIGNAL, SPO2)}


def chosen(names: Sequence[str]) -> list[str]:
    """Names and groups -> names, each once, in the order given; none: all.

    Raises ValueError where there is no such benchmark or group.
    """
    if unknown := [name for name in names if name not in BENCHMARKS and name not in GROUPS]:
        known = f"{', '.join(BENCHMARKS)}, and the groups {', '.join(GROUPS)}"
        raise ValueError(f"no benchmark {', '.join(unknown)}; known are {known}")
    return list(dict.fromkeys(one for name in names for one in GROUPS.get(name, [name]))) or list(BENCHMARKS)


def run(names: Sequence[str], peers: Sequence[Path], out: Path | None = None) -> tuple[list[str], list[Path]]:
    """Run them all, whatever becomes of one -> the names of those that failed, and the JSON files that were written.

    out: a folder for the JSON.
    """
    environment = os.environ | ({OUT: str(out.resolve())} if out else {})
    failed, written = [], []
    for name in names:
        given = [word for peer in peers for word in ("--peer", str(peer))] if BENCHMARKS[name].peers else []
        before = _written(out or RESULTS)
        print(f"== {name}", flush=True)
        if subprocess.run([sys.executable, "-m", f"benchmarks.{name}", *given], check=False, env=environment).returncode:
            failed.append(name)
        written += [path for path, when_ns in _written(out or RESULTS).items() if before.get(path) != when_ns]
    return failed, written


def _written(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in sorted(folder.glob("*.json"))}


def barred(path: Path) -> list[dict[str, Any]]:
    """Those rows of a result that something was asked of."""
    found = json.loads(path.read_text(encoding="utf-8"))
    rows = found if isinstance(found, list) else []
    return [row for row in rows if isinstance(row, dict) and row.get("must") is not None]


def measured(row: dict[str, Any]) -> float:
    """What its bar stands on: the ratio where there is one, else the value."""
    return float(row["value"] if row["ratio"] is None else row["ratio"])


def holds(row: dict[str, Any]) -> bool:
    """Whether what was measured is as must asks; NaN is not."""
    return measured(row) >= row["must"] if row["better"] == "higher" else measured(row) <= row["must"]


def show(written: Sequence[Path], console: Console | None = None) -> None:
    """One line for each bar of these results."""
    table = Table("benchmark", "figure", "measured", "must", "")
    for path in dict.fromkeys(written):
        for row in barred(path):
            bar = f"{'at least' if row['better'] == 'higher' else 'at most'} {row['must']:.3g}"
            unit = row["unit"] if row["ratio"] is None else "times"
            verdict = "held" if holds(row) else "[bold red]fell short[/]"
            table.add_row(path.stem, row["name"], f"{measured(row):.4g} {unit}", bar, verdict)
    if table.row_count:
        (console or Console()).print(table)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME",
        help=f"a group ({', '.join(GROUPS)}) or one of {', '.join(BENCHMARKS)}; all of them by default",
    )  # fmt: skip
    parser.add_argument(
        "--peer", type=Path, action="append", default=[], metavar="PATH",
        help="a public project: its checkout, or a folder into which it was installed",
    )  # fmt: skip
    parser.add_argument(
        "--out", type=Path, metavar="FOLDER", help="for the JSON; benchmarks/results, which git tracks, by default"
    )
    arguments = parser.parse_args()
    try:
        names = chosen(arguments.names)
    except ValueError as error:
        parser.error(str(error))
    failed, written = run(names, arguments.peer, arguments.out)
    show(written)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
