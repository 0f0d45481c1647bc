"""API keys that take the place of others while requests go on."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest


async def _status(api: Any, key: str) -> int:
    answer = await api.client.get("/me", headers={"authorization": f"Bearer {key}"})
    return int(answer.status_code)


async def _made(api: Any, **body: Any) -> dict[str, Any]:
    answer = await api.client.post("/api-keys", json={"name": "robot", "roles": ["engineer"], **body})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def _rotated(api: Any, key_id: str, **body: Any) -> dict[str, Any]:
    answer = await api.client.post(f"/api-keys/{key_id}/rotate", json=body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def test_both_keys_work_and_the_old_one_says_until_when(api: Any) -> None:
    before = await _made(api)
    after = await _rotated(api, before["id"], keep_previous_for_s=3600)
    assert after["key"] != before["key"]
    assert (after["replaces"], after["name"], after["roles"]) == (before["id"], before["name"], before["roles"])
    assert await _status(api, before["key"]) == await _status(api, after["key"]) == 200
    listed = {row["id"]: row for row in (await api.client.get("/api-keys")).json()["data"]}
    assert listed[before["id"]]["expires_at"] is not None
    assert listed[after["id"]]["expires_at"] is None
    assert listed[after["id"]]["last_used_at"] is not None
    assert "key" not in listed[after["id"]]


async def test_never_more_than_two_of_a_line_work(api: Any) -> None:
    first = await _made(api)
    second = await _rotated(api, first["id"])
    third = await _rotated(api, second["id"])
    assert [await _status(api, key["key"]) for key in (first, second, third)] == [401, 200, 200]


async def test_without_grace_the_old_key_ends_at_once_and_cannot_be_rotated_again(api: Any) -> None:
    before = await _made(api)
    assert await _status(api, before["key"]) == 200  # it is remembered now
    after = await _rotated(api, before["id"], keep_previous_for_s=0)
    assert [await _status(api, key["key"]) for key in (before, after)] == [401, 200]
    refused = await api.client.post(f"/api-keys/{before['id']}/rotate")
    assert (refused.status_code, refused.json()["code"]) == (409, "api_key_not_usable")


async def test_requests_go_on_while_keys_are_rotated(api: Any) -> None:
    """Who takes the new key when it is told never meets a refusal."""
    current, statuses, stop = await _made(api), list[int](), asyncio.Event()

    async def work() -> None:
        while not stop.is_set():
            statuses.append(await _status(api, current["key"]))

    workers = [asyncio.create_task(work()) for _ in range(3)]
    for _ in range(4):
        current = await _rotated(api, current["id"], keep_previous_for_s=60)
        await asyncio.sleep(0.05)
    stop.set()
    await asyncio.gather(*workers)
    assert len(statuses) > 12
    assert set(statuses) == {200}


async def test_a_strangers_key_is_unknown(api: Any) -> None:
    answer = await api.client.post("/api-keys/019a0000-0000-7000-8000-000000000001/rotate")
    assert (answer.status_code, answer.json()["code"]) == (404, "api_key_not_found")


@pytest.mark.parametrize("seconds", [-1, 10**9])
async def test_a_grace_without_bounds_is_refused(api: Any, seconds: int) -> None:
    before = await _made(api)
    answer = await api.client.post(f"/api-keys/{before['id']}/rotate", json={"keep_previous_for_s": seconds})
    assert answer.status_code == 422
