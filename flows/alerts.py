"""That a failed night is heard, and a missed one made up for: what `make serve` tells its Prefect server.

A run that fails, crashes or takes too long is told to TAST_WEBHOOK: a POST of {"text": ...}, which Slack, Mattermost, Teams and
ntfy take as they are. The address may hold a secret: Prefect keeps it in an encrypted block.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID

from prefect.automations import Automation
from prefect.blocks.webhook import Webhook
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.objects import StateType
from prefect.events.actions import CallWebhook
from prefect.events.schemas.automations import EventTrigger, Posture
from prefect.settings import PREFECT_API_URL, temporary_settings

log = logging.getLogger(__name__)

NAME = "tast: a run failed"
BLOCK = "tast-webhook"
FAILURES = {"prefect.flow-run.Failed", "prefect.flow-run.Crashed", "prefect.flow-run.TimedOut", "prefect.flow-run.Unavailable"}
TEXT = "{{ flow.name }} ended as {{ flow_run.state.name }}: {{ (flow_run.state.message or '')[:500] }} (run {{ flow_run.name }})"
PAYLOAD = '{"text": {% filter tojson %}' + TEXT + "{% endfilter %}}"
OVERDUE = timedelta(minutes=1)
PAGE = 200  # flow runs that Prefect's API gives at once


@contextmanager
def api_of(prefect_url: str) -> Iterator[SyncPrefectClient]:
    """A client of the server at this address."""
    with temporary_settings({PREFECT_API_URL: f"{prefect_url}/api"}), get_client(sync_client=True) as client:
        yield client


def tell_failures(prefect_url: str, webhook: str) -> None:
    """From now on the server at prefect_url posts each failed run to `webhook`, in place of where it did before."""
    with temporary_settings({PREFECT_API_URL: f"{prefect_url}/api"}):
        block_id = Webhook(url=webhook, method="POST").save(BLOCK, overwrite=True)
        with get_client(sync_client=True) as client:
            for one in client.read_automations_by_name(NAME):
                client.delete_automation(one.id)
        trigger = EventTrigger(
            expect=FAILURES, match={"prefect.resource.id": "prefect.flow-run.*"}, for_each={"prefect.resource.id"},
            posture=Posture.Reactive, threshold=1,
        )  # fmt: skip
        action = CallWebhook(block_document_id=block_id, payload=PAYLOAD)
        Automation(name=NAME, description="to TAST_WEBHOOK", trigger=trigger, actions=[action]).create()


def missed(client: SyncPrefectClient) -> set[UUID]:
    """Deployments with a scheduled run whose time went by while nobody was there to start it; those runs are taken back.

    Before anything is deployed: deploying takes back what was scheduled, missed or not.
    """
    due = datetime.now(UTC) - OVERDUE
    wanted = {"state": {"type": {"any_": [StateType.SCHEDULED]}}, "expected_start_time": {"before_": due}}
    scheduled = FlowRunFilter.model_validate(wanted)
    found: set[UUID] = set()
    while runs := client.read_flow_runs(flow_run_filter=scheduled, limit=PAGE):
        for run in runs:
            client.delete_flow_run(run.id)
            if run.deployment_id is not None:
                found.add(run.deployment_id)
    return found


def catch_up(client: SyncPrefectClient, deployments: set[UUID]) -> None:
    """One run of each, now, however often its time went by."""
    for deployment_id in deployments:
        run = client.create_flow_run_from_deployment(deployment_id, tags=["caught-up"])
        log.info("%s: its schedule was missed, run %s makes up for it", deployment_id, run.name)
