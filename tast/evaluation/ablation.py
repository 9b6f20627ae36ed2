"""A table of variants of one method, each trained with several seeds and tested on the same seconds of the same people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

import numpy as np
import pandas as pd

from tast.evaluation.metrics import bootstrap_intervals, compare_paired, score, skill
from tast.people import person_of
from tast.seconds import KEY

COLUMNS = (*KEY, "true_percent", "predicted_percent")


def scores_of_runs(runs: Mapping[tuple[str, int], pd.DataFrame]) -> pd.DataFrame:
    """(variant, seed) -> labelled seconds (COLUMNS): one row per run with variant, seed and its scores."""
    return pd.DataFrame(
        {"variant": variant, "seed": seed, **asdict(score(rows["true_percent"], rows["predicted_percent"]))}
        for (variant, seed), rows in runs.items()
    )


def ablation_table(
    runs: Mapping[tuple[str, int], pd.DataFrame], *, reference: str, constant_percent: float, draws: int, seed: int
) -> pd.DataFrame:
    """One row per variant, in the order of the runs; errors in percent SpO2.

    n_seeds. rmse, mae, pearson_r, bias, slope: means over seeds. rmse_sd: deviation over seeds, NaN for one. rmse_low, rmse_high:
    95 % interval over resampled people of the root mean squared error of all seeds together. difference, with its interval: of
    that error from the reference variant's, the same people drawn for both; negative is better. skill: 1 - rmse over that of
    the constant `constant_percent`. Raises ValueError where two variants were tested on other seconds or by other seeds.
    """
    seeds = sorted({seed for _, seed in runs})
    variants = list(dict.fromkeys(variant for variant, _ in runs))
    pooled = {variant: _pooled(runs, variant, seeds) for variant in variants}
    return pd.DataFrame(
        _row(variant, rows, pooled[reference], constant_percent=constant_percent, draws=draws, seed=seed)
        for variant, rows in pooled.items()
    )


def _pooled(runs: Mapping[tuple[str, int], pd.DataFrame], variant: str, seeds: Sequence[int]) -> pd.DataFrame:
    missing = [seed for seed in seeds if (variant, seed) not in runs]
    if missing:
        raise ValueError(f"variant {variant!r} lacks seeds {missing}")
    parts = [runs[variant, seed].sort_values(KEY).assign(seed=seed) for seed in seeds]
    return pd.concat(parts, ignore_index=True)


def _row(
    variant: str, rows: pd.DataFrame, reference: pd.DataFrame, *, constant_percent: float, draws: int, seed: int
) -> dict[str, object]:
    if not rows[[*KEY, "seed"]].equals(reference[[*KEY, "seed"]]):
        raise ValueError(f"variant {variant!r} was tested on other seconds than the reference")
    by_seed = pd.DataFrame(asdict(score(one["true_percent"], one["predicted_percent"])) for _, one in rows.groupby("seed"))
    true, said, people = rows["true_percent"], rows["predicted_percent"], person_of(rows)
    rmse = bootstrap_intervals(true, said, people, draws=draws, seed=seed)["rmse"]
    against = compare_paired(true, said, reference["predicted_percent"], people, draws=draws, seed=seed)
    constant = score(true, np.full(len(rows), constant_percent)).rmse
    return {
        "variant": variant, "n_seeds": len(by_seed), "rmse": by_seed["rmse"].mean(), "rmse_sd": by_seed["rmse"].std(ddof=1),
        "rmse_low": rmse.low, "rmse_high": rmse.high,
        **{name: by_seed[name].mean() for name in ("mae", "pearson_r", "bias", "slope")},
        "difference": against.rmse_difference, "difference_low": against.rmse_difference_interval.low,
        "difference_high": against.rmse_difference_interval.high, "skill": float(skill(by_seed["rmse"].mean(), constant)),
    }  # fmt: skip


HEADINGS = {
    "variant": "variant",
    "rmse": "RMSE [95 %]",
    "rmse_sd": "SD over seeds",
    "difference": "difference [95 %]",
    "mae": "MAE",
    "pearson_r": "R",
    "bias": "bias",
    "slope": "slope",
    "skill": "skill",
}


def as_markdown(table: pd.DataFrame) -> str:
    """The table as Markdown; two decimals, intervals in brackets."""
    lines = [list(HEADINGS.values()), ["---", *["---:"] * (len(HEADINGS) - 1)]]
    lines += [[_cell(row, name) for name in HEADINGS] for row in table.to_dict("records")]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _cell(row: Mapping[str, object], name: str) -> str:
    if name == "variant":
        return str(row[name])
    signed = "+" if name in ("difference", "bias") else ""
    value = _number(row[name], signed)
    if f"{name}_low" not in row:
        return value
    return f"{value} [{_number(row[f'{name}_low'], signed)}, {_number(row[f'{name}_high'], signed)}]"


def _number(value: object, signed: str) -> str:
    return f"{value:{signed}.2f}" if value == value else "-"
