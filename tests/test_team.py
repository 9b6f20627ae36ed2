"""docs/team: settings that Prefect, MLflow and this project really have, at the versions that are pinned."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from prefect.settings import Settings
from ruamel.yaml import YAML

TEAM = Path("docs/team")
LOCK = Path("requirements.lock").read_text()


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    return dict(YAML(typ="safe").load(TEAM / "compose.yaml")["services"])


def pinned(name: str) -> str:
    found = re.search(rf"^{name}==(\S+)$", LOCK, re.MULTILINE)
    assert found, name
    return found[1]


def prefect_settings() -> set[str]:
    """Every environment variable that Prefect reads."""
    names = set()

    def collect(model: Any) -> None:
        prefix = str(model.model_config.get("env_prefix", ""))
        for name, field in model.model_fields.items():
            if hasattr(field.annotation, "model_fields"):
                collect(field.annotation)
            choices = getattr(field.validation_alias, "choices", ())
            names.update(str(choice).upper() for choice in choices)
            names.add((prefix + name).upper())

    collect(Settings)
    return names


def test_versions_are_the_pinned_ones(services: dict[str, Any]) -> None:
    assert services["prefect"]["image"] == f"prefecthq/prefect:{pinned('prefect')}-python3.11"
    assert f"mlflow=={pinned('mlflow')}" in services["mlflow"]["command"][-1]


def test_prefect_knows_every_setting(services: dict[str, Any]) -> None:
    unit = (TEAM / "tast-worker.service").read_text()
    used = {name for name in services["prefect"]["environment"] if name.startswith("PREFECT_")}
    used |= set(re.findall(r"Environment=(PREFECT_\w+)", unit))
    assert len(used) == 5
    assert used <= prefect_settings(), used - prefect_settings()


@pytest.mark.filterwarnings("ignore::UserWarning")  # importing it, MLflow warns of type hints of its own
def test_mlflow_knows_every_option(services: dict[str, Any]) -> None:
    from mlflow.cli import cli

    command = services["mlflow"]["command"][-1].partition("mlflow server")[2]
    options = {option for parameter in cli.commands["server"].params for option in (*parameter.opts, *parameter.secondary_opts)}
    used = set(re.findall(r"--[\w-]+", command))
    assert len(used) == 7 and used <= options, used - options


def test_every_value_is_in_the_example_and_nothing_listens_to_the_world(services: dict[str, Any]) -> None:
    text = (TEAM / "compose.yaml").read_text()
    asked = set(re.findall(r"\$\{(\w+)", text))
    given = set(re.findall(r"^(\w+)=", (TEAM / "example.env").read_text(), re.MULTILINE))
    assert asked == given
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert len(ports) == 4 and all(port.startswith("127.0.0.1:") for port in ports)


def test_databases_and_buckets_exist_under_the_names_that_are_used(services: dict[str, Any]) -> None:
    content = YAML(typ="safe").load(TEAM / "compose.yaml")
    assert content["configs"]["second_database"]["content"] == "CREATE DATABASE mlflow;"
    assert "@database:5432/mlflow" in services["mlflow"]["command"][-1]
    assert services["prefect"]["environment"]["PREFECT_API_DATABASE_CONNECTION_URL"].endswith("@database:5432/prefect")
    assert services["database"]["environment"]["POSTGRES_DB"] == "prefect"
    assert "tast/mlflow" in services["buckets"]["command"][0] and "s3://mlflow" in services["mlflow"]["command"][-1]


def test_the_worker_serves_the_pool_of_the_deployments() -> None:
    unit = (TEAM / "tast-worker.service").read_text()
    deployments = YAML(typ="safe").load(Path("prefect.yaml"))["deployments"]
    assert {one["work_pool"]["name"] for one in deployments} == {"{{ $TAST_POOL }}"}
    assert "Environment=TAST_POOL=tast" in unit and "worker start --pool ${TAST_POOL} --type process" in unit
    assert "--overwrite" not in unit  # the pool's limits are the team's
    assert {one["work_pool"]["job_variables"]["working_dir"] for one in deployments} == {"{{ $TAST_HOME }}"}
    assert "Environment=TAST_HOME=/srv/tast" in unit
