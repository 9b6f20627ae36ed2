"""MLflow as a projection of files: publish what DVC made, compare it with the champion, promote it or roll back.

Nothing here is state of its own. A run is known by its key, the hash of what went into its stages as dvc.lock has it, so that
publishing twice changes nothing, and publishing into an empty database brings everything back. The store is always named by the
caller. The only room of tast that imports mlflow.
"""

from __future__ import annotations

from tast.tracking.lock import Fold, code_files, fold_of, output_digest, require_output, run_params, stage_key
from tast.tracking.projection import Publication, Published, publish
from tast.tracking.registry import Comparison, champion_files, compare, model_files, promote, rollback, set_champion
from tast.tracking.store import initialise

__all__ = [
    "Comparison",
    "Fold",
    "Publication",
    "Published",
    "champion_files",
    "code_files",
    "compare",
    "fold_of",
    "initialise",
    "model_files",
    "output_digest",
    "promote",
    "publish",
    "require_output",
    "rollback",
    "run_params",
    "set_champion",
    "stage_key",
]
