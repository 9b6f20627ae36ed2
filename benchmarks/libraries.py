"""What a library does beside what is written by hand in its place: the same numbers, and how much of a core they take.

    python -m benchmarks.libraries

The figures of docs/dependencies.md, on one thread; nothing is chosen by them.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

import grimp
import numpy as np
from scipy.signal import butter, sosfiltfilt
from scipy.stats import bootstrap
from threadpoolctl import threadpool_limits

from tast.closure import closure
from tast.crew.each import do_each
from tast.evaluation.metrics import bootstrap_intervals
from tast.preprocessing.band_pass import Band, butterworth
from tast.records import FloatArray

T = TypeVar("T")
PEOPLE, SECONDS, DRAWS = 10, 18, 1000
ITEMS, DEADLY = 8, 3
STAGE = "flows.stages.train"


def main() -> None:
    with threadpool_limits(1):
        intervals()
        filters()
    imports()
    killed_workers()


def least_cpu_s(work: Callable[[], T]) -> tuple[float, T]:
    """Least CPU seconds of three, and what came of it."""
    taken = []
    for _ in range(3):
        start = time.process_time()
        result = work()
        taken.append(time.process_time() - start)
    return min(taken), result


def intervals() -> None:
    """95 % of an RMSE over resampled people."""
    random = np.random.default_rng(0)
    people = np.repeat([f"set/{n}" for n in range(PEOPLE)], SECONDS)
    true = random.uniform(75, 100, len(people))
    predicted = true + random.normal(0, 5, len(people))
    ours_s, ours = least_cpu_s(lambda: bootstrap_intervals(true, predicted, people, draws=DRAWS, seed=0))
    squares = (predicted - true).reshape(PEOPLE, SECONDS) ** 2

    def rmse(drawn: FloatArray) -> float:
        return float(np.sqrt(squares[drawn.astype(int)].mean()))

    theirs_s, theirs = least_cpu_s(
        lambda: bootstrap((np.arange(PEOPLE),), rmse, n_resamples=DRAWS, method="percentile", vectorized=False, rng=0)
    )
    low, high = theirs.confidence_interval
    print(f"bootstrap of people: ours {1e3 * ours_s:.1f} ms for {len(ours)} scores, scipy.stats {1e3 * theirs_s:.1f} ms for one")
    print(f"    RMSE {ours['rmse'].low:.4f} to {ours['rmse'].high:.4f}, scipy's {low:.4f} to {high:.4f}")


def filters() -> None:
    """20 s of 64 x 64 cells at 30 Hz, 0.4 to 4 Hz, forth and back."""
    cells = np.random.default_rng(0).random((600, 64 * 64 * 3), dtype=np.float32)
    band = Band(0.4, 4.0)
    butterworth(cells, 30, band)  # the matrix is made once
    ours_s, ours = least_cpu_s(lambda: butterworth(cells, 30, band))
    sections = butter(band.order, (band.low_hz, band.high_hz), "bandpass", fs=30, output="sos")
    theirs_s, theirs = least_cpu_s(lambda: sosfiltfilt(sections, cells, axis=0))
    share = np.std(ours - theirs, axis=1) / np.std(theirs)
    print(f"zero-phase filter: ours {1e3 * ours_s:.0f} ms, sosfiltfilt {1e3 * theirs_s:.0f} ms")
    print(f"    they differ by {share[150:-150].max():.1%} inside, by {share.max():.0%} at the ends")


def imports() -> None:
    """The files that a stage rests on."""
    start = time.process_time()
    ours = closure(STAGE)  # kept once it is known: the first time counts
    between = time.process_time()
    theirs = grimp.build_graph("tast", "flows", cache_dir=None).find_upstream_modules(STAGE) | {STAGE}
    ours_s, theirs_s = between - start, time.process_time() - between
    names = {file.with_suffix("").as_posix().removesuffix("/__init__").replace("/", ".") for file in ours}
    print(f"closure of imports: ours {1e3 * ours_s:.0f} ms, grimp {1e3 * theirs_s:.0f} ms")
    print(f"    grimp lacks {', '.join(sorted(names - theirs)) or 'none'}")


def killed_workers() -> None:
    """Eight items over two processes, of which one kills its process each time that it is tried."""
    lost = do_each(item, range(ITEMS), workers=2, lost=lambda number, _: -number)
    ours = sum(result < 0 for result in lost)
    with ProcessPoolExecutor(2) as pool:
        tasks = [pool.submit(item, number) for number in range(ITEMS)]
        theirs = sum(isinstance(task.exception(), BrokenProcessPool) for task in tasks)
    print(f"one item of {ITEMS} kills its process: the crew loses {ours}, concurrent.futures {theirs}")


def item(number: int) -> int:
    if number == DEADLY:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.05)
    return number


if __name__ == "__main__":
    main()
