"""MLflow as a projection of files: publish what DVC made, compare it with the champion, promote it or roll back.

Nothing here is state of its own. A run is known by its key, the hash of what went into its stages as dvc.lock has it, so that
publishing twice changes nothing, and publishing into an empty database brings everything back. The store is always named by the
caller. The only room of tast that imports mlflow.
"""

from __future__ import annotations

SAVED_MODEL = "saved_model"  # the artifact of a registered version that holds weights and card
