"""Ended jobs added up: by preset, week and person, with what they cost, brought and failed of."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert

from contracts.identifiers import uuid7
from services.job_api.analytics import repository
from services.job_api.analytics.schemas import AnalyticsView
from services.job_api.diagnosis.repository import Period
from services.job_api.edge.auth import Role
from services.job_api.tables import training_jobs

MONDAY = datetime(2026, 11, 2, tzinfo=UTC)
PROVEN = {"verdict": "proven", "perplexity_improvement_pct": 5.0, "improvement_low_pct": 3.0,
          "improvement_high_pct": 7.0}


async def ended(api: Any, *jobs: dict[str, Any], workspace_id: UUID | None = None) -> list[str]:
    """Rows of jobs that have ended, with these columns."""
    workspace = workspace_id or api.workspace_id
    file_id = await api.add_file(workspace_id=workspace)
    usual = {"workspace_id": workspace, "training_file_id": file_id, "name": "n", "preset": "balanced",
             "base_model": "m", "gpu_type": "local", "gpu_pricing_tier": "spot", "created_by": "ada", "attempt": 1,
             "status": "completed", "completed_at": MONDAY, "actual_cost_micro_usd": 1_000_000, "duration_s": 600,
             "checkpoint_recovery_count": 0, "validation": None, "client": "", "error_type": None, "error_code": None,
             "retry_of": None, "adjustments": [], "set_aside": []}
    rows = [usual | {"id": uuid7()} | job for job in jobs]
    async with api.database.transaction() as tx:
        await tx.execute(insert(training_jobs).values(rows))
    api.cost_guard.billed[workspace] |= {row["id"] for row in rows if row["attempt"]}
    return [str(row["id"]) for row in rows]


async def analysed(client: Any, /, **query: Any) -> dict[str, Any]:
    answer = await client.get("/analytics", params=query)
    assert answer.status_code == 200, answer.text
    AnalyticsView.model_validate(answer.json())
    return answer.json()


async def table(client: Any, name: str, /, **query: Any) -> list[dict[str, str]]:
    answer = await client.get("/analytics", params={"format": "csv", "table": name, **query})
    assert answer.headers["content-type"].startswith("text/csv")
    assert f'filename="{name}.csv"' in answer.headers["content-disposition"]
    return list(csv.DictReader(io.StringIO(answer.text)))


async def test_success_cost_and_duration_by_preset_over_weeks(api) -> None:
    next_week = MONDAY + timedelta(days=13, hours=23)
    await ended(
        api, {"validation": PROVEN, "duration_s": 100}, {"actual_cost_micro_usd": 3_000_000, "duration_s": 300},
        {"status": "failed", "actual_cost_micro_usd": 500_000, "duration_s": 5},
        {"status": "cancelled", "duration_s": 5}, {"preset": "aggressive", "completed_at": next_week},
        {"status": "training", "completed_at": None})
    found = await analysed(api.client)
    totals = found["totals"]
    assert (totals["ended"], totals["completed"], totals["failed"], totals["cancelled"]) == (5, 3, 1, 1)
    assert (totals["success_rate"], totals["cost_micro_usd"], totals["cost"]) == (0.75, 6_500_000, 6.5)
    aggressive, balanced = found["presets"]
    assert (balanced["preset"], balanced["success_rate"], balanced["mean_cost"]) == ("balanced", 0.6667, 2.0)
    assert (balanced["median_duration_seconds"], balanced["judged"], balanced["proven"]) == (200, 1, 1)
    assert (balanced["mean_improvement_pct"], aggressive["mean_improvement_pct"]) == (5.0, None)
    assert [(week["week"], week["preset"], week["ended"]) for week in found["weeks"]] == [
        ("2026-11-02", "balanced", 4), ("2026-11-09", "aggressive", 1)]
    [point] = found["cost_and_quality"]["data"]
    assert (point["cost"], point["improvement_pct"], point["low_pct"], point["verdict"]) == (1.0, 5.0, 3.0, "proven")
    assert found["cost_and_quality"]["total"] == 1
    assert [row["week"] for row in await table(api.client, "weeks")] == ["2026-11-02", "2026-11-09"]
    assert [row["completed"] for row in await table(api.client, "presets")] == ["1", "2"]
    assert len(await table(api.client, "jobs")) == 5


async def test_people_interruptions_and_savings(api) -> None:
    me = (await api.client.get("/me")).json()
    await ended(api, {"created_by": me["subject"], "actual_cost_micro_usd": 9_000_000, "checkpoint_recovery_count": 2},
                {"checkpoint_recovery_count": 1, "status": "failed"}, {"attempt": 0, "status": "cancelled"})
    found = await analysed(api.client)
    first, second = found["people"]
    assert (first["creator"], first["email"], first["interruptions"]) == (me["subject"], me["email"], 2)
    assert (second["creator"], second["email"], second["ended"]) == ("ada", None, 2)
    totals = found["totals"]
    assert (totals["interruptions"], totals["interrupted_jobs"], totals["interrupted_completed"]) == (3, 2, 1)
    assert found["savings"]["jobs"] == 2, "one never had a machine"
    assert (found["savings"]["saved"], found["unavailable"]) == (4.0, {})
    assert [row["email"] for row in await table(api.client, "people")] == [me["email"], ""]


async def test_savings_are_of_the_asked_jobs_alone_whichever_are_told_to_cost_guard(api) -> None:
    """Few are told by their ids, most by those of the others."""
    early = {"completed_at": MONDAY - timedelta(days=9)}
    await ended(api, early, {}, {}, {"status": "training", "completed_at": None}, {"attempt": 0, "status": "cancelled"})
    await ended(api, {}, workspace_id=await workspace(api))
    saved = {}
    for name, query in {"most": {}, "half": {"from": MONDAY.isoformat()}, "few": {"to": MONDAY.isoformat()}}.items():
        saved[name] = (await analysed(api.client, **query))["savings"]["jobs"]
    assert saved == {"most": 3, "half": 2, "few": 1}


@pytest.mark.parametrize(("most_others", "all_but"), [(2, True), (1, False)])
async def test_jobs_are_told_by_as_few_ids_as_one_message_takes(api, most_others, all_but) -> None:
    ids = await ended(api, {}, {}, {}, {"status": "training", "completed_at": None}, {"attempt": 0})
    async with api.database.read() as tx:
        found = await repository.ended_with_a_machine(tx, api.workspace_id, Period(), most_others)
    told = set(map(str, found.job_ids))
    assert (found.all_but, told) == (all_but, set(ids[3:] if all_but else ids[:3]))


async def test_frequent_errors_and_what_fixed_them(api) -> None:
    memory = {"status": "failed", "error_type": "out_of_memory", "error_code": "gpu_out_of_memory"}
    first, second = await ended(api, memory, memory)
    change = [{"field": "per_device_train_batch_size", "from": 4, "to": 2}]
    await ended(api, {"retry_of": UUID(first), "adjustments": change},
                {"retry_of": UUID(second), "adjustments": [*change, {"field": "max_seq_length", "from": 2, "to": 1}],
                 "status": "failed", "error_type": "unknown"})
    found = await analysed(api.client)
    errors = {error["code"]: error for error in found["errors"]}
    assert errors["gpu_out_of_memory"]["count"] == 2
    assert errors["gpu_out_of_memory"]["fixes"] == [
        {"field": "per_device_train_batch_size", "ended": 2, "completed": 1, "success_rate": 0.5},
        {"field": "max_seq_length", "ended": 1, "completed": 0, "success_rate": 0.0}]
    assert errors["unknown"]["fixes"] == []
    rows = [(row["code"], row["count"], row["fix_field"], row["fix_completed"])
            for row in await table(api.client, "errors")]
    assert rows == [("gpu_out_of_memory", "2", "per_device_train_batch_size", "1"),
                    ("gpu_out_of_memory", "2", "max_seq_length", "0"), ("unknown", "1", "", "")]


async def test_clients_one_or_several(api) -> None:
    comma = "Smith, Jones"
    await ended(api, {"client": comma, "actual_cost_micro_usd": 9_000_000}, {"client": "Acme"}, {"client": "Acme"}, {})
    found = await analysed(api.client)
    assert [(client["client"], client["ended"]) for client in found["clients"]] == [(comma, 1), ("Acme", 2), ("", 1)]
    assert found["totals"]["ended"] == 4
    assert (await analysed(api.client, client=comma))["totals"]["cost"] == 9.0
    assert (await analysed(api.client, client=[comma, "Acme"]))["totals"]["ended"] == 3
    assert [row["client"] for row in await table(api.client, "clients", client="Acme")] == ["Acme"]


async def test_a_time_a_preset_a_person_and_nobody_elses(api) -> None:
    await ended(api, {}, {"preset": "aggressive"}, {"created_by": "bob"}, {"completed_at": MONDAY - timedelta(days=9)})
    await ended(api, {}, workspace_id=await workspace(api))
    counts = {}
    for name, query in {
        "all": {}, "preset": {"preset": "aggressive"}, "person": {"creator": "bob"},
        "late": {"from": MONDAY.isoformat()}, "early": {"to": MONDAY.isoformat()},
    }.items():
        found = await analysed(api.client, **query)
        counts[name] = found["totals"]["ended"], len(await table(api.client, "jobs", **query))
    assert counts == {"all": (4, 4), "preset": (1, 1), "person": (1, 1), "late": (3, 3), "early": (1, 1)}
    told = (await analysed(api.client, **{"from": MONDAY.isoformat()}))["from"]
    assert datetime.fromisoformat(told) == MONDAY
    nothing = await analysed(await api.member(Role.ADMIN, workspace_id=uuid4()))
    assert (nothing["totals"]["ended"], nothing["weeks"], nothing["totals"]["success_rate"]) == (0, [], None)


async def workspace(api: Any) -> UUID:
    found = uuid4()
    await (await api.member(Role.ADMIN, workspace_id=found)).aclose()
    return found


async def test_without_the_money_the_rest_is_there(alone) -> None:
    await ended(alone, {})
    found = await analysed(alone.client)
    assert (found["totals"]["ended"], found["savings"]) == (1, None)
    assert "cost_guard" in found["unavailable"]["savings"]


@pytest.mark.slow
async def test_all_of_ten_thousand_jobs_are_counted_and_listed(api) -> None:
    statuses = ("completed", "completed", "completed", "failed")
    jobs = [{"preset": ("balanced", "aggressive")[n % 2], "status": statuses[n % 4], "created_by": f"p{n % 7}",
             "completed_at": MONDAY + timedelta(minutes=n), "validation": PROVEN if n % 4 == 0 else None}
            for n in range(10_000)]
    for begin in range(0, len(jobs), 1_000):
        await ended(api, *jobs[begin : begin + 1_000])
    found = await analysed(api.client)
    assert (found["totals"]["ended"], found["totals"]["success_rate"]) == (10_000, 0.75)
    assert (len(found["cost_and_quality"]["data"]), found["cost_and_quality"]["total"]) == (500, 2_500)
    assert found["savings"]["jobs"] == 10_000
    listed = await table(api.client, "jobs")
    assert len({row["id"] for row in listed}) == 10_000
