"""What the fake says and takes is what the provider's OpenAPI document describes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.fake_runpod.catalog import SXM
from tests.fake_runpod.openapi import load_document, violations
from tests.fake_runpod.server import FakeRunPod

ORDER = {"name": "a-pod", "image": "an/image:1", "gpu": {"id": SXM, "count": 1, "minCudaVersion": "13.0"}, "disk": 20,
         "env": {"GREETING": "a\"b\nc"}, "dataCenterIds": ["US-TX-3"]}


@pytest.fixture
def document() -> dict[str, Any]:
    return load_document()


@pytest_asyncio.fixture
async def client(runpod: FakeRunPod) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {runpod.account.options.api_key}"}
    async with httpx.AsyncClient(base_url=runpod.url, headers=headers) as client:
        yield client


async def _running(client: httpx.AsyncClient, pod_id: str) -> dict[str, Any]:
    async with asyncio.timeout(10):
        while (pod := (await client.get(f"/v2/pods/{pod_id}")).json())["status"] != "RUNNING":
            await asyncio.sleep(0.02)
    return dict(pod)


async def test_a_pods_life_is_as_documented(
    runpod: FakeRunPod, client: httpx.AsyncClient, document: dict[str, Any]
) -> None:
    made = await client.post("/v2/pods", json=ORDER)
    assert made.status_code == 201
    await _running(client, made.json()["id"])
    await client.get("/v2/pods")
    assert (await client.delete(f"/v2/pods/{made.json()['id']}")).status_code == 204
    assert (await client.get(f"/v2/pods/{made.json()['id']}")).status_code == 404
    _assert_as_documented(runpod, document)


async def test_catalogue_volumes_and_bills_are_as_documented(
    runpod: FakeRunPod, client: httpx.AsyncClient, document: dict[str, Any]
) -> None:
    await client.post("/v2/pods", json=ORDER)
    await client.get("/v2/catalog/gpus")
    await client.get("/v2/catalog/gpus?include=AVAILABILITY&product=POD&cloud=SECURE&minCudaVersion=13.0")
    await client.get("/v2/catalog/datacenters")
    await client.post("/v2/network-volumes", json={"name": "models", "size": 100, "dataCenter": "EU-RO-1"})
    assert len((await client.get("/v2/network-volumes")).json()["networkVolumes"]) == 1
    await client.get("/v2/billing/pods?bucketSize=hour")
    _assert_as_documented(runpod, document)


async def test_every_refusal_is_a_problem_document(
    runpod: FakeRunPod, client: httpx.AsyncClient, document: dict[str, Any]
) -> None:
    refusals = [
        (await client.get("/v2/pods", headers={"Authorization": "Bearer wrong"})).status_code,
        (await client.post("/v2/pods", json={**ORDER, "bogus": 1})).status_code,
        (await client.post("/v2/pods", json={**ORDER, "dataCenterIds": ["us-tx-3"]})).status_code]
    runpod.faults.forbidden_gpus = {SXM}
    refusals.append((await client.post("/v2/pods", json=ORDER)).status_code)
    runpod.faults.forbidden_gpus = set()
    runpod.faults.rate_limited = [12]
    limited = await client.get("/v2/pods")
    refusals.append(limited.status_code)
    runpod.account.run_out_of_money()
    refusals.append((await client.post("/v2/pods", json=ORDER)).status_code)
    runpod.faults.any_call = [503]
    refusals.append((await client.get("/v2/pods")).status_code)
    assert refusals == [401, 422, 400, 403, 429, 402, 503]
    assert limited.headers["Retry-After"] == "12"
    _assert_as_documented(runpod, document)


async def test_the_check_finds_what_is_not_as_documented(
    runpod: FakeRunPod, client: httpx.AsyncClient, document: dict[str, Any]
) -> None:
    await client.post("/v2/pods", json=ORDER)
    good = runpod.exchanges[-1]
    assert violations(document, good) == []
    assert violations(document, replace(good, body={**good.body, "interruptible": True}))
    assert violations(document, replace(good, answer={**good.answer, "status": "SLEEPING"}))
    assert violations(document, replace(good, path="/v2/machines"))
    assert violations(document, replace(good, query="colour=blue"))


async def test_the_bill_is_to_the_second(runpod: FakeRunPod, client: httpx.AsyncClient) -> None:
    pod_id = (await client.post("/v2/pods", json=ORDER)).json()["id"]
    await _running(client, pod_id)
    runpod.account.advance(5400)
    await client.delete(f"/v2/pods/{pod_id}")
    pod = runpod.account.pods[pod_id]
    runpod.account.advance(3600)
    bills = (await client.get(f"/v2/billing/pods?bucketSize=hour&podId={pod_id}")).json()
    assert bills["metadata"]["totals"]["totalAmount"] == pytest.approx(3.49 * pod.seconds(runpod.account.now()) / 3600)
    assert 5400 <= pod.seconds(runpod.account.now()) < 5430
    assert len(bills["records"]) in (2, 3)


async def test_values_reach_the_pod_as_they_are(runpod: FakeRunPod, client: httpx.AsyncClient) -> None:
    pod_id = (await client.post("/v2/pods", json=ORDER)).json()["id"]
    assert (await _running(client, pod_id))["env"]["GREETING"] == "a\"b\nc"


async def test_the_rate_limit_counts(runpod: FakeRunPod, client: httpx.AsyncClient) -> None:
    runpod.account.options.requests_per_minute = 3
    answers = [(await client.get("/v2/pods")).status_code for _ in range(8)]
    assert answers.count(429) >= 2
    assert answers[0] == 200


def _assert_as_documented(runpod: FakeRunPod, document: dict[str, Any]) -> None:
    assert runpod.exchanges
    assert [found for exchange in runpod.exchanges for found in violations(document, exchange)] == []
