"""A stack is looked at as its operators do. During a job, a delivery that fails and a dead letter every panel has data;
one trace goes through everything; what stops is told to Slack, and so is its return."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import httpx
import nats
import pytest

from ops.dashboards.boards import DASHBOARDS
from ops.dashboards.model import Panel
from tests.ops.programs import program, run
from tests.system.receivers import Receiver, SeenSpan
from tests.system.stack_under_test import StackUnderTest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

SERVICES = ("job_api", "provisioner", "metrics_ingest", "cost_guard", "validator", "notifier")
SCRAPED = {*SERVICES, "topology", "dashboard"}
SERVER, PRODUCER = 2, 4


def eventually(condition: Callable[[], Any], timeout_s: float = 120.0) -> Any:
    """What the condition gives once it is true of it."""
    deadline = time.monotonic() + timeout_s
    while not (found := condition()):
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.5)
    return found


class Watched:
    """The stack, what it sends outside, and its Prometheus. `job`: the id of one that has completed."""

    def __init__(self, stack: StackUnderTest, receiver: Receiver) -> None:
        self.stack, self.receiver, self.job = stack, receiver, ""

    def begin(self) -> None:
        self.stack.up()
        eventually(lambda: self.scraped() == SCRAPED)  # before anything happens: increases are steps
        job = self.stack.start_job()
        self.stack.wait_for(job.id, lambda found: found.status == "training")
        asyncio.run(self._publish_rubbish())
        self.stack.wait_for(job.id, lambda found: found.status == "completed")
        self.job = str(job.id)
        with self.stack.client() as client:
            client.job(job.id)

    async def _publish_rubbish(self) -> None:
        """To three durables, each of which puts it into the dead letters."""
        ports = json.loads((self.stack.data / "stack.json").read_text())["ports"]
        client = await nats.connect(f"nats://127.0.0.1:{ports['nats']}", inbox_prefix="_INBOX_job_api",
                                    user_credentials=str(self.stack.data / "nats/creds/job_api.creds"))
        await client.publish(f"job.completed.{uuid4()}", b"this is no event")
        await client.drain()

    def scraped(self) -> set[str]:
        return {row["metric"]["service"] for row in self.query('up{job="brightrun"} == 1')}

    def query(self, expr: str) -> list[dict[str, Any]]:
        """Raises AssertionError when Prometheus refuses."""
        answer = httpx.get(f"{self.address('prometheus')}/api/v1/query", params={"query": expr}, timeout=30).json()
        assert answer["status"] == "success", f"{expr}: {answer}"
        return answer["data"]["result"]

    def address(self, name: str) -> str:
        programs = json.loads((self.stack.data / "stack.json").read_text())["programs"]
        return next(f"http://127.0.0.1:{one['port']}" for one in programs if one["name"] == name)


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    program("prometheus")
    program("alertmanager", "prometheus-alertmanager")
    receiver, stack = Receiver(), StackUnderTest(tmp_path_factory.mktemp("watched") / "data")
    stack.environment |= {
        "BRIGHTRUN_MONITORING": "1", "BRIGHTRUN_ALERTS_SLACK_URL": f"{receiver.url}/operators",
        "BRIGHTRUN_SLACK_WEBHOOK_URL": f"{receiver.url}/users", "BRIGHTRUN_OTLP_ENDPOINT": receiver.url,
        "BRIGHTRUN_FIGURES_INTERVAL_S": "2",
    }
    found = Watched(stack, receiver)
    try:
        found.begin()
        yield found
    finally:
        stack.down()
        receiver.close()


def panels() -> list[Any]:
    return [pytest.param(panel, id=f"{board.name}: {panel.title}") for board in DASHBOARDS for panel in board.panels]


def test_what_happened_is_seen(watched: Watched) -> None:
    # rates need two scrapes after what they count, and recorded figures one more evaluation
    eventually(lambda: watched.query('sum(increase(brightrun_jobs_ended_total{outcome="completed"}[5m])) > 0'))
    eventually(lambda: watched.query('sum(increase(brightrun_messages_total{outcome="dead_lettered"}[5m])) > 0'))
    eventually(lambda: watched.query("brightrun:machine_late:ratio_rate6h"))


@pytest.mark.parametrize("panel", panels())
def test_every_panel_has_data(panel: Panel, watched: Watched) -> None:
    for query in panel.queries:
        expr = query.expr.replace("$__rate_interval", "1m").replace("$__range", "1h")
        found = watched.query(expr)
        assert found or panel.empty_when_healthy, f"nothing for {expr}"


def test_what_prometheus_scrapes_has_names_it_likes(watched: Watched) -> None:
    promtool = program("promtool")
    for target in json.loads((watched.stack.data / "prometheus/targets/brightrun.json").read_text()):
        text = httpx.get(f"http://{target['targets'][0]}/metrics").text
        checked = run(promtool, "check", "metrics", text=text)
        assert (checked.returncode, checked.stdout + checked.stderr) == (0, ""), target
        # A label for each inbox or each job would be a series without end.
        assert re.findall(rf'="(?:_INBOX|_R_)|{watched.job}', text) == []


def test_one_trace_goes_from_the_request_through_the_trainer(watched: Watched) -> None:
    """HTTP request, outbox and relay, the provisioner's handler and its call, and back with what the trainer tells."""
    with watched.stack.client() as client:
        events = {event["type"]: event for event in client.all_events(watched.job)}
    rows = watched.stack.query(
        "job_api", f"SELECT type, source, trace_id FROM job_events WHERE job_id = '{watched.job}'")
    # Of progress only the newest is kept until it is logged, without its trace.
    told = {row["type"]: row["trace_id"] for row in rows
            if row["source"].startswith("/trainer/") and row["type"] != "training.progressed"}
    assert {"training.started", "training.completed", "checkpoint.saved"} <= told.keys() <= events.keys()
    [trace_id] = set(told.values())
    ends = time.monotonic() + 60  # batches of spans come within seconds
    while _missing(watched.receiver.trace(trace_id)) and time.monotonic() < ends:
        time.sleep(0.5)
    spans = watched.receiver.trace(trace_id)
    assert _missing(spans) == set()
    assert [span.name for span in spans if re.match("_INBOX|_R_", span.name) or watched.job in span.name] == []
    assert [span.name for span in spans if span.kind == SERVER and span.name.startswith("POST ")]


def _missing(spans: list[SeenSpan]) -> set[tuple[str, str]]:
    wanted = {
        ("job_api", "job.start_requested publish"), ("provisioner", "job.start_requested process"),
        ("cost_guard", "job.start_requested process"), ("provisioner", "create machine"),
        ("provisioner", "pod.running publish"), ("job_api", "pod.running process"),
        ("provisioner", "podrpc.heartbeat process"), ("job_api", "training.started process"),
        ("job_api", "job training"), ("validator", "evaluation.generated process"),
        ("job_api", "job.completed publish"), ("notifier", "job.completed process"),
    }
    return wanted - {(span.service, span.name) for span in spans}


def test_every_line_about_the_job_has_its_id_and_its_trace(watched: Watched) -> None:
    """What is logged while a message or a request about a job is handled. Work by time has no trace."""
    without = []
    for service in ("job_api", "provisioner", "cost_guard", "validator", "notifier"):
        for text in (watched.stack.data / "logs" / f"{service}.log").read_text().splitlines():
            line = json.loads(text) if text.startswith("{") else {}
            names_it = watched.job in text
            if names_it and line and "job_id" not in line and "pods" not in line:  # a sweep over many
                without.append(text)
            if names_it and line.get("event_id") and not line.get("trace_id"):
                without.append(text)
    assert without == []


def test_what_stops_is_told_to_slack_and_so_is_its_return(watched: Watched) -> None:
    watched.stack.command("stack", "stop", "validator")
    fired = eventually(lambda: _about(watched.receiver, "ServiceDown", "FIRING"), 300)
    assert "validator does not answer" in json.dumps(fired)
    assert "docs/runbooks/ServiceDown.md" in json.dumps(fired)
    watched.stack.command("stack", "start", "validator")
    eventually(lambda: _about(watched.receiver, "ServiceDown", "RESOLVED"), 300)


def _about(receiver: Receiver, alert: str, state: str) -> list[dict]:
    return [message for message in receiver.alerts if re.search(rf"{state}.*{alert}", json.dumps(message))]
