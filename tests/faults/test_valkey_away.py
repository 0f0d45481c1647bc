"""F10: a metrics_ingest that never met its Valkey stores and answers all the same."""

from __future__ import annotations

from typing import Any

from stack.parts import free_port
from tests.fixtures.services import SettingsFactory
from tests.services.metrics_ingest.conftest import Trainer, caller  # noqa: F401
from tests.services.metrics_ingest.test_trouble import running


async def test_without_it_from_the_start_everything_is_there_only_slower(
    empty_database: str, settings_for: SettingsFactory, topology: Any, caller: Any, jetstream: Any  # noqa: F811
) -> None:
    trainer = Trainer(caller, jetstream)
    nobody = f"redis://127.0.0.1:{free_port()}"
    async with running(**settings_for("metrics_ingest", database_url=empty_database, redis_url=nobody)) as runtime:
        await trainer.losses(range(100))
        await trainer.settled()
        assert (await trainer.range()).series[0].steps == tuple(range(100))
        assert (await trainer.latest()).metrics["loss"].step == 99
        ready, document = await runtime.health.ready()
        assert ready, "it is told where operators look, and no reason to take the service out"
        assert document["checks"]["redis"]["status"] != "ok"
        assert await trainer.dead_lettered() == []
