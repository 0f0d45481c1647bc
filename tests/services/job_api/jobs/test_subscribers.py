"""The event handlers over FastStream's in-memory broker: no server, no database."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock, MagicMock

import pytest
from faststream.nats import NatsBroker, TestNatsBroker

from chassis.messaging.retry import Permanent
from contracts.envelope import Event
from contracts.events import ArtifactFile, TrainingCompleted
from contracts.registry import by_type, parse_event
from contracts.streams import consumers_of
from services.job_api.jobs import subscribers
from services.job_api.settings import Settings

EXAMPLES = Path(__file__).parents[4] / "contracts" / "examples"
HEARD = {event.event_type() for consumer in consumers_of("job_api") for event in consumer.events}


def examples() -> list[Any]:
    found = [(path.stem, parse_event(path.read_bytes())) for path in sorted(EXAMPLES.glob("*.json"))]
    return [pytest.param(event, id=name) for name, event in found if event.type in HEARD]


def broker_with(tx: Any) -> NatsBroker:
    broker = NatsBroker(serializer=None, logger=None)
    broker.include_router(subscribers.events.copy())
    broker.context.set_global("tx", tx)
    broker.context.set_global("settings", Settings(database_url="x"))
    return broker


def database_without_jobs() -> Any:
    """A transaction whose every statement finds nothing."""
    found = MagicMock()
    found.mappings.return_value.one_or_none.return_value = None
    return MagicMock(execute=AsyncMock(return_value=found))


async def deliver(event: Event[Any], tx: Any) -> None:
    async with TestNatsBroker(broker_with(tx)) as broker:
        await broker.publish(event.to_bytes(), event.subject, stream=by_type()[event.type].stream)


def test_there_is_an_example_of_every_event_that_is_heard() -> None:
    assert {example.values[0].type for example in examples()} == HEARD


@pytest.mark.parametrize("event", examples())
async def test_every_event_has_a_handler_that_looks_for_its_job(event) -> None:
    tx = database_without_jobs()
    with pytest.raises(Permanent, match=str(event.data.job_id)):
        await deliver(event, tx)
    asked = [call.args[1] for call in tx.execute.call_args_list if len(call.args) > 1]
    assert asked[0] == {"b_job_id": event.data.job_id, "b_workspace_id": event.data.workspace_id}


@pytest.mark.parametrize("names", [(), ("training_metrics.json",), ("adapter_config.json", "README.md")])
async def test_a_completed_run_without_an_adapter_is_refused_before_anything_is_read(names) -> None:
    event = parse_event((EXAMPLES / "training.completed.json").read_bytes())
    files = tuple(ArtifactFile(path=name, key=name, size_bytes=1, sha256="0") for name in names)
    bare = event.data.model_copy(update={"artifacts": files})
    assert isinstance(bare, TrainingCompleted)
    tx = database_without_jobs()
    with pytest.raises(Permanent, match="without an adapter"):
        await deliver(event.model_copy(update={"data": bare}), tx)
    tx.execute.assert_not_called()
