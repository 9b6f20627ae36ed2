"""The registry by hand: challenger against champion (`compare`), the title given back (`rollback`) or given (`champion`); a copy
of it (`backup`), and what makes an older one agree with DVC's files (`reconcile`).

python -m flows.registry compare
python -m flows.registry rollback --reason "reads too high in the dark"
python -m flows.registry champion 3
python -m flows.registry backup ../registry.db
python -m flows.registry reconcile        (after `cp ../registry.db .tast/mlflow/mlflow.db`, or a loss of all of it)
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table

from flows.running import configure_logging
from flows.store import tracking_uri
from tast.errors import TastError
from tast.evaluation.contest import Rules
from tast.params import load_params
from tast.tracking.recovery import copy_store, versions_without_files
from tast.tracking.registry import Comparison, rollback, set_champion


def compare(arguments: argparse.Namespace) -> None:
    """Score both on this workspace's test split, change nothing."""
    from flows.promote import compare_now  # here: torch and Prefect take seconds to import, and a title needs neither

    comparison = compare_now(load_params().publish.model_name, Rules(**load_params().promote.model_dump()))
    if arguments.json:
        print(json.dumps(asdict(comparison), indent=2, sort_keys=True))
    else:
        Console().print(comparison_table(comparison))
        Console().print(comparison.sentence, highlight=False)


def give_back(arguments: argparse.Namespace) -> None:
    """The version that the champion replaced is the champion again; the reason stays as a tag."""
    print(rollback(load_params().publish.model_name, reason=arguments.reason, tracking_uri=tracking_uri()))


def set_by_hand(arguments: argparse.Namespace) -> None:
    """A version by hand, without a comparison: the way on where none can be decided."""
    print(set_champion(load_params().publish.model_name, arguments.version, tracking_uri=tracking_uri()))


def reconcile(arguments: argparse.Namespace) -> None:
    """Make a registry that was lost, or restored from an older copy, agree with DVC's files: publish and judge what lies here."""
    from flows.pipeline import PUBLISHED
    from flows.prefect_flows import finish, require_prefect  # here: Prefect takes seconds to import
    from flows.promote import promote
    from flows.publish import publish

    PUBLISHED.unlink(missing_ok=True)  # it says what another state of the registry had
    publish_again, judge = partial(finish, publish), partial(finish, promote)
    for step in (require_prefect, publish_again, judge):
        step()
    lost = versions_without_files(load_params().publish.model_name, tracking_uri=tracking_uri())
    for version in lost:
        print(f"version {version}: its files are gone; check out the commit it was made from and reconcile there, or leave it")
    print(f"agrees with dvc.lock{f', but for {len(lost)} older versions' if lost else ''}")


def back_up(arguments: argparse.Namespace) -> None:
    """A copy of MLflow's SQLite file that is whole whatever is written meanwhile."""
    print(copy_store(tracking_uri(), arguments.file))


def comparison_table(comparison: Comparison) -> Table:
    title = f"{comparison.model_name}: challenger against champion ({comparison.protocol})"
    table = Table("", "", title=title, show_header=False)
    rows = {
        "challenger": f"version {comparison.challenger}",
        "champion": f"version {comparison.champion}" if comparison.champion else "none yet: it must beat who knows nothing",
        "outcome": comparison.outcome,
    }
    if (evidence := comparison.evidence) is not None:
        nothing = {"constant": "mean of the training labels, said for all", "stays": "SpO2 that stays where it was known"}
        against = nothing.get(evidence.reference, "champion")
        rows |= {
            "judged on people that neither has seen": f"{len(evidence.people)}: {', '.join(evidence.people)}",
            "RMSE of the challenger": _or_dash(evidence.challenger_rmse, "{:.3f} % SpO2"),
            f"RMSE of the {against}": _or_dash(evidence.reference_rmse, "{:.3f} % SpO2"),
            "difference, 95 % interval over people": _interval(evidence.difference_low, evidence.difference_high),
            "better in so many resamples of people": _or_dash(evidence.probability_better, "{:.0%}"),
            "groups that would suffer": "; ".join(evidence.worse_groups) or "none",
            "reason": evidence.reason,
        }
    for name, value in rows.items():
        table.add_row(name, value)
    return table


def _interval(low: float | None, high: float | None) -> str:
    return "-" if low is None or high is None else f"{low:+.3f} to {high:+.3f}"


def _or_dash(value: float | None, form: str) -> str:
    return "-" if value is None else form.format(value)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m flows.registry", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True)
    one = commands.add_parser("compare", help=compare.__doc__)
    one.add_argument("--json", action="store_true", help="the evidence as JSON")
    one.set_defaults(run=compare)
    one = commands.add_parser("rollback", help=give_back.__doc__)
    one.add_argument("--reason", required=True, help="one sentence, kept with the version that loses the title")
    one.set_defaults(run=give_back)
    one = commands.add_parser("champion", help=set_by_hand.__doc__)
    one.add_argument("version")
    one.set_defaults(run=set_by_hand)
    one = commands.add_parser("reconcile", help=reconcile.__doc__)
    one.set_defaults(run=reconcile)
    one = commands.add_parser("backup", help=back_up.__doc__)
    one.add_argument("file", type=Path)
    one.set_defaults(run=back_up)
    arguments = parser.parse_args()
    configure_logging()
    try:
        arguments.run(arguments)
    except TastError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
