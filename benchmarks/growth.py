"""How each step of the pipeline grows with the number of recordings: 500, 1,500 and 5,000 of one second, or as many as are asked.

    python -m benchmarks.growth [--sizes 500 1500 5000] [--idle 5000 50000] [--folder PLACE] [--publish]

The real commands run in a copy of this project, on planted recordings whose clips lie in the item cache already
(benchmarks/planted.py), so that no landmark is looked for: `dvc repro` of each stage, `dvc status`, `dvc repro` with nothing to
do, one recording more, `flows.publish`. CPU seconds are those of a command and all of its processes; what the stage's own program
took of them is measured beside it, the rest is DVC's. Memory is the peak of the largest process. The exponent is the slope
between the two largest sizes, of CPU time against recordings in logarithms: with what every run costs, which makes it smaller;
so steps that take less than DATA_BOUND times as much of the larger set have no bar. --publish writes the table into
docs/scaling.md.
"""

from __future__ import annotations

import argparse
import math
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from benchmarks.results import Row, write_between, write_rows

PROJECT = Path(__file__).resolve().parents[1]
SIZES = (500, 1500, 5000)
PARAMS = {  # of the project that is measured: one second is a clip; the network is as small as it gets, and not what is measured
    "dataset.name": "csv",
    "preprocess.clips.length_s": 1,
    "preprocess.clips.size_px": 16,
    "preprocess.magnify.low_hz": 1.2,
    "train.epochs": 1,
    "train.threads": 1,
    "train.input": "normalised",
    "promote.fewest_subjects": 2,
    "runner.workers": 2,
}
DVC = ("-m", "dvc")
STAGES = ("source", "download", "preprocess", "split", "train", "evaluate")
STATUS, NO_OP, ONE_MORE, PUBLISH = "dvc status", "dvc repro, nothing to do", "one recording more", "publish"
IDLE_STATUS, IDLE = "dvc status, planted outputs", "dvc repro, nothing to do, planted outputs"
BARRED = ("download", "preprocess", "split", "evaluate", PUBLISH, STATUS, NO_OP, ONE_MORE, IDLE_STATUS, IDLE)
MOST_EXPONENT, MOST_NO_OP_S, LARGEST = 1.05, 60.0, 50_000
DATA_BOUND = 2.0  # a step is, where the larger set takes so many times the CPU time of the smaller
COMPUTED = re.compile(r"videos: computed (\d+)")  # what the preprocess stage says
OWN = "GROWTH_OWN_COST"  # environment: a file into which a stage's own cost is written
PAGE, BEGIN, END = Path("docs/scaling.md"), "<!-- growth: python -m benchmarks.growth --publish -->", "<!-- end of growth -->"
SHIM = """#!{python} -IS
import os, sys
child = os.posix_spawn({python!r}, [{python!r}, *sys.argv[1:]], os.environ)
_, status, used = os.wait4(child, 0)
with open(os.environ[{own!r}], "a") as file:
    file.write(f"{{used.ru_utime + used.ru_stime}}\\n")
os._exit(os.waitstatus_to_exitcode(status) & 255)
"""


@dataclass(frozen=True)
class Cost:
    """Of a command: its wall time, the CPU time of all of its processes and the peak memory of the largest; how much of the CPU
    time was not the stages' own programs but DVC; how many videos were preprocessed and not found in the cache, where it did."""

    step: str
    n: int
    wall_s: float
    cpu_s: float
    peak_mib: float
    dvc_cpu_s: float
    n_computed: int | None = None


class Measured:
    """A copy of this project, its commands, and what they cost."""

    def __init__(self, folder: Path, n: int) -> None:
        self.folder, self.n, self.costs = folder, n, list[Cost]()
        self._own, programs = folder.with_name(f"{folder.name}.own"), folder.with_name(f"{folder.name}.bin")
        programs.mkdir(exist_ok=True)
        shim = programs / "python"
        shim.write_text(SHIM.format(python=sys.executable, own=OWN))
        shim.chmod(0o755)
        outside = ("PREFECT_", "DVC_", "MLFLOW_", "PYTHON", "TAST_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(outside)}
        path = os.pathsep.join((str(programs), str(Path(sys.executable).parent), kept["PATH"]))
        self._environment = kept | {"PATH": path, OWN: str(self._own)}

    def run(self, *arguments: str) -> None:
        """`python ARGUMENTS`, not measured. Ends the program where it fails."""
        self._wait(arguments, self.folder.parent / f"{self.folder.name}.log")

    def measure(self, step: str, *arguments: str) -> None:
        """The same, measured."""
        self._own.unlink(missing_ok=True)
        log = self.folder.parent / f"{self.folder.name}.log"
        start_s = time.perf_counter()
        cpu_s, peak_mib = self._wait(arguments, log)
        wall_s = time.perf_counter() - start_s
        own = [float(line) for line in self._own.read_text().splitlines()] if self._own.exists() else []
        dvc_s = cpu_s - sum(own) if arguments[:2] == DVC else 0.0
        said = log.read_text()
        computed = COMPUTED.search(said)
        n_computed = int(computed[1]) if computed else None
        self.costs.append(Cost(step, self.n, wall_s, cpu_s, peak_mib, dvc_s, n_computed))
        print(f"{self.n} recordings, {step}: {wall_s:.1f} s, {cpu_s:.1f} CPU s ({dvc_s:.1f} DVC), {peak_mib:.0f} MiB", flush=True)

    def _wait(self, arguments: tuple[str, ...], log: Path) -> tuple[float, float]:
        with log.open("wb") as said:
            process = subprocess.Popen(
                [sys.executable, *arguments], cwd=self.folder, env=self._environment, stdout=said, stderr=subprocess.STDOUT
            )
            try:
                _, status, used = os.wait4(process.pid, 0)
                process.returncode = os.waitstatus_to_exitcode(status)
            finally:
                if process.returncode is None:  # Ctrl-C: it must not outlive this one
                    process.terminate()
                    process.wait()
        if process.returncode:
            sys.exit(f"{' '.join(arguments)} exited with {process.returncode}:\n{log.read_text()[-3000:]}")
        return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def set_params(path: Path, values: dict[str, Any]) -> None:
    """Dotted keys of a params.yaml; its comments stay."""
    yaml = YAML()
    params = yaml.load(path)
    for key, value in values.items():
        *sections, name = key.split(".")
        section = params
        for part in sections:
            section = section[part]
        section[name] = value
    yaml.dump(params, path)


def clone(folder: Path, params: dict[str, Any]) -> None:
    """The files of this working tree in a repository of their own, without tests, outputs and dvc.lock; params.yaml changed."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=PROJECT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    for name in listed:
        if not name.startswith(("tests/", "docs/")) and name != "dvc.lock" and (PROJECT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(PROJECT / name, folder / name)
    set_params(folder / "params.yaml", params)
    named = ["-c", "user.name=growth", "-c", "user.email=growth@localhost"]
    for command in (["init", "-q"], ["add", "-A"], [*named, "commit", "-qm", "tree"]):
        subprocess.run(["git", *command], cwd=folder, check=True)


def measure(place: Path, n: int) -> list[Cost]:
    """Every step on n recordings, in a new project below `place`."""
    root, measured = place / f"recordings_{n}", Measured(place / f"project_{n}", n)
    clone(measured.folder, PARAMS | {"dataset.root": str(root)})
    measured.run("-m", "benchmarks.planted", "videos", str(root), str(n))
    for stage in STAGES:
        if stage == "preprocess":
            measured.run("-m", "benchmarks.planted", "clips")
        measured.measure(stage, *DVC, "repro", "--single-item", stage)
    measured.measure(PUBLISH, "-m", "flows.publish")
    measured.measure(STATUS, *DVC, "status")
    measured.measure(NO_OP, *DVC, "repro", STAGES[-1])
    measured.run("-m", "benchmarks.planted", "one_more", str(root))
    measured.measure(ONE_MORE, *DVC, "repro", "preprocess")
    return measured.costs


def measure_idle(place: Path, n: int) -> list[Cost]:
    """What DVC alone takes to see that nothing is to be done, with as many files as n recordings leave, in a new project."""
    root, measured = place / f"recordings_{n}", Measured(place / f"idle_{n}", n)
    clone(measured.folder, PARAMS | {"dataset.root": str(root)})
    measured.run("-m", "benchmarks.planted", "videos", str(root), str(n))
    measured.run(*DVC, "repro", "source")
    measured.run("-m", "benchmarks.planted", "outputs", str(root))
    measured.run(*DVC, "commit", "--force", *STAGES[1:])
    measured.measure(IDLE_STATUS, *DVC, "status")
    measured.measure(IDLE, *DVC, "repro", STAGES[-1])
    return measured.costs


def exponent(costs: list[Cost]) -> float:
    """Slope of CPU time between the two largest sizes, in logarithms."""
    small, large = sorted(costs, key=lambda cost: cost.n)[-2:]
    return math.log(large.cpu_s / small.cpu_s) / math.log(large.n / small.n)


def is_data_bound(costs: list[Cost]) -> bool:
    small, large = sorted(costs, key=lambda cost: cost.n)[-2:]
    return large.cpu_s >= DATA_BOUND * small.cpu_s


def rows_of(costs: list[Cost]) -> list[Row]:
    """For each step its exponent, and at each size CPU time, DVC's share, wall time and peak memory."""
    rows: list[Row] = []
    for step in dict.fromkeys(cost.step for cost in costs):
        of_step = [cost for cost in costs if cost.step == step]
        if len(of_step) > 1:
            barred = step in BARRED and is_data_bound(of_step)
            sizes = "between {:,} and {:,} recordings".format(*sorted(cost.n for cost in of_step)[-2:])
            rows.append(Row(f"{step}: exponent of CPU time {sizes}", exponent(of_step), "1", better="lower",
                            must=MOST_EXPONENT if barred else None))  # fmt: skip
        for cost in of_step:
            name = f"{step}, {cost.n:,} recordings"
            most_s = MOST_NO_OP_S if step in (NO_OP, IDLE) and cost.n == LARGEST else None
            if cost.n_computed is not None:
                most = 1.0 if step == ONE_MORE else 0.0
                rows.append(Row(f"{name}: videos computed", float(cost.n_computed), "1", better="lower", must=most))
            rows += [
                Row(f"{name}: CPU", cost.cpu_s, "s", better="lower"),
                Row(f"{name}: of it DVC", cost.dvc_cpu_s, "s", better="lower"),
                Row(f"{name}: wall", cost.wall_s, "s", better="lower", must=most_s),
                Row(f"{name}: memory", cost.peak_mib, "MiB", better="lower"),
            ]
    return rows


def publish(rows: list[Row]) -> None:
    """A table into the page: a row per step, its cost at each size, and the exponent."""
    value = {row.name: row.value for row in rows}
    exponents = {row.name.partition(": exponent")[0]: row.value for row in rows if ": exponent" in row.name}
    named = [match for row in rows if (match := re.fullmatch(r"(.+), ([\d,]+) recordings: CPU", row.name))]
    steps = list(dict.fromkeys(match[1] for match in named))
    sizes = sorted({match[2] for match in named}, key=lambda n: int(n.replace(",", "")))
    lines = [
        "| step | " + " | ".join(f"{n} recordings" for n in sizes) + " | exponent |", "|---" * (len(sizes) + 2) + "|",
        *(" | ".join([f"| {step}", *(_cell(value, step, n) for n in sizes),
                      f"{exponents[step]:.2f} |" if step in exponents else "|"])
          for step in steps),
    ]  # fmt: skip
    write_between(PAGE, BEGIN, END, lines)


def _cell(value: dict[str, float], step: str, n: str) -> str:
    if f"{step}, {n} recordings: CPU" not in value:
        return ""
    cpu_s, dvc_s, wall_s, memory_mib = (
        value[f"{step}, {n} recordings: {what}"] for what in ("CPU", "of it DVC", "wall", "memory")
    )
    return f"{cpu_s:.1f} s, DVC {dvc_s:.1f}; {wall_s:.0f} s; {memory_mib:.0f} MiB"


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.growth", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, metavar="N")
    parser.add_argument("--idle", type=int, nargs="+", default=(), metavar="N", help="sizes at which DVC alone has nothing to do")
    parser.add_argument("--folder", type=Path, help="where the projects are made, and deleted; the system's own by default")
    parser.add_argument("--publish", action="store_true", help=f"the table into {PAGE}")
    asked = parser.parse_args()
    costs: list[Cost] = []
    for measure_one, n in [*((measure, n) for n in asked.sizes), *((measure_idle, n) for n in asked.idle)]:
        with tempfile.TemporaryDirectory(dir=asked.folder) as scratch:
            costs += measure_one(Path(scratch), n)
            write_rows("growth", rows_of(costs))  # before minutes of deleting
    if asked.publish:
        publish(rows_of(costs))


if __name__ == "__main__":
    main()
