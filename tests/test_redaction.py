"""Secrets are in no error line, no log record, no traceback, no parameter of a run and no list of processes."""

from __future__ import annotations

import logging
import os
import pickle
import subprocess
import sys

import pytest
from mlflow.entities import Param
from mlflow.tracking import MlflowClient

from tast.errors import BadInput, TastError, VideoRejected
from tast.redaction import hide_secrets_in_logs, without_secrets
from tast.tracking.store import log_values
from tests.tracking.conftest import store_in

CANARY = "canary-5d41402a"


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", CANARY)
    monkeypatch.setenv("PREFECT_API_AUTH_STRING", f"user:{CANARY}-of-prefect")
    monkeypatch.setenv(
        "PREFECT_API_DATABASE_CONNECTION_URL", f"postgresql+asyncpg://tast:{CANARY}-of-the-database@db:5432/prefect"
    )
    monkeypatch.setenv("SHORT_TOKEN", "a")
    monkeypatch.setenv("USERNAME", "somebody-else")


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("http://user:pass@host:5000/x", "http://***@host:5000/x"),
        ("http://token@host, postgresql+psycopg2://a:b@c/d", "http://***@host, postgresql+psycopg2://***@c/d"),
        ("s3://bucket/a@b and a mail to a@b.org", "s3://bucket/a@b and a mail to a@b.org"),
        ("https://h/f?X-Amz-Signature=12ab&part=3&token=x", "https://h/f?X-Amz-Signature=***&part=3&token=***"),
        (f"the password {CANARY}!", "the password ***!"),
        (f"user:{CANARY}-of-prefect", "***"),
        (f"only {CANARY}-of-prefect", "only ***"),
        (f"{CANARY}-of-the-database", "***"),
        ("a short one stays, as does somebody-else", "a short one stays, as does somebody-else"),
    ],
)
def test_what_is_hidden_and_what_is_not(secrets, said, left):
    assert without_secrets(said) == left


def test_errors_have_none_whatever_they_are_made_of(secrets):
    errors = [
        TastError(f"MLflow at http://u:p@host: {CANARY}"), BadInput(f"s3://u:{CANARY}@h/x", "gone", CANARY),
        VideoRejected("a", f"no {CANARY}"),
    ]  # fmt: skip
    for error in errors:
        assert CANARY not in str(error) and "***" in str(error)
        assert str(pickle.loads(pickle.dumps(error))) == str(error)  # as they cross a border of processes


def test_log_records_and_tracebacks_have_none(secrets, caplog):
    before = logging.getLogRecordFactory()
    hide_secrets_in_logs()
    try:
        hide_secrets_in_logs()
        log = logging.getLogger("somebody.elses")
        log.warning("asked %s", f"http://u:{CANARY}@host")
        log.warning(f"100 % of {CANARY}")
        try:
            raise ValueError(f"with {CANARY}")
        except ValueError:
            log.exception("failed")
    finally:
        logging.setLogRecordFactory(before)
    assert CANARY not in caplog.text
    assert "asked http://***@host" in caplog.text and "100 % of ***" in caplog.text and "ValueError: with ***" in caplog.text


def test_parameters_of_a_run_have_none(secrets, empty_database, tmp_path):
    store = store_in(tmp_path, empty_database)
    client = MlflowClient(store.tracking_uri)
    run = client.create_run(client.create_experiment("x"))
    log_values(client, run.info.run_id, [], [Param("dataset.root", f"https://u:{CANARY}@host/PURE.zip"), Param("a", "1")])
    assert client.get_run(run.info.run_id).data.params == {"dataset.root": "https://***@host/PURE.zip", "a": "1"}


@pytest.mark.parametrize(
    ("program", "variable", "url"),
    [
        (["-m", "tast", "doctor"], "MLFLOW_TRACKING_URI", "http://user:{}@127.0.0.1:9"),
        (["-m", "flows.registry", "champion", "1"], "MLFLOW_TRACKING_URI", "postgresql://user:{}@127.0.0.1:9/x"),
        (["-m", "flows.registry", "champion", "1"], "MLFLOW_TRACKING_URI", "http://user:{}@127.0.0.1:9"),
        (["-m", "flows.registry", "champion", "1"], "MLFLOW_TRACKING_URI", "nosuch://user:{}@127.0.0.1:9"),
    ],
)
def test_programs_that_fail_on_an_address_do_not_tell_its_password(program, variable, url):
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "MLFLOW_"))}
    environment |= {variable: url.format(CANARY), "AWS_SECRET_ACCESS_KEY": f"{CANARY}-of-aws"}
    done = subprocess.run([sys.executable, *program], env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 1
    assert CANARY not in done.stdout + done.stderr
    if program[1] != "tast":
        assert "Traceback" not in done.stderr and "error: " in done.stderr
