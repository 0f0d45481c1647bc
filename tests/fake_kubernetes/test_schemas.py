"""What the published schemas say is really held against what is exchanged: each rule can fail."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import httpx
import pytest

from tests.fake_kubernetes.schemas import Exchange, violations
from tests.fake_kubernetes.server import FakeKubernetes

PATH = "/apis/batch/v1/namespaces/brightrun-training/jobs"
JOB: dict[str, Any] = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "a-job"}, "spec": {"template": {
    "spec": {"restartPolicy": "Never", "containers": [{"name": "trainer", "image": "an/image"}]}}}}
FINE = Exchange("POST", PATH, {"fieldValidation": "Strict"}, "application/json", JOB, 201, JOB)
REFUSED = {"apiVersion": "v1", "kind": "Status", "metadata": {}, "status": "Failure", "reason": "Invalid", "code": 422}


def with_field(**more: Any) -> dict[str, Any]:
    return {**JOB, "spec": {**JOB["spec"], **more}}


def test_what_is_as_published_has_no_violation() -> None:
    assert violations(FINE) == []
    assert violations(replace(FINE, status=422, answer=REFUSED)) == []


@pytest.mark.parametrize(("exchange", "words"), [
    (replace(FINE, body=with_field(backOffLimit=0)), "backOffLimit"),
    (replace(FINE, body=with_field(backoffLimit="none")), "is not of type"),
    (replace(FINE, answer=with_field(suspend="yes")), "201 of POST"),
    (replace(FINE, query={"fieldvalidation": "Strict"}), "has no parameter fieldvalidation"),
    (replace(FINE, path="/apis/batch/v1/jobs"), "is no operation"),
    (replace(FINE, content_type="text/plain"), "is text/plain"),
    (replace(FINE, status=422, answer={"detail": "no"}), "detail"),
])
def test_what_is_not_is_told(exchange: Exchange, words: str) -> None:
    assert any(words in found for found in violations(exchange))


async def test_the_fake_refuses_what_it_does_not_know(kubernetes: FakeKubernetes) -> None:
    headers = {"Authorization": f"Bearer {kubernetes.options.token}"}
    async with httpx.AsyncClient(base_url=kubernetes.url, headers=headers) as client:
        answer = await client.post(PATH, json=with_field(backOffLimit=0))
    assert answer.status_code == 400
    assert "backOffLimit" in answer.json()["message"]
    assert kubernetes.store.jobs == {}
    kubernetes.exchanges.clear()  # this one was against the rules on purpose
