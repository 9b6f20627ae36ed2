"""A table of variants of one method, each run with several seeds and scored on the same seconds of the same people.

Every number of a row is of one thing: all seconds of all its runs together. (A mean of the runs' errors beside an interval of the
pooled one may lie outside of it.) Only the deviation is of the runs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

import pandas as pd

from tast.evaluation.metrics import bootstrap_intervals, compare_paired, score
from tast.people import person_of
from tast.seconds import KEY

COLUMNS = (*KEY, "true_percent", "predicted_percent", "constant_percent")


def scores_of_runs(runs: Mapping[tuple[str, int], pd.DataFrame]) -> pd.DataFrame:
    """(variant, seed) -> one row per labelled second (COLUMNS): one row per run with variant, seed and its scores."""
    return pd.DataFrame(
        {"variant": variant, "seed": seed, **asdict(score(rows["true_percent"], rows["predicted_percent"]))}
        for (variant, seed), rows in runs.items()
    )


def ablation_table(runs: Mapping[tuple[str, int], pd.DataFrame], *, reference: str, draws: int, seed: int) -> pd.DataFrame:
    """One row per variant, in the order of the runs; errors in percent SpO2.

    runs: (variant, seed) -> one row per labelled second of the recordings (COLUMNS); other seeds may have scored other people.
    rmse, mae, pearson_r, bias, slope: of the seconds of all runs together; rmse_low, rmse_high: the 95 % interval of that rmse
    over resampled people. difference, with its interval: of that rmse from the reference variant's, the same people drawn for
    both; negative is better. skill: 1 - rmse over that of constant_percent on the same seconds. n_seeds; rmse_sd: deviation of
    the runs' own RMSE, NaN for one. Raises ValueError where two variants were scored on other seconds or by other seeds.
    """
    seeds = sorted({seed for _, seed in runs})
    variants = list(dict.fromkeys(variant for variant, _ in runs))
    pooled = {variant: _pooled(runs, variant, seeds) for variant in variants}
    return pd.DataFrame(_row(variant, rows, pooled[reference], draws=draws, seed=seed) for variant, rows in pooled.items())


def _pooled(runs: Mapping[tuple[str, int], pd.DataFrame], variant: str, seeds: Sequence[int]) -> pd.DataFrame:
    missing = [seed for seed in seeds if (variant, seed) not in runs]
    if missing:
        raise ValueError(f"variant {variant!r} lacks seeds {missing}")
    parts = [runs[variant, seed].sort_values(KEY).assign(seed=seed) for seed in seeds]
    return pd.concat(parts, ignore_index=True)


def _row(variant: str, rows: pd.DataFrame, reference: pd.DataFrame, *, draws: int, seed: int) -> dict[str, object]:
    if not rows[[*KEY, "seed"]].equals(reference[[*KEY, "seed"]]):
        raise ValueError(f"variant {variant!r} was scored on other seconds than the reference")
    true, predicted, people = rows["true_percent"], rows["predicted_percent"], person_of(rows)
    pooled = score(true, predicted)
    rmse = bootstrap_intervals(true, predicted, people, draws=draws, seed=seed)["rmse"]
    against = compare_paired(true, predicted, reference["predicted_percent"], people, draws=draws, seed=seed)
    constant = compare_paired(true, predicted, rows["constant_percent"], people, draws=draws, seed=seed)
    of_runs = pd.Series([score(one["true_percent"], one["predicted_percent"]).rmse for _, one in rows.groupby("seed")])
    return {
        "variant": variant, "n_seeds": len(of_runs), "rmse_sd": of_runs.std(ddof=1), "rmse_low": rmse.low, "rmse_high": rmse.high,
        **{name: getattr(pooled, name) for name in ("rmse", "mae", "pearson_r", "bias", "slope")},
        "difference": against.rmse_difference, "difference_low": against.rmse_difference_interval.low,
        "difference_high": against.rmse_difference_interval.high, "skill": constant.skill,
    }  # fmt: skip


HEADINGS = {
    "variant": "variant",
    "rmse": "RMSE [95 %]",
    "rmse_sd": "SD over runs",
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
