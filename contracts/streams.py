"""The topology of the broker as data: every stream and every durable consumer with its limits."""

from dataclasses import dataclass, field

from contracts.envelope import EventData
from contracts.registry import EVENTS

DAY_S = 24 * 3600
DEAD_LETTER_STREAM = "DLQ"
DEAD_LETTER_PREFIX = "dlq"

# Delays after the first, second, ... failure of one message; used up, the message is dead-lettered.
_RETRIES = (0.5, 2.0, 5.0, 15.0, 60.0)


@dataclass(frozen=True)
class StreamSpec:
    name: str
    subjects: tuple[str, ...]
    description: str
    max_age_s: int = 14 * DAY_S
    max_bytes: int = 2 * 1024**3
    max_msgs: int = -1
    # Servers advise against large windows; the consumers' inbox covers what comes later.
    duplicate_window_s: int = 120
    storage: str = "file"
    replicas: int = 1
    max_msg_size: int = 1024**2
    # One job's share of a stream; -1: no limit.
    max_msgs_per_subject: int = -1
    # A full stream refuses what is new (an outbox keeps it and tries again) instead of dropping what is old.
    refuse_new: bool = True


@dataclass(frozen=True)
class ConsumerSpec:
    durable: str
    service: str
    stream: str
    events: tuple[type[EventData], ...]
    # A replica that hangs gives its messages back after so long; one that works says so three times as often.
    ack_wait_s: float = 20.0
    retry_delays_s: tuple[float, ...] = _RETRIES
    max_ack_pending: int = 256
    batch_size: int = 32
    # Messages of different jobs that are handled at a time.
    concurrency: int = 8
    deliver_policy: str = "all"
    # So many dead letters in a row, of many jobs and without a success in between, mean that the consumer is broken:
    # it pauses.
    dead_letter_limit: int = 20
    # Empty: one filter per event. Never `*.>`: a durable receives only what its table row says.
    filter_subjects: tuple[str, ...] = field(default=())
    # The durable that took these messages when they lay in another stream: what it had done is not done again.
    heir_of: str = ""

    @property
    def inbox(self) -> str:
        """The name under which the inbox knows what was done."""
        return self.heir_of or self.durable

    def filters(self) -> tuple[str, ...]:
        return self.filter_subjects or tuple(sorted(event.subject_filter() for event in self.events))


STREAMS: tuple[StreamSpec, ...] = (
    StreamSpec("JOBS", ("job.>",), "What job_api decided about jobs"),
    # Pods publish to the next five. One job can hold an eighth of such a stream at most (`share_of_a_job`):
    # what it floods pushes out its own oldest messages, never those of others, and nobody's are refused.
    StreamSpec(
        "PODS", ("pod.>",), "The life of the machines",
        max_msg_size=64 * 1024, max_msgs_per_subject=1_000, refuse_new=False,
    ),
    StreamSpec(
        "TRAINING", ("training.>", "checkpoint.>"), "What trainers report",
        max_msg_size=64 * 1024, max_msgs_per_subject=448, refuse_new=False,
    ),
    StreamSpec(
        "EVALUATIONS", ("evaluation.>",), "What base and trained model make of the hold-out",
        # 50,000 conversations; said once by each attempt that came to its end.
        max_msg_size=8 * 1024**2, max_msgs_per_subject=8, refuse_new=False,
    ),
    StreamSpec(
        "METRICS", ("metrics.>",), "Training metrics in batches", max_age_s=3 * DAY_S, max_bytes=8 * 1024**3,
        # A trainer reports once a second: four and a half hours.
        max_msg_size=64 * 1024, max_msgs_per_subject=16_384, refuse_new=False,
    ),
    StreamSpec(
        "LOGS", ("log.>",), "What trainers print, in batches", max_age_s=3 * DAY_S,
        # A batch every two seconds at most: two hours and a quarter.
        max_msg_size=64 * 1024, max_msgs_per_subject=4_096, refuse_new=False,
    ),
    StreamSpec("COSTS", ("cost.>", "budget.>"), "Money"),
    StreamSpec("VALIDATION", ("validation.>",), "Verdicts about trained models"),
    StreamSpec(
        DEAD_LETTER_STREAM, (f"{DEAD_LETTER_PREFIX}.>",), "Messages that no consumer could take", max_age_s=90 * DAY_S,
        # Of one job's junk so many of each kind: a twelfth of the stream, even where every message is a large one.
        max_msgs_per_subject=160,
    ),
)


def stream_named(name: str) -> StreamSpec:
    return next(spec for spec in STREAMS if spec.name == name)


def _consumer(service: str, stream: str, **limits: object) -> ConsumerSpec:
    """The durable `<service>_<stream>`: all that the service subscribes to in this stream, as the registry says."""
    models = tuple(spec.model for spec in EVENTS if spec.stream == stream and service in spec.consumers)
    return ConsumerSpec(durable=f"{service}_{stream.lower()}", service=service, stream=stream, events=models, **limits)  # type: ignore[arg-type]


CONSUMERS: tuple[ConsumerSpec, ...] = (
    _consumer("job_api", "PODS"),
    # A hundred trainers say 50 messages a second; one waits some tenths of a second for a database that is busy.
    _consumer("job_api", "TRAINING", concurrency=16),
    # Few at a time: these are the large ones.
    _consumer("job_api", "EVALUATIONS", heir_of="job_api_training", batch_size=4),
    _consumer("job_api", "COSTS"),
    _consumer("job_api", "VALIDATION"),
    _consumer("provisioner", "JOBS"),
    _consumer("provisioner", "PODS"),
    _consumer("provisioner", "TRAINING"),
    _consumer(
        "metrics_ingest", "METRICS", ack_wait_s=15.0, batch_size=500, max_ack_pending=5000, dead_letter_limit=2000
    ),
    _consumer("metrics_ingest", "LOGS"),
    _consumer("metrics_ingest", "JOBS"),
    _consumer("cost_guard", "JOBS"),
    _consumer("cost_guard", "PODS"),
    _consumer("validator", "EVALUATIONS", heir_of="validator_training", batch_size=4),
    _consumer("notifier", "JOBS"),
    _consumer("notifier", "PODS"),
    _consumer("notifier", "COSTS"),
)


@dataclass(frozen=True)
class Move:
    """Subjects that an older version kept in the stream `source` and that `target` takes now."""

    subjects: str
    source: str
    target: str


@dataclass(frozen=True)
class RetiredConsumer:
    """A durable of an older version."""

    stream: str
    durable: str


MOVES: tuple[Move, ...] = (Move("evaluation.>", "TRAINING", "EVALUATIONS"),)
RETIRED: tuple[RetiredConsumer, ...] = (RetiredConsumer("TRAINING", "validator_training"),)


def consumer(durable: str) -> ConsumerSpec:
    return next(spec for spec in CONSUMERS if spec.durable == durable)


def consumers_of(service: str) -> tuple[ConsumerSpec, ...]:
    return tuple(spec for spec in CONSUMERS if spec.service == service)


def stream_of(subject: str) -> str | None:
    """The stream that takes a subject; None when no stream does."""
    entity = subject.partition(".")[0]
    return next((spec.name for spec in STREAMS if f"{entity}.>" in spec.subjects), None)
