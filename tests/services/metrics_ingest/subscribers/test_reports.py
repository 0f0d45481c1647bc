"""A batch of messages is not decoded all at once: 256 KB of JSON can hold 120,000 points."""

from collections.abc import Sequence
from typing import Any

from chassis.messaging.raw_batches import DONE, Verdict
from chassis.messaging.raw_message import RawMessage
from contracts.envelope import new_event
from contracts.events import MetricsReported
from contracts.identifiers import uuid7
from services.metrics_ingest.domain.reports import Report
from services.metrics_ingest.domain.stored import Stored
from services.metrics_ingest.subscribers.reports import ReportBatches

POINTS = 1_000


class CountedMessage:
    """A RawMessage that counts how many were looked into."""

    opened = 0

    def __init__(self, data: MetricsReported) -> None:
        self.subject, self._payload = data.subject(), new_event(data, source="/trainer").to_bytes()

    @property
    def data(self) -> bytes:
        CountedMessage.opened += 1
        return self._payload


def messages(count: int) -> list[Any]:
    data = MetricsReported(
        job_id=uuid7(), workspace_id=uuid7(), attempt=1, steps=tuple(range(POINTS)), times=(1.0,) * POINTS,
        values={"loss": (0.5,) * POINTS},
    )  # fmt: skip
    return [CountedMessage(data) for _ in range(count)]


class Transactions:
    """Stands for the use case: notes how many messages had been opened when each transaction began."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.opened: list[int] = []

    async def __call__(self, reports: Sequence[Report]) -> Stored:
        self.sizes.append(len(reports))
        self.opened.append(CountedMessage.opened)
        return Stored()


async def test_messages_are_decoded_when_their_transaction_comes() -> None:
    CountedMessage.opened, store = 0, Transactions()
    outcomes = await ReportBatches(store, points_per_transaction=3 * POINTS).take(messages(20))
    assert store.sizes == [3, 3, 3, 3, 3, 3, 2]
    assert store.opened == [4, 7, 10, 13, 16, 19, 20]  # one ahead: that it does not fit is known when it is decoded
    assert outcomes == [DONE] * 20


async def test_a_bad_message_between_good_ones_is_dead_alone() -> None:
    batch = messages(5)
    batch[2] = RawMessage(batch[2].subject, b"{ no json", "METRICS", 2, 1)
    outcomes = await ReportBatches(Transactions(), points_per_transaction=2 * POINTS).take(batch)
    assert [outcome.verdict for outcome in outcomes] == [Verdict.DONE] * 2 + [Verdict.DEAD] + [Verdict.DONE] * 2
