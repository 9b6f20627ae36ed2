"""`make ui`: MLflow's and Prefect's pages over this project's history, on loopback, until Ctrl-C.

Ports by MLFLOW_PORT (5000) and PREFECT_PORT (4200).
"""

from __future__ import annotations

import os
import signal

from flows.servers import mlflow_page, prefect_server, until_stopped
from flows.store import ARTIFACTS, tracking_uri
from tast.params import load_params
from tast.tracking.store import experiment_page, initialise


def show(mlflow_port: int, prefect_port: int) -> None:
    initialise(tracking_uri())
    runs = experiment_page(tracking_uri(), load_params().publish.experiment)
    with mlflow_page(tracking_uri(), ARTIFACTS, mlflow_port) as mlflow_url, prefect_server(prefect_port) as prefect_url:
        print(f"MLflow   {mlflow_url}/{runs}\nPrefect  {prefect_url}\nCtrl-C stops both.", flush=True)
        signal.pause()


def main() -> None:
    mlflow_port, prefect_port = int(os.environ.get("MLFLOW_PORT", "5000")), int(os.environ.get("PREFECT_PORT", "4200"))
    until_stopped(lambda: show(mlflow_port, prefect_port))


if __name__ == "__main__":
    main()
