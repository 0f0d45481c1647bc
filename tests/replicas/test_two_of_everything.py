"""Real jobs on a stack with two replicas of each service, one of which hangs, dies, restarts or is cut off.

The clocks of the second replicas are 30 s ahead all the while. After each of it the history of the job is checked: one
machine, one bill, one notification, every event and every step once.
"""

import itertools
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from brightrun.models import Job
from stack.nats_permissions import SERVICES
from tests.fixtures.partition import Partition
from tests.replicas.load import Load, Watcher
from tests.replicas.two_of_each import Stopped, TwoOfEach
from tests.system import history

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

# About a minute of training on a busy machine.
LONG = {"num_epochs": 5}
Faults = list[tuple[str, Callable[[Partition], AbstractContextManager[None]], float]]


@pytest.fixture(scope="module")
def system() -> Iterator[TwoOfEach]:
    folder = Path(tempfile.mkdtemp(prefix="brightrun-two-"))
    made = TwoOfEach(folder)
    try:
        made.up()
        yield made
    finally:
        made.down()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(autouse=True)
def well(system: TwoOfEach) -> Iterator[None]:
    """Every replica is ready before a test, and nobody stays stopped after it."""
    system.until(system.all_ready, "not everything is ready", 120)
    yield
    system.wake()
    system.nats.whole()
    system.postgres.whole()


def start(system: TwoOfEach) -> Job:
    return system.start_job(preset="balanced", hyperparameters=LONG)


def nothing_twice(system: TwoOfEach, job: Job) -> dict[str, Any]:
    system.wait_for(job.id, lambda found: found.status == "completed", timeout_s=400)
    figures = history.check(system, job.id)
    assert figures["attempts"] == 1, "the machine had no part in it"
    assert figures["recoveries"] == 0
    for service in SERVICES:
        doubled = system.query(service, (
            "SELECT subject, event::jsonb->>'type' AS type, count(*) AS n FROM outbox "
            "WHERE event::jsonb->>'type' ~ '(started|completed|failed|requested|running|terminated|created)' "
            f"AND subject LIKE '%{job.id}' GROUP BY 1, 2 HAVING count(*) > 1"))
        assert doubled == [], f"{service} said it twice"
    bills = system.query("cost_guard", f"SELECT attempt FROM billing_intervals WHERE job_id = '{job.id}'")
    assert len(bills) == 1
    return figures


def test_replicas_that_hang_with_a_duty_are_relieved_and_come_back_too_late(system: TwoOfEach) -> None:
    """In the middle of a relay's batch, of a pod's lease, of a tick of the meter."""
    meter = system.holder("cost_guard", "meter")
    system.arm("create.provisioner", "meter.cost_guard")
    job = start(system)
    system.arm("relay.job_api")  # not before: whoever starts the job waits for this process to answer
    running = f"SELECT 1 FROM pods WHERE job_id = '{job.id}' AND running_since IS NOT NULL"
    unpublished = "SELECT count(*) AS n FROM outbox WHERE published_at IS NULL"
    hanging = system.relieved({
        "create.provisioner": lambda _: system.query("provisioner", running),
        "meter.cost_guard": lambda _: system.holder("cost_guard", "meter") not in ("", meter),
        "relay.job_api": lambda _: system.query("job_api", unpublished)[0]["n"] == 0,
    })
    assert not any(system.is_awake(one.pid) for one in hanging)
    system.wake()
    nothing_twice(system, job)


def test_replicas_that_hang_in_a_handler_are_relieved_and_come_back_too_late(system: TwoOfEach) -> None:
    """One of each service that hears of a start, each in an open transaction; and one with a batch of metrics."""
    handlers = {f"handler.{service}": handled(system, service) for service in ("job_api", "provisioner", "cost_guard")}
    system.arm(*handlers, "batch.metrics_ingest")
    job = start(system)
    # After so long a batch was delivered again.
    hanging = system.relieved(handlers | {"batch.metrics_ingest": lambda one: time.time() - one.at > 18})
    assert not any(system.is_awake(one.pid) for one in hanging)
    system.wake()
    nothing_twice(system, job)


def handled(system: TwoOfEach, service: str) -> Callable[[Stopped], Any]:
    """Whether the event at which a replica stopped is in the inbox."""
    return lambda one: system.query(service, (
        f"SELECT 1 FROM inbox WHERE consumer = '{one.about['consumer']}' AND event_id = '{one.about['event_id']}'"))


def test_replicas_are_killed_one_after_the_other(system: TwoOfEach) -> None:
    """Every two seconds or so another one, the first and the second of each in turns."""
    job = start(system)
    for service, number in itertools.cycle(itertools.product(SERVICES, (1, 2))):
        if system.query("job_api", f"SELECT 1 FROM training_jobs WHERE id = '{job.id}' AND status = 'completed'"):
            break
        system.kill_replica(f"{service}-{number}")
        time.sleep(1)
    nothing_twice(system, job)


def test_a_rolling_restart_fails_no_request(system: TwoOfEach) -> None:
    """Also of the service that job_api asks; whoever watches a job misses nothing."""
    job = start(system)
    with system.client() as client:
        file_id = str(client.job(job.id).training_file_id)
    watcher, load = Watcher(system, job), Load(system, job, file_id)
    with load.running():
        for service in ("job_api", "cost_guard"):
            system.command("stack", "restart", service)
    assert load.failures == []
    print(f"rolling restarts under load: {load.answers}, {load.created} created", flush=True)
    assert load.answers["close"] > 0, "no connection was handed over"
    assert load.created > 0
    nothing_twice(system, job)
    watcher.join()
    with system.client() as client:
        log = list(client.all_events(job.id))
    assert watcher.seen == [str(event["id"]) for event in log[: len(watcher.seen)]]
    (end,) = [str(event["id"]) for event in log if event["type"] == "training.completed"]
    assert end in watcher.seen


SHORT: Faults = [
    ("cut", lambda link: link.cut(), 5.0),
    ("slow", lambda link: link.slow(0.3), 5.0),
    ("silent", lambda link: link.silent(), 20.0),
    ("half open", lambda link: link.silent(there=False), 5.0),
]
LONG_ONES: Faults = [(name, fault, 120.0) for name, fault, _ in SHORT]


def through(system: TwoOfEach, link: Partition, faults: Faults) -> None:
    job = start(system)
    for name, fault, seconds in faults:
        with fault(link):
            time.sleep(seconds)
        healed = time.monotonic()
        system.until(system.all_ready, f"not ready again after {name}", 120)
        print(f"well again after {seconds:.0f} s {name}: {time.monotonic() - healed:.1f} s", flush=True)
    nothing_twice(system, job)


@pytest.mark.parametrize("server", ["nats", "postgres"])
def test_one_replica_of_each_is_cut_off(system: TwoOfEach, server: str) -> None:
    through(system, getattr(system, server), SHORT)


@pytest.mark.fuzz
@pytest.mark.parametrize("server", ["nats", "postgres"])
def test_one_replica_of_each_is_cut_off_for_minutes(system: TwoOfEach, server: str) -> None:
    through(system, getattr(system, server), LONG_ONES)
