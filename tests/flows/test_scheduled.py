"""The form of the benchmark deployment offers the benchmarks that there are."""

from __future__ import annotations

from typing import get_args

from benchmarks.__main__ import BENCHMARKS
from flows.scheduled import BenchmarkName


def test_the_form_offers_every_benchmark() -> None:
    assert set(get_args(BenchmarkName)) == set(BENCHMARKS)
