"""Reports in: each point once, whatever the order and however often."""

from tests.services.metrics_ingest.conftest import Trainer


async def test_points_come_back(trainer: Trainer) -> None:
    await trainer.losses(range(1, 11))
    await trainer.settled()
    reply = await trainer.range()
    assert reply.series[0].steps == tuple(range(1, 11))
    assert reply.series[0].values == tuple(step + 0.1 for step in range(1, 11))
    assert (await trainer.latest()).metrics["loss"].step == 10
    assert len(await trainer.export()) == 10
