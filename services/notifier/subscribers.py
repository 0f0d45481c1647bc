"""What the notifier subscribes to: every event becomes deliveries, in the inbox's transaction. What it answers."""

from typing import Annotated, Any

from chassis.messaging.context import FromContext, WithClock, WithDatabase
from chassis.messaging.events import EventRouter, Tx, about
from chassis.messaging.requests import RequestRouter
from contracts.envelope import Event
from contracts.events import BudgetExceeded, BudgetThreshold, CostOverrun, JobCompleted, JobFailed, PodInterrupted
from contracts.rpc import notifications
from contracts.rpc.notifications import Preferences, PreferencesQuery, SendTest, SetPreferences, TestSent
from contracts.streams import consumer
from services.notifier.application import commands, queries
from services.notifier.settings import Settings

WithSettings = Annotated[Settings, FromContext("settings")]

events = EventRouter()
jobs = events.durable(consumer("notifier_jobs"))
pods = events.durable(consumer("notifier_pods"))
costs = events.durable(consumer("notifier_costs"))
requests = RequestRouter()


@jobs(filter=about(JobCompleted, JobFailed))
async def on_job_ended(event: Event[Any], tx: Tx, settings: WithSettings) -> None:
    await commands.announce(tx, event, settings.audience)


@pods(filter=about(PodInterrupted))
async def on_pod_interrupted(event: Event[Any], tx: Tx, settings: WithSettings) -> None:
    await commands.announce(tx, event, settings.audience)


@costs(filter=about(CostOverrun, BudgetThreshold, BudgetExceeded))
async def on_money_alert(event: Event[Any], tx: Tx, settings: WithSettings) -> None:
    await commands.announce(tx, event, settings.audience)


@requests.rpc(notifications.PREFERENCES)
async def preferences(query: PreferencesQuery, database: WithDatabase, settings: WithSettings) -> Preferences:
    return await queries.workspace_preferences(database, settings.audience, query.workspace_id)


@requests.rpc(notifications.SET_PREFERENCES)
async def set_preferences(request: SetPreferences, database: WithDatabase, settings: WithSettings) -> Preferences:
    await commands.set_preferences(database, request)
    return await queries.workspace_preferences(database, settings.audience, request.workspace_id)


@requests.rpc(notifications.SEND_TEST)
async def send_test(
    request: SendTest, database: WithDatabase, settings: WithSettings, clock: WithClock
) -> TestSent:
    return TestSent(channels=await commands.send_test(
        database, settings.audience, request.workspace_id, clock.now()))
