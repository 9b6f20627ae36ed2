"""Prefect flows, thin: one file per DVC stage, then publish, promote and the pipeline that runs them all.

The environment is settled here, before numpy, torch, Prefect or MLflow are imported: which instructions they compute with; quiet,
offline, and with their state inside the project.
"""

from __future__ import annotations

import os
from pathlib import Path

from tast import instruction_set

_ABOVE = Path(__file__).resolve().parents[1]
PROJECT = _ABOVE if (_ABOVE / "dvc.yaml").is_file() else Path.cwd()  # an installed package runs in the folder of a project
EXPERIMENTS = (".dvc", "tmp", "exps")  # where DVC copies a project to, for `dvc exp run --temp` and `--queue`
STATE = PROJECT / ".tast"  # caches, checkpoints, run history: never an output, safe to delete


def original(project: Path = PROJECT) -> Path:
    """The project's folder; of a copy that DVC made of it for an experiment, the folder that it was copied from."""
    parts = project.parts
    for at in range(len(parts)):
        if parts[at : at + len(EXPERIMENTS)] == EXPERIMENTS:
            return Path(*parts[:at])
    return project


_DEFAULTS = {
    "PREFECT_HOME": str(STATE / "prefect"),  # two clones must not share one SQLite file
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    "PREFECT_LOGGING_LEVEL": "WARNING",
    "PREFECT_LOGGING_EXTRA_LOGGERS": "tast,flows",  # our log lines show on Prefect's page
    "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",  # the library logs outside of flows too
    "PREFECT_CLI_PROMPT": "false",
    "DO_NOT_TRACK": "1",
    "DVC_NO_ANALYTICS": "1",
    "DVC_SITE_CACHE_DIR": str(STATE / "dvc"),  # it unpickles what lies there; its default may be written by every user
    "DASK_LOGGING__DISTRIBUTED": "error",  # it tells of every connection it makes
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "GIT_PYTHON_REFRESH": "quiet",
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",  # deterministic matrix products on a GPU
}
if _credentials := os.environ.get("PREFECT_SERVER_API_AUTH_STRING"):  # a server that asks for them: its clients here have them
    _DEFAULTS["PREFECT_API_AUTH_STRING"] = _credentials
if (_code := original() / "tast").is_dir() and original() != PROJECT:  # compiled there, it need not be in each experiment's copy
    _DEFAULTS["NUMBA_CACHE_DIR"] = str(_code / "__pycache__")
for _name, _value in _DEFAULTS.items():
    os.environ.setdefault(_name, _value)
instruction_set.choose(instruction_set.wanted())
Path(os.environ["PREFECT_HOME"]).mkdir(parents=True, exist_ok=True)  # Prefect makes one level only
Path(os.environ["DVC_SITE_CACHE_DIR"]).mkdir(mode=0o700, parents=True, exist_ok=True)  # what DVC makes below is open to everybody
