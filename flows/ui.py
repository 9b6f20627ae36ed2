"""`make ui`: MLflow's and Prefect's pages over this project's history, on loopback, until Ctrl-C.

Ports by MLFLOW_PORT (5000) and PREFECT_PORT (4200).
"""

from __future__ import annotations

import os
import signal
import sys

from flows.publish import ARTIFACTS, tracking_uri
from flows.servers import mlflow_page, prefect_server
from tast.errors import TastError
from tast.tracking import initialise


def main() -> None:
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # stop cleanly on TERM as on Ctrl-C
    mlflow_port, prefect_port = int(os.environ.get("MLFLOW_PORT", "5000")), int(os.environ.get("PREFECT_PORT", "4200"))
    try:
        initialise(tracking_uri())
        with mlflow_page(tracking_uri(), ARTIFACTS, mlflow_port) as mlflow_url, prefect_server(prefect_port) as prefect_url:
            print(f"MLflow   {mlflow_url}\nPrefect  {prefect_url}\nCtrl-C stops both.", flush=True)
            signal.pause()
    except KeyboardInterrupt:
        print("stopped")
    except TastError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
