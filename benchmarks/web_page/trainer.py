"""Speaks for a trainer: about once a second the points since the last time, and behind them where the run stands."""

from __future__ import annotations

import asyncio
import math
import random
import time
from dataclasses import dataclass, field
from uuid import UUID

from nats.aio.client import Client

from contracts.envelope import new_event
from contracts.events import MetricsReported, TrainingProgressed
from contracts.events.training import TrainingEvent

STEP_S, TELL_S, TOTAL = 0.35, 1.0, 100_000


@dataclass
class Trainer:
    """`told`: newest step of a message -> when it was given to the broker, Unix seconds."""

    client: Client
    job_id: UUID
    workspace_id: UUID
    step: int = 0
    told: dict[int, float] = field(default_factory=dict)
    _waiting: list[tuple[int, float]] = field(default_factory=list)
    _sequence: int = 0

    async def run(self, seconds: float) -> None:
        noise = random.Random(1)
        end = time.monotonic() + seconds
        tell_at = time.monotonic() + TELL_S
        while time.monotonic() < end:
            await asyncio.sleep(STEP_S * noise.uniform(0.7, 1.3))
            self.step += 1
            self._waiting.append((self.step, time.time()))
            if time.monotonic() >= tell_at:
                await self.tell()
                tell_at = time.monotonic() + TELL_S

    async def tell(self) -> None:
        rows, self._waiting = self._waiting, []
        steps, times = zip(*rows, strict=True)
        values = {name: tuple(_value(name, step) for step in steps)
                  for name in ("loss", "learning_rate", "gradient_norm", "tokens_per_second", "epoch", "eta_s")}
        self.told[self.step] = time.time()
        await self._say(MetricsReported, steps=steps, times=times, values=values)
        await self._say(TrainingProgressed, step=self.step, total_steps=TOTAL, epoch=self.step / TOTAL,
                        loss=_value("loss", self.step), eta_s=3600.0)

    async def _say(self, model: type[MetricsReported] | type[TrainingEvent], **fields: object) -> None:
        self._sequence += 1
        event = new_event(model(job_id=self.job_id, workspace_id=self.workspace_id, attempt=1,  # type: ignore[arg-type]
                                sequence=self._sequence, **fields), source="/trainer/benchmark")
        await self.client.jetstream().publish(event.subject, event.to_bytes(), headers={"Nats-Msg-Id": str(event.id)})


def _value(name: str, step: int) -> float:
    return round(2 * math.exp(-step / 200) + math.sin(step) / 20, 6) if name == "loss" else float(step % 97)
