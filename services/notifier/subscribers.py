"""What the notifier subscribes to: every event becomes deliveries, in the inbox's transaction."""

from typing import Annotated, Any

from chassis.messaging.context import FromContext
from chassis.messaging.events import EventRouter, Tx, about
from contracts.envelope import Event
from contracts.events import BudgetExceeded, BudgetThreshold, CostOverrun, JobCompleted, JobFailed, PodInterrupted
from contracts.streams import consumer
from services.notifier.application import commands
from services.notifier.settings import Settings

WithSettings = Annotated[Settings, FromContext("settings")]

events = EventRouter()
jobs = events.durable(consumer("notifier_jobs"))
pods = events.durable(consumer("notifier_pods"))
costs = events.durable(consumer("notifier_costs"))


@jobs(filter=about(JobCompleted, JobFailed))
async def on_job_ended(event: Event[Any], tx: Tx, settings: WithSettings) -> None:
    await commands.announce(tx, event, settings.audience)


@pods(filter=about(PodInterrupted))
async def on_pod_interrupted(event: Event[Any], tx: Tx, settings: WithSettings) -> None:
    await commands.announce(tx, event, settings.audience)


@costs(filter=about(CostOverrun, BudgetThreshold, BudgetExceeded))
async def on_money_alert(event: Event[Any], tx: Tx, settings: WithSettings) -> None:
    await commands.announce(tx, event, settings.audience)
