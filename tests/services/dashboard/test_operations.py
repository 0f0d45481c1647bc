"""Operations: what operators see of the whole installation, dead letters and their replay."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from html import escape
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from brightrun.client import Client
from brightrun.errors import Unreachable
from contracts.rpc import pods
from services.dashboard.operations_view import arranged
from services.job_api.edge.auth import Role
from tests.services.dashboard.conftest import Browser, serving
from tests.services.dashboard.test_headers import FORBIDDEN
from tests.services.job_api.conftest import Api
from tests.services.job_api.operations.neighbours import answering_health, provisioner
from tests.services.job_api.waiting import eventually

HOSTILE = '<script>alert("x")</script><img src=x onerror=alert(1)>'
LETTERS = "/operations/dead-letters"


@pytest_asyncio.fixture(scope="module")
async def rented(installation: Api) -> AsyncIterator[dict[str, Any]]:
    """The job of the machine that is rented while all services answer."""
    job = await installation.running_job(name="Rented " + HOSTILE)
    async with answering_health(installation), provisioner(installation, machine(job, installation)):
        yield job


@pytest_asyncio.fixture
async def operator(installation: Api, dashboard: str, rented: dict[str, Any]) -> AsyncIterator[Browser]:
    """The one who runs the installation, which has no dead letters yet."""
    await installation.jetstream.purge_stream("DLQ")
    found = await Browser(dashboard).sign_in(installation.credentials["api_key"])
    yield found
    await found.http.aclose()


async def dead_letter(api: Api, data: bytes = b"{}", subject: str = "job.completed.x", **headers: str) -> int:
    """Its sequence."""
    told = {"x-error": "no such job", "x-error-type": "Refused", "x-consumer": "some_consumer", "x-deliveries": "6"}
    found = await api.jetstream.publish(f"dlq.{subject}", data, headers=told | headers)
    return found.seq


def machine(job: dict[str, Any], api: Api) -> pods.Machine:
    return pods.Machine(
        job_id=job["id"], workspace_id=api.workspace_id, attempt=1, provider="fake", gpu_type="local",
        pricing_tier="spot", running_since=datetime.now(UTC) - timedelta(hours=2), rate_micro_usd_per_hour=500_000)


async def test_everything_at_a_glance(installation, operator, rented) -> None:
    await dead_letter(installation)
    answer = await operator.get("/operations")
    assert answer.status_code == 200
    page = answer.text
    for words in ("not as expected", "paused at", "1 min 02 s", "of at most 30 s", "3 events wait", "published within",
                  "docs/runbooks/OutboxOld.md", "job_api_training", "of at most 1,000", "some_consumer", "no such job",
                  "$0.50 per hour", "$1.00", installation.credentials["email"], "$0.25", "in the last 30 days",
                  "Replay all 1", "</strong> per hour for 1 machine", "metrics_ingest",
                  "Expected", f'href="/jobs/{rented["id"]}"', "&lt;script&gt;alert"):
        assert words in page, words
    assert page.index("3 events wait") < page.index("1 message<")  # the worst first
    assert "Open Grafana" not in page
    assert "u:pw" not in page
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert FORBIDDEN.findall(page.replace(escape(HOSTILE, quote=False).replace('"', "&#34;"), "")) == []


async def test_a_refresh_brings_the_parts_alone(operator) -> None:
    part = await operator.get("/operations/now", headers={"hx-request": "true"})
    assert part.status_code == 200
    assert "<html" not in part.text
    assert 'id="findings"' in part.text
    assert "form_token" not in part.text  # a row that changes each time would be replaced under the reader's hands
    anew = await operator.get("/operations/now?shown=false", headers={"hx-request": "true"})
    assert (anew.headers["hx-refresh"], anew.text) == ("true", "")


async def test_an_api_that_is_away_hides_nothing_that_is_shown(operator, monkeypatch) -> None:
    def away(*_: object) -> None:
        raise Unreachable("the API does not answer", "")

    monkeypatch.setattr(Client, "operations", away)
    page = await operator.get("/operations")
    assert page.status_code == 503
    assert "The state of the installation cannot be shown just now." in page.text
    assert "shown=false" in page.text
    part = await operator.get("/operations/now")
    assert part.status_code == 200
    assert "Not refreshed." in part.text
    assert 'id="findings"' not in part.text


async def test_a_machine_without_a_price_costs_nothing_that_is_known(operator, monkeypatch) -> None:
    asked = Client.operations

    def priceless(client: Client) -> dict[str, Any]:
        found = asked(client)
        for one in found["machines"]["data"]:
            one |= {"rate_micro_usd_per_hour": None, "cost_micro_usd": None}
        return found

    monkeypatch.setattr(Client, "operations", priceless)
    page = (await operator.get("/operations")).text
    assert "1 machine without a known price." in page
    assert "per hour" not in page


async def test_grafana_is_linked_where_it_is_told_of(installation) -> None:
    async with serving(api_url=installation.url, grafana_url="https://grafana.example.com/d") as url:
        browser = await Browser(url).sign_in(installation.credentials["api_key"])
        assert 'href="https://grafana.example.com/d"' in (await browser.get("/operations")).text


async def test_it_is_for_operators_alone(api, browser, installation, dashboard, operator) -> None:
    sequence = await dead_letter(installation)
    owner = await installation.member(Role.OWNER)
    other = await Browser(dashboard).sign_in(owner.headers["authorization"].removeprefix("Bearer "))
    for who in (browser, other):
        assert 'href="/operations"' not in (await who.get("/jobs")).text
        for path in ("/operations", "/operations/now"):
            answer = await who.get(path)
            assert answer.status_code == 403
            assert "Not allowed" in answer.text
    for path in ("", "/message", "/download"):
        assert "no such job" not in (await browser.get(f"{LETTERS}/{sequence}{path}")).text
    answer = await browser.send(f"{LETTERS}/{sequence}/replay", page="/jobs")
    assert answer.status_code in (403, 404)
    assert "some_consumer" in (await operator.get(f"{LETTERS}/{sequence}")).text
    assert 'href="/operations"' in (await operator.get("/jobs")).text


async def test_a_dead_letter_is_read(installation, operator) -> None:
    data = json.dumps({"data": {"text": HOSTILE, "b": 1}}).encode()
    sequence = await dead_letter(installation, data, **{"x-error": HOSTILE, "x-error-type": "ValidationError"})
    for path in ("/operations", LETTERS, f"{LETTERS}/{sequence}", f"{LETTERS}/{sequence}/message"):
        page = (await operator.get(path)).text
        assert "&lt;script&gt;alert" in page, path
        assert "<script>alert" not in page
        assert "<img src=x" not in page
    page = (await operator.get(f"{LETTERS}/{sequence}")).text
    for words in ("ValidationError", "some_consumer", "job.completed.x", "Send this message again to some_consumer?"):
        assert words in page, words
    download = await operator.get(f"{LETTERS}/{sequence}/download")
    assert download.json() == json.loads(data)
    assert download.headers["content-disposition"] == f'attachment; filename="dead-letter-{sequence}.json"'
    for missing in (sequence + 1, "x"):
        assert (await operator.get(f"{LETTERS}/{missing}")).status_code == 404
    assert "cannot be shown" in (await operator.get(f"{LETTERS}/{sequence + 1}/message")).text


async def test_of_a_large_message_the_beginning_is_shown_and_all_is_downloaded(installation, operator) -> None:
    sequence = await dead_letter(installation, b"x" * 100_000)
    page = (await operator.get(f"{LETTERS}/{sequence}/message")).text
    assert "the first 65,536 of 100,000 characters" in page
    assert len(page) < 70_000
    download = await operator.get(f"{LETTERS}/{sequence}/download")
    assert download.text == "x" * 100_000
    assert download.headers["content-type"].startswith("text/plain")


async def test_one_of_which_the_beginning_is_kept_is_not_replayed(installation, operator) -> None:
    sequence = await dead_letter(installation, b"begins", **{"x-truncated-from": "2000000"})
    page = (await operator.get(f"{LETTERS}/{sequence}")).text
    assert "The message had 2.0 MB" in page
    assert "/replay" not in page
    answer = await operator.send(f"{LETTERS}/{sequence}/replay", page="/jobs")
    assert answer.status_code == 409
    assert 'role="alert"' in answer.text
    assert "What is wrong" in answer.text


async def test_a_replay_is_told_and_so_is_one_that_somebody_else_has_done(installation, operator) -> None:
    sequence = await dead_letter(installation)
    answer = await operator.send(f"{LETTERS}/{sequence}/replay", page="/jobs")
    assert answer.headers["location"] == "/operations?notice=replayed"
    page = (await operator.get(answer.headers["location"])).text
    assert "The message was sent again." in page
    assert "No dead letters" in page
    again = await operator.send(f"{LETTERS}/{sequence}/replay", page="/jobs")
    assert again.status_code == 404
    assert "may have been replayed already" in again.text
    assert "What is wrong" in again.text


async def test_one_that_is_refused_again_comes_back(installation, operator) -> None:
    async def letters() -> list[dict[str, Any]]:
        return (await installation.client.get("/dead-letters")).json()["data"]

    await installation.jetstream.publish(f"pod.running.{uuid4()}", b"no event")
    [first] = await eventually(letters)
    assert "no event" in (await operator.get(f"{LETTERS}/{first['sequence']}")).text
    await operator.send(f"{LETTERS}/{first['sequence']}/replay", page="/jobs")
    [second] = await eventually(letters)
    assert second["sequence"] > first["sequence"]
    assert second["consumer"] == first["consumer"]


async def test_all_are_replayed_and_each_is_accounted_for(installation, operator) -> None:
    whole = [await dead_letter(installation) for _ in range(2)]
    cut = await dead_letter(installation, b"x", **{"x-truncated-from": "2000000"})
    page = await operator.send(f"{LETTERS}/replay-all", page="/jobs")
    assert page.status_code == 200
    assert "2 messages were sent again, 1 not." in page.text
    assert f"Sent again: {whole[0]}, {whole[1]}." in page.text
    assert f"Not sent: {cut}." in page.text


async def test_pages_of_dead_letters_follow_each_other(installation, operator) -> None:
    assert "No dead letters" in (await operator.get(LETTERS)).text
    sequences = [await dead_letter(installation) for _ in range(21)]
    first = (await operator.get(LETTERS)).text
    assert f'id="dead-letter-{sequences[19]}"' in first
    assert f'id="dead-letter-{sequences[20]}"' not in first
    following = re.search(r'rel="next" href="([^"]+)"', first)
    assert following is not None
    assert f'id="dead-letter-{sequences[20]}"' in (await operator.get(following[1])).text
    assert "20 oldest of 21" in (await operator.get("/operations")).text


def test_machines_are_summed_as_far_as_prices_are_known() -> None:
    rows = [{"state": state, "rate_micro_usd_per_hour": rate, "cost_micro_usd": cost}
            for state, rate, cost in (("expected", 5, 2), ("unexpected", 7, None), ("unknown", None, None))]
    machines = arranged({"services": [], "machines": {"state": "known", "data": rows}})["machines"]
    assert [row["state"] for row in machines["data"]] == ["unexpected", "unknown", "expected"]
    assert (machines["rate_micro_usd_per_hour"], machines["cost_micro_usd"], machines["without_price"]) == (12, 2, 1)


@pytest.mark.parametrize(("states", "order"), [
    (("ok", "unknown", "failed"), ["failed", "unknown", "ok"]),
    (("ok", "degraded", "starting", "of a later release"), ["of a later release", "starting", "degraded", "ok"]),
])
def test_the_worst_service_comes_first(states, order) -> None:
    services = [{"name": state, "state": state, "outbox": None, "consumers": []} for state in states]
    found = arranged({"services": services, "machines": {"data": []}})
    assert [service["state"] for service in found["services"]] == order
    assert found["healthy"] == 1
