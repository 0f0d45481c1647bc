"""Limits per key, workspace and address, counted in a real Valkey for all replicas together."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import httpx
import pytest
from prometheus_client import CollectorRegistry
from redis.asyncio import Redis

from chassis.clock import FakeClock
from services.job_api.app import create_app
from services.job_api.bootstrap import bootstrap
from services.job_api.edge.rate_limits import Counters, Quota
from services.job_api.edge.rate_limits.policies import Limit
from services.job_api.settings import Settings
from tests.services.job_api.waiting import eventually

FEW = {"rate_limits": True, "rate_reads_per_key": "3/600", "rate_reads_per_workspace": "5/600",
       "rate_writes_per_key": "2/600", "rate_sign_ins_per_address": "2/600", "trusted_proxies": ("127.0.0.1",)}


@pytest.fixture
def told() -> dict[str, Any]:
    return FEW


def left(answer: httpx.Response) -> dict[str, int]:
    return {name: int(r) for name, r in re.findall(r'"([\w-]+)";r=(\d+);t=\d+', answer.headers["ratelimit"])}


def refused_by(answer: httpx.Response) -> tuple[int, str, str]:
    return answer.status_code, answer.json().get("code", ""), answer.json().get("limit", "")


async def test_every_answer_tells_what_is_left(alone) -> None:
    first, second = [await alone.client.get("/me") for _ in range(2)]
    assert first.headers["ratelimit-policy"] == '"reads-key";q=3;w=600, "reads-workspace";q=5;w=600'
    assert (left(first), left(second)) == ({"reads-key": 2, "reads-workspace": 4},
                                           {"reads-key": 1, "reads-workspace": 3})
    refused = await alone.client.post("/jobs", json={"unknown": 1}, headers={"idempotency-key": str(uuid4())})
    assert refused.status_code == 422
    assert left(refused)["writes-key"] == 1  # once, although three layers ask who it is
    assert left(await alone.client.get(f"/jobs/{uuid4()}")) == {"reads-key": 0, "reads-workspace": 2}


async def test_a_key_that_asks_too_much_waits_and_nobody_else_does(alone) -> None:
    for _ in range(3):
        assert (await alone.client.get("/me")).status_code == 200
    answer = await alone.client.get("/me")
    assert refused_by(answer) == (429, "rate_limited", "reads-key")
    assert 1 <= int(answer.headers["retry-after"]) <= 200
    assert answer.headers["x-should-retry"] == "true"
    assert left(answer) == {"reads-key": 0, "reads-workspace": 2}  # a refused request costs nothing
    assert (await alone.client.put("/budget", json={})).status_code == 422  # writes are counted apart
    colleague, tenant = await alone.member("engineer"), await alone.member("admin", workspace_id=uuid4())
    assert (await colleague.get("/me")).status_code == 200
    assert (await tenant.get("/me")).status_code == 200


@pytest.mark.slow
async def test_the_keys_of_a_workspace_share_its_limit(alone) -> None:
    colleagues = [await alone.member("engineer") for _ in range(3)]
    answers = [await client.get("/me") for _ in range(2) for client in colleagues]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    assert refused_by(answers[-1])[2] == "reads-workspace"


async def test_wrong_credentials_are_counted_by_address_and_right_ones_are_not(alone) -> None:
    here, there = {"x-forwarded-for": "192.0.2.1"}, {"x-forwarded-for": "192.0.2.2"}
    thief = alone.as_key("br_" + "x" * 48)
    answers = [await thief.get("/me", headers=here) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [401, 401, 429]
    assert refused_by(answers[-1])[2] == "sign-ins-address"
    assert (await thief.get("/me", headers=there)).status_code == 401
    assert (await alone.client.get("/me", headers=here)).status_code == 200


@pytest.mark.slow
async def test_what_was_used_comes_back(settings_for, fresh_database, tmp_path) -> None:
    async with replica(settings_for, fresh_database, tmp_path, rate_reads_per_key="2/1") as (client, _):
        answers = [await client.get("/me") for _ in range(4)]
        assert 429 in {answer.status_code for answer in answers}
        await eventually(lambda: is_answered(client), 10)


async def is_answered(client: httpx.AsyncClient) -> bool:
    return (await client.get("/me")).status_code == 200


@asynccontextmanager
async def replica(
    settings_for: Any, fresh_database: Any, folder: Any, database: Any = None, key: str = "", **more: Any
) -> AsyncIterator[tuple[httpx.AsyncClient, Any]]:
    """An app in this process, without its background work."""
    database = database or await fresh_database("services.job_api")
    settings = Settings(**settings_for("job_api", **({"database_url": database.url} | FEW | more)))
    key = key or (await bootstrap(database, folder / f"{uuid4()}.json", "http://test"))["api_key"]
    app = create_app(settings)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test/api/training",
                                 headers={"authorization": f"Bearer {key}"}) as client:
        yield client, app.state.runtime
    await app.state.runtime.redis.aclose()
    await app.state.runtime.database.dispose()


async def test_replicas_count_together(settings_for, fresh_database, tmp_path) -> None:
    database = await fresh_database("services.job_api")
    key = (await bootstrap(database, tmp_path / "key.json", "http://test"))["api_key"]
    given = (settings_for, fresh_database, tmp_path, database, key)
    async with replica(*given) as (one, _), replica(*given) as (other, _):
        answers = [await client.get("/me") for client in (one, other, one, other)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]


@pytest.mark.parametrize("broken", ["away", "hangs"])
async def test_without_valkey_nobody_is_refused_and_it_is_counted(
    settings_for, fresh_database, tmp_path, broken
) -> None:
    async def never_answer(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    silent = await asyncio.start_server(never_answer, "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1] if broken == "hangs" else 1
    async with replica(settings_for, fresh_database, tmp_path, redis_url=f"redis://127.0.0.1:{port}/0") as found:
        client, runtime = found
        answers = [await client.get("/me") for _ in range(6)]
        assert {answer.status_code for answer in answers} == {200}
        assert not any("ratelimit" in answer.headers for answer in answers)
        assert runtime.registry.get_sample_value("brightrun_rate_limit_unavailable_total") == 6
    silent.close()


@pytest.mark.slow
async def test_refusals_are_counted_by_limit(alone) -> None:
    for _ in range(4):
        await alone.client.get("/me")
    registry = alone.app.state.runtime.registry
    assert registry.get_sample_value("brightrun_rate_limited_total", {"limit": "reads-key"}) == 1


@pytest.mark.slow
async def test_limits_that_are_off_say_nothing(settings_for, fresh_database, tmp_path) -> None:
    none = {"rate_reads_per_key": "0/60", "rate_reads_per_workspace": "0/60"}
    async with replica(settings_for, fresh_database, tmp_path, **none) as (client, _):
        answers = [await client.get("/me") for _ in range(8)]
    assert {answer.status_code for answer in answers} == {200}
    assert not any("ratelimit" in answer.headers for answer in answers)


@pytest.mark.parametrize("text", ["many", "-1/60", "10/0", "10", "10/60s", ""])
def test_a_quota_that_is_none_is_refused_at_the_start(text, settings_for) -> None:
    with pytest.raises(ValueError, match="rate_reads_per_key"):
        Settings(**settings_for("job_api", rate_reads_per_key=text))


def test_a_quota_is_requests_in_seconds() -> None:
    assert (Quota.parse("600/60"), Quota.parse("0/60")) == (Quota(600, 60), None)


class Asked:
    """Counters over the real Valkey that say how often they asked it; time stands still for what they hold."""

    def __init__(self, url: str) -> None:
        self.redis, self.clock = Redis.from_url(url), FakeClock()
        self.counters = Counters(self.redis, self.clock, CollectorRegistry())
        self.times, self._charge = 0, self.counters._charge
        self.counters._charge = self._counted

    async def _counted(self, **given: Any) -> Any:
        self.times += 1
        return await self._charge(**given)


async def test_a_large_quota_is_taken_in_portions_and_never_exceeded(valkey) -> None:
    limit = Limit("reads-key", Quota(400, 4), f"{{{uuid4()}}}")  # 100 a second: five at a time
    replicas = [Asked(valkey.url) for _ in range(2)]
    taken = [[await replica.counters.charge([limit]) for _ in range(10)] for replica in replicas]
    assert [replica.times for replica in replicas] == [2, 2]
    assert [states[0].remaining for states in taken[0]][:5] == [399, 398, 397, 396, 395]
    replicas[0].clock.advance(2)  # what it held is gone, what it had charged stays charged
    await replicas[0].counters.charge([limit])
    assert replicas[0].times == 3
    small = Limit("writes-key", Quota(50, 3600), f"{{{uuid4()}}}")
    for _ in range(50):
        assert not (await replicas[0].counters.charge([small]))[0].refused
    assert (await replicas[0].counters.charge([small]))[0].refused
    for replica in replicas:
        await replica.redis.aclose()


async def test_the_last_requests_of_a_quota_are_given_out_singly(valkey) -> None:
    limit, asked = Limit("reads-key", Quota(6180, 60), f"{{{uuid4()}}}"), Asked(valkey.url)  # five at a time
    await asked._charge(keys=[f"rate:{limit.of}:{limit.name}"], args=[6177, 6180, 60_000_000])
    answers = [(await asked.counters.charge([limit]))[0] for _ in range(3)]
    assert not any(answer.refused for answer in answers)
    await asked.redis.aclose()
